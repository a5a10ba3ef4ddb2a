package httptransport

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed695671cb/raft/replica"
	"github.com/stretchr/testify/require"
)

// An authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	next int64
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return &authority{cert: cert, key: key, next: 2}
}

// write writes a certificate for a host, its key, and the authority of others, to files.
func (a *authority) write(t testing.TB, dir string, uri *url.URL, trusted *authority) (cert, key, ca string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(a.next), Subject: pkix.Name{CommonName: "host"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		URIs:        []*url.URL{uri},
	}
	a.next++
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &private.PublicKey, a.key)
	require.NoError(t, err)
	encoded, err := x509.MarshalECPrivateKey(private)
	require.NoError(t, err)
	cert, key, ca = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), filepath.Join(dir, "ca.pem")
	for name, block := range map[string]*pem.Block{
		cert: {Type: "CERTIFICATE", Bytes: der},
		key:  {Type: "EC PRIVATE KEY", Bytes: encoded},
		ca:   {Type: "CERTIFICATE", Bytes: trusted.cert.Raw},
	} {
		require.NoError(t, os.WriteFile(name, pem.EncodeToMemory(block), 0o600))
	}
	return cert, key, ca
}

func (a *authority) config(t testing.TB, id uint64) *tls.Config {
	t.Helper()
	config, err := TLSFiles(a.write(t, t.TempDir(), MemberURI("test", id), a))
	require.NoError(t, err)
	return config
}

func secureHost(t testing.TB, id uint64, config *tls.Config) *host {
	o := quickOptions(id)
	o.TLS = config
	return newHostTLS(t, o, config)
}

// fails waits for the reason why a host is not reached: on a busy machine, an attempt may end before for another one.
func (h *host) fails(t testing.TB, id uint64, want string) {
	t.Helper()
	eventually(t, want, func() bool { return strings.Contains(h.status(id).LastError, want) })
}

func TestMutualTLS(t *testing.T) {
	checkLeaks(t)
	ca := newAuthority(t)
	a, b := secureHost(t, 1, ca.config(t, 1)), secureHost(t, 2, ca.config(t, 2))
	a.SetPeer(2, b.address)
	b.SetPeer(1, a.address)
	require.NoError(t, a.Send(2, []replica.Message{heartbeat(1, 2, 1)}))
	require.NoError(t, b.Send(1, []replica.Message{heartbeat(2, 1, 1)}))
	eventually(t, "both have arrived", func() bool { return a.received() == 1 && b.received() == 1 })
	s, done := outgoing(1, 2, 7, 99, someBytes(3<<20))
	a.SendSnapshot(s)
	require.NoError(t, outcome(t, done))
}

// Who may not connect is told why, and is neither let in nor logged about over and over.
func TestUninvitedAreRefused(t *testing.T) {
	ca, otherCA := newAuthority(t), newAuthority(t)
	noCert := &tls.Config{RootCAs: ca.config(t, 1).RootCAs}
	foreign, err := TLSFiles(otherCA.write(t, t.TempDir(), MemberURI("test", 1), ca)) // trusts b, which does not trust it
	require.NoError(t, err)
	otherCluster, err := TLSFiles(ca.write(t, t.TempDir(), MemberURI("other", 1), ca))
	require.NoError(t, err)
	for _, test := range []struct {
		name       string
		config     *tls.Config
		want, logs string // at the uninvited host, and in the log of the other
	}{
		{"no certificate", noCert, "401: host 1 has shown no certificate", "shown no certificate"},
		{"another authority", foreign, "unknown certificate authority", "unknown authority"},
		{"another host's certificate", ca.config(t, 3), "none of the URI raft://test/1", "none of the URI raft://test/1"},
		{"another cluster's certificate", otherCluster, "none of the URI raft://test/1", "none of the URI raft://test/1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := secureHost(t, 2, ca.config(t, 2))
			o := quickOptions(1)
			o.TLS = test.config
			var attempts atomic.Int64
			o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
				attempts.Add(1)
				return new(net.Dialer).DialContext(ctx, network, address)
			}
			a := newHost(t, o)
			a.SetPeer(2, b.address)
			require.NoError(t, a.Send(2, []replica.Message{heartbeat(1, 2, 1)}))
			a.fails(t, 2, test.want)
			eventually(t, "many attempts, and one line about them", func() bool { return attempts.Load() >= 10 && b.logs.count(test.logs) == 1 })
			// A connection that is cut may look otherwise now and then, which is another line.
			require.LessOrEqual(t, a.logs.count("not reached"), 5, "%s", a.logs)
			require.Zero(t, b.received())
			s, done := outgoing(1, 2, 7, 99, someBytes(10))
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			s.Context = ctx
			a.SendSnapshot(s)
			require.Error(t, outcome(t, done))
			require.Zero(t, b.opened)
		})
	}
}

// A server must show the certificate of the host that is connected to.
func TestServerOfAnotherHostIsNotTalkedTo(t *testing.T) {
	ca, otherCA := newAuthority(t), newAuthority(t)
	a := secureHost(t, 1, ca.config(t, 1))
	b := secureHost(t, 2, ca.config(t, 3))
	a.SetPeer(2, b.address)
	a.fails(t, 2, "the certificate is not that of host 2")
	c := secureHost(t, 3, otherCA.config(t, 3))
	a.SetPeer(3, c.address)
	a.fails(t, 3, "unknown authority")
	require.Zero(t, b.Stats().RefusedRequests+c.Stats().RefusedRequests, "no request is sent")
	a.SetPeer(4, "http://127.0.0.1:1")
	a.fails(t, 4, "use https")
}

func TestAuthorizeIsAsked(t *testing.T) {
	ca := newAuthority(t)
	o := quickOptions(2)
	o.TLS = ca.config(t, 2)
	o.Authorize = func(id uint64, cert *x509.Certificate) error {
		return errors.New("not today")
	}
	b := newHostTLS(t, o, o.TLS)
	a := secureHost(t, 1, ca.config(t, 1))
	a.SetPeer(2, b.address)
	a.fails(t, 2, "403: the certificate is not that of host 1: not today")
}

func TestCertificatesAreLoadedAgain(t *testing.T) {
	ca := newAuthority(t)
	dir := t.TempDir()
	cert, key, caFile := ca.write(t, dir, MemberURI("test", 1), ca)
	k := &keyPair{certFile: cert, keyFile: key}
	now := time.Now()
	first, err := k.get(now)
	require.NoError(t, err)
	ca.write(t, dir, MemberURI("test", 1), ca)
	require.NoError(t, os.Chtimes(cert, now, now.Add(time.Minute))) // whatever the file system's clock does
	same, err := k.get(now.Add(keyCheck / 2))
	require.NoError(t, err)
	require.Same(t, first, same, "not looked at again so soon")
	second, err := k.get(now.Add(2 * keyCheck))
	require.NoError(t, err)
	require.NotEqual(t, first.Certificate, second.Certificate)
	require.NoError(t, os.WriteFile(key, []byte("half of a k"), 0o600))
	kept, err := k.get(now.Add(4 * keyCheck))
	require.NoError(t, err)
	require.Same(t, second, kept, "files that do not fit each other are not used")

	_, err = TLSFiles(cert, key, caFile)
	require.ErrorContains(t, err, "key.pem")
	_, err = TLSFiles(cert, key, filepath.Join(dir, "nothing"))
	require.ErrorContains(t, err, "nothing")
	_, err = TLSFiles(cert, key, key)
	require.ErrorContains(t, err, "no certificates")
}
