package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft/contrib/httptransport"
)

// An authority signs certificates for tests.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
	path string
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	a := &authority{t: t, dir: t.TempDir(), pool: x509.NewCertPool()}
	var err error
	a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	require.NoError(t, err)
	a.cert, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	a.pool.AddCert(a.cert)
	a.path = a.write("ca.pem", "CERTIFICATE", der)
	return a
}

func (a *authority) write(name, kind string, der []byte) string {
	path := filepath.Join(a.dir, name)
	require.NoError(a.t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
	return path
}

// member makes the certificate of a member.
func (a *authority) member(cluster string, id uint64) TLSFiles {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(a.t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(int64(id) + 1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, URIs: []*url.URL{httptransport.MemberURI(cluster, id)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	require.NoError(a.t, err)
	keyDER, err := x509.MarshalECPrivateKey(key)
	require.NoError(a.t, err)
	name := fmt.Sprintf("%s-%d", cluster, id)
	return TLSFiles{Cert: a.write(name+".pem", "CERTIFICATE", der), Key: a.write(name+".key", "EC PRIVATE KEY", keyDER), CA: a.path}
}

// client trusts the authority. It shows the certificate if there is one.
func (a *authority) client(cert *TLSFiles) *http.Client {
	a.t.Helper()
	config := &tls.Config{RootCAs: a.pool}
	if cert != nil {
		pair, err := tls.LoadX509KeyPair(cert.Cert, cert.Key)
		require.NoError(a.t, err)
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	}
	transport := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}
	a.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// newTLSCluster starts three members with certificates.
func newTLSCluster(t *testing.T, a *authority, change func(*Options)) *testCluster {
	t.Helper()
	certs := map[uint64]TLSFiles{}
	for id := uint64(1); id <= 3; id++ {
		certs[id] = a.member("test", id)
	}
	c := newCluster(t, 3, func(o *Options) {
		o.TLS = certs[o.ID]
		if change != nil {
			change(o)
		}
	})
	c.client = a.client(nil)
	return c
}

func TestTLSCluster(t *testing.T) {
	a := newAuthority(t, "test")
	tokens := filepath.Join(t.TempDir(), "tokens")
	require.NoError(t, os.WriteFile(tokens, []byte(tokenText), 0o600))
	c := newTLSCluster(t, a, func(o *Options) { o.Tokens = tokens })
	ruling := []string{"Authorization", "Bearer ruling"}
	follower := c.follower()
	put := c.do(follower, "PUT", "/kv/a", "1", ruling...)
	require.Equal(t, http.StatusOK, put.status, put.text())
	for id := range c.members {
		require.Equal(t, "1", c.do(id, "GET", "/kv/a", "", ruling...).text())
	}
	// Passing on works with the members' certificates and the client's token.
	moved := c.until(follower, "POST", "/cluster/leader", fmt.Sprintf(`{"id":%d}`, follower), ruling...)
	require.Equal(t, http.StatusOK, moved.status, moved.text())
	refused := c.do(c.follower(), "POST", "/cluster/members", `{"id":4,"url":"http://127.0.0.1:1"}`, ruling...)
	require.Equal(t, http.StatusBadRequest, refused.status, refused.text())
}

// TestPeerPathsNeedAMembersCertificate asks for the members' streams with everything but the right certificate.
func TestPeerPathsNeedAMembersCertificate(t *testing.T) {
	a := newAuthority(t, "test")
	c := newTLSCluster(t, a, nil)
	second := a.member("test", 2)
	foreign := a.member("other", 2)
	asSecond := []string{"Raft-Version", "1", "Raft-Cluster", "test", "Raft-From", "2", "Raft-To", "1"}
	asThird := []string{"Raft-Version", "1", "Raft-Cluster", "test", "Raft-From", "3", "Raft-To", "1"}
	for name, row := range map[string]struct {
		client  *http.Client
		headers []string
		refused bool
	}{
		"none":            {a.client(nil), asSecond, true},
		"another cluster": {a.client(&foreign), asSecond, true},
		"another member":  {a.client(&second), asThird, true},
		"the right one":   {a.client(&second), asSecond, false},
	} {
		answer, err := send(row.client, "POST", c.members[1].url+"/raft/v1/snapshot/finish", "{}", row.headers...)
		require.NoError(t, err, name)
		if row.refused {
			require.Contains(t, []int{401, 403}, answer.status, "%s: %s", name, answer.text())
		} else {
			require.NotContains(t, []int{401, 403}, answer.status, "%s: %s", name, answer.text())
		}
	}
}

func TestForeignAuthoritiesAreRefused(t *testing.T) {
	a, other := newAuthority(t, "test"), newAuthority(t, "other")
	c := newTLSCluster(t, a, nil)
	_, err := send(other.client(nil), "GET", c.members[1].url+"/healthz", "")
	require.Error(t, err, "the client does not trust the member")
	theirs := other.member("test", 2)
	_, err = send(a.client(&theirs), "GET", c.members[1].url+"/healthz", "")
	require.Error(t, err, "the member does not trust the certificate")
	plain, err := send(newTestClient(t), "GET", "http://"+c.members[1].server.listener.Addr().String()+"/healthz", "")
	require.NoError(t, err)
	require.Equal(t, http.StatusBadRequest, plain.status)
}

// TestMemberOfAnotherAuthorityStaysOut starts a member whose certificate the others do not accept.
func TestMemberOfAnotherAuthorityStaysOut(t *testing.T) {
	a, other := newAuthority(t, "test"), newAuthority(t, "other")
	certs := map[uint64]TLSFiles{1: a.member("test", 1), 2: a.member("test", 2), 3: other.member("test", 3)}
	certs[3] = TLSFiles{Cert: certs[3].Cert, Key: certs[3].Key, CA: a.path}
	c := &testCluster{t: t, dir: t.TempDir(), members: map[uint64]*testMember{}, client: a.client(nil)}
	c.change = func(o *Options) { o.TLS, o.Logger = certs[o.ID], slog.New(slog.DiscardHandler) }
	listeners := map[uint64]net.Listener{}
	for id := uint64(1); id <= 3; id++ {
		listeners[id] = listen(t, "127.0.0.1:0")
		c.peers = append(c.peers, peer(id, c.urlOf(listeners[id])))
	}
	for id, listener := range listeners {
		c.start(id, listener, false)
	}
	t.Cleanup(func() {
		for id := range c.members {
			c.stop(id)
		}
	})
	require.Eventually(t, func() bool {
		answer := c.do(1, "PUT", "/kv/a", "1")
		return answer.status == http.StatusOK
	}, patience, 10*time.Millisecond)
	require.Zero(t, c.members[3].server.replica.Status().Leader)
	require.Zero(t, c.members[3].server.store.Rev())
}
