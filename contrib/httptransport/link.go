package httptransport

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Connections to a peer. Each stream and each attempt at a snapshot has one of its own, which is closed with it: a connection
// that has died is never used again, and a snapshot does not stand in the way of messages.

// A link is an HTTP/2 client for one peer.
type link struct {
	options *Options
	base    string // of all URLs
	header  http.Header
	http    *http.Transport

	ctx    context.Context // ended by close
	cancel context.CancelFunc

	mu    sync.Mutex
	conns []net.Conn
	// secured is the connection that was made last, if it is encrypted.
	secured *tls.Conn
	tls     *tls.Config
}

// A RefusedError is the answer of a peer that does not take what it was sent.
type RefusedError struct {
	// Status is the HTTP status.
	Status int
	// Reason is what the peer said.
	Reason string
	// Final says that to try again is of no use.
	Final bool

	offset uint64
}

// Error returns the peer's reason.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("the peer refused with status %d: %s", e.Status, e.Reason)
}

// newLink prepares to talk to a host. It does not connect yet.
func newLink(o *Options, id uint64, address string) (*link, error) {
	base, err := checkAddress(o, address)
	if err != nil {
		return nil, err
	}
	l := &link{options: o, base: base, header: requestHeader(o, id)}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.http = &http.Transport{
		DialContext:            l.dial,
		DialTLSContext:         l.dialTLS,
		MaxResponseHeaderBytes: maxHeaderBytes,
		DisableCompression:     true,
		Protocols:              new(http.Protocols),
		HTTP2: &http.HTTP2Config{
			SendPingTimeout:  o.Keepalive,
			PingTimeout:      o.StreamIdle,
			WriteByteTimeout: o.StreamIdle,
		},
	}
	if o.TLS == nil {
		l.http.Protocols.SetUnencryptedHTTP2(true)
		return l, nil
	}
	l.http.Protocols.SetHTTP2(true)
	l.tls = clientTLS(o, id)
	return l, nil
}

// checkAddress returns the address without a slash at the end.
func checkAddress(o *Options, address string) (string, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return "", fmt.Errorf("address %q: %w", address, err)
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "":
		return "", fmt.Errorf("address %q is not of the form http://host:port or https://host:port", address)
	case u.Scheme == "http" && o.TLS != nil:
		return "", fmt.Errorf("address %q is not encrypted although TLS is configured, use https", address)
	case u.Scheme == "https" && o.TLS == nil:
		return "", fmt.Errorf("address %q needs Options.TLS", address)
	}
	return strings.TrimRight(u.String(), "/"), nil
}

// requestHeader returns what every request to a host says.
func requestHeader(o *Options, to uint64) http.Header {
	h := http.Header{}
	h.Set(headerVersion, protocolVersion)
	h.Set(headerCluster, o.ClusterID)
	h.Set(headerFrom, strconv.FormatUint(o.ID, 10))
	h.Set(headerTo, strconv.FormatUint(to, 10))
	if o.Address != "" {
		h.Set(headerAddress, o.Address)
	}
	return h
}

// clientTLS returns the configuration for connections to a host: its certificate must be the host's.
func clientTLS(o *Options, id uint64) *tls.Config {
	config := o.TLS.Clone()
	config.NextProtos = []string{"h2"}
	inner := config.VerifyConnection
	config.VerifyConnection = func(state tls.ConnectionState) error {
		if inner != nil {
			if err := inner(state); err != nil {
				return err
			}
		}
		if len(state.PeerCertificates) == 0 {
			return errors.New("the peer has shown no certificate")
		}
		if err := o.Authorize(id, state.PeerCertificates[0]); err != nil {
			return fmt.Errorf("the certificate is not that of host %d: %w", id, err)
		}
		return nil
	}
	return config
}

func (l *link) dial(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, l.options.StreamIdle)
	defer cancel()
	defer context.AfterFunc(l.ctx, cancel)()
	conn, err := l.options.Dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ctx.Err() != nil {
		return nil, errors.Join(l.ctx.Err(), conn.Close())
	}
	l.conns = append(l.conns, conn)
	return conn, nil
}

func (l *link) dialTLS(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, l.options.StreamIdle)
	defer cancel()
	conn, err := l.dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	config := l.tls
	if config.ServerName == "" {
		config = config.Clone()
		config.ServerName = address
		if host, _, err := net.SplitHostPort(address); err == nil {
			config.ServerName = host
		}
	}
	secured := tls.Client(conn, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.secured = secured
	return secured, nil
}

// explain replaces the error of a link that was closed by the alert that the peer has sent, if it has: the peer sees the
// certificate only after the handshake has succeeded on this side, and net/http does not tell.
func (l *link) explain(err error) error {
	l.mu.Lock()
	secured := l.secured
	l.mu.Unlock()
	if secured == nil {
		return err
	}
	var alert *net.OpError
	_, readErr := secured.Read(make([]byte, 1))
	if errors.As(readErr, &alert) && alert.Op == "remote error" {
		return readErr
	}
	return err
}

// close ends all connections, whatever they are doing.
func (l *link) close() {
	l.cancel()
	l.mu.Lock()
	conns := l.conns
	l.conns = nil
	l.mu.Unlock()
	for _, conn := range conns {
		// What waits to be sent is of no use. An error says that the connection has ended already.
		_ = conn.Close()
	}
	l.http.CloseIdleConnections()
}

// closeAfter has the link closed when a context ends, unless stop is called before. A request whose body waits for the receiver
// does not notice the end of its context otherwise.
func (l *link) closeAfter(ctx context.Context) (stop func() bool) {
	return context.AfterFunc(ctx, l.close)
}

// post sends a request, whose body has the length given, -1 if it is not known. The caller closes the response's body. A response
// other than 200 is a *RefusedError; after any other error the link is closed.
func (l *link) post(ctx context.Context, path string, body io.ReadCloser, length int64, extra http.Header) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, l.base+path, body)
	if err != nil {
		return nil, err
	}
	request.ContentLength = length
	request.Header = l.header.Clone()
	for name, values := range extra {
		request.Header[name] = values
	}
	response, err := l.http.RoundTrip(request)
	if err != nil {
		l.close()
		return nil, l.explain(err)
	}
	if response.StatusCode == http.StatusOK {
		return response, nil
	}
	defer response.Body.Close()
	return nil, refusedBy(response)
}

// refusedBy reads the reason from a response.
func refusedBy(response *http.Response) error {
	text, err := io.ReadAll(io.LimitReader(response.Body, maxErrorBytes))
	if err != nil && len(text) == 0 {
		text = []byte(err.Error())
	}
	var answer errorAnswer
	if json.Unmarshal(text, &answer) == nil && answer.Error != "" {
		text = []byte(answer.Error)
	}
	if len(text) == 0 {
		text = []byte(http.StatusText(response.StatusCode))
	}
	return &RefusedError{
		Status: response.StatusCode, Reason: strings.ToValidUTF8(string(text), "?"), Final: answer.Final, offset: answer.Offset,
	}
}

// within returns a context that ends after d, with an error that says so.
func within(ctx context.Context, d time.Duration, what string) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, d, fmt.Errorf("%s took longer than %v", what, d))
}

// causeOf returns why an operation failed: the cause of its context's end, if that ended it.
func causeOf(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// brief returns the text of an error without the addresses and ports that differ from one attempt to the next.
func brief(err error) string {
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		return op.Op + ": " + op.Err.Error()
	}
	text := err.Error()
	return text[:min(len(text), maxErrorBytes)]
}
