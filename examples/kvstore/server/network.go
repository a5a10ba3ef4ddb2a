package server

// How the other members are reached: through which certificates, and through which proxy.

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/seed695671cb/raft/contrib/httptransport"
	"github.com/seed695671cb/raft/examples/kvstore/proxy"
)

// A peerNetwork is what streams to other members, and requests that are passed to them, have in common.
type peerNetwork struct {
	// tls is nil without encryption.
	tls     *tls.Config
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
	cluster string
}

func newPeerNetwork(o *Options) (*peerNetwork, error) {
	n := &peerNetwork{dial: (&net.Dialer{Timeout: 5 * time.Second}).DialContext, cluster: o.Cluster}
	if o.PeerProxy != "" {
		dial, err := proxy.Dialer(o.PeerProxy)
		if err != nil {
			return nil, fmt.Errorf("--peer-proxy: %w", err)
		}
		n.dial = dial
	}
	if o.TLS.Enabled() {
		config, err := httptransport.TLSFiles(o.TLS.Cert, o.TLS.Key, o.TLS.CA)
		if err != nil {
			return nil, fmt.Errorf("--tls-cert, --tls-key and --tls-ca: %w", err)
		}
		n.tls = config
	}
	return n, nil
}

// clientOf makes a client for a request to a member, which is of no use for others: with certificates, it talks to that member alone. There
// is nothing to close, since it keeps no connections.
func (n *peerNetwork) clientOf(member uint64) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DialContext:         n.dial,
			TLSClientConfig:     n.clientTLS(member),
			TLSHandshakeTimeout: 5 * time.Second,
			// These requests are rare, and a connection that has died in between would leave it open whether one was made.
			DisableKeepAlives: true,
		},
		// A member does not send anybody elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// clientTLS accepts a member's own certificate, as the transport does: what is sent holds the token of who has asked.
func (n *peerNetwork) clientTLS(member uint64) *tls.Config {
	if n.tls == nil {
		return nil
	}
	config := n.tls.Clone()
	config.NextProtos = nil
	want := httptransport.MemberURI(n.cluster, member).String()
	config.VerifyConnection = func(state tls.ConnectionState) error {
		for _, uri := range state.PeerCertificates[0].URIs {
			if uri.String() == want {
				return nil
			}
		}
		return fmt.Errorf("the certificate is not that of member %d: %s is not among its alternative names", member, want)
	}
	return config
}

// serverTLS is the configuration of the listener. Clients need no certificate; members do, and the transport checks theirs.
func (n *peerNetwork) serverTLS() *tls.Config {
	if n.tls == nil {
		return nil
	}
	return n.tls.Clone()
}
