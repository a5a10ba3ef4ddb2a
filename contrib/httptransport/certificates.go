package httptransport

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"sync"
	"time"
)

// Certificates: which one is whose, and loading them from files.

// MemberURI returns the alternative name by which a certificate is that of a host: raft://<cluster>/<id>.
func MemberURI(clusterID string, id uint64) *url.URL {
	return &url.URL{Scheme: "raft", Host: clusterID, Path: "/" + strconv.FormatUint(id, 10)}
}

// authorizeURI returns the default of Options.Authorize.
func authorizeURI(clusterID string) func(uint64, *x509.Certificate) error {
	return func(id uint64, cert *x509.Certificate) error {
		want := MemberURI(clusterID, id).String()
		for _, uri := range cert.URIs {
			if uri.String() == want {
				return nil
			}
		}
		return fmt.Errorf("it bears none of the URI %s among its alternative names, but %q", want, cert.URIs)
	}
}

// TLSFiles returns a configuration that serves as Options.TLS and as http.Server.TLSConfig. The files are in PEM format. The
// certificate and its key are loaded again after the files have changed, so that they can be renewed while the process
// runs, the authorities in ca only once: to change them, let the file have both the old and the new, and restart one host after
// the other.
//
// Clients of the server need not show a certificate, so that it can serve others than hosts; those who show one must have it
// from an authority in ca. The transport itself demands one. Set ClientAuth to tls.RequireAndVerifyClientCert to demand
// it of all.
//
// The certificate needs the usages of both server and client, the DNS name or IP address of the host's own address, and what
// Options.Authorize asks for.
func TLSFiles(cert, key, ca string) (*tls.Config, error) {
	text, err := os.ReadFile(ca)
	if err != nil {
		return nil, fmt.Errorf("httptransport: the authorities: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("httptransport: there are no certificates in PEM format in %s", ca)
	}
	k := &keyPair{certFile: cert, keyFile: key}
	if _, err := k.get(time.Now()); err != nil {
		return nil, fmt.Errorf("httptransport: the certificate: %w", err)
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"h2", "http/1.1"},
		RootCAs:    pool,
		ClientCAs:  pool,
		ClientAuth: tls.VerifyClientCertIfGiven,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return k.get(time.Now())
		},
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return k.get(time.Now())
		},
	}, nil
}

// keyCheck is how often the files are looked at, at most.
const keyCheck = time.Second

// A keyPair is a certificate in files.
type keyPair struct {
	certFile, keyFile string

	mu      sync.Mutex
	loaded  *tls.Certificate
	stamps  [2]fileStamp
	checked time.Time
}

type fileStamp struct {
	modified time.Time
	size     int64
}

// get returns the certificate. If the files have changed and do not fit each other, as in the middle of being replaced, it is that
// which was loaded before.
func (k *keyPair) get(now time.Time) (*tls.Certificate, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.loaded != nil && now.Sub(k.checked) < keyCheck {
		return k.loaded, nil
	}
	k.checked = now
	cert, stamps, err := k.load()
	switch {
	case err != nil && k.loaded == nil:
		return nil, err
	case err == nil && cert != nil:
		k.loaded, k.stamps = cert, stamps
	}
	return k.loaded, nil
}

// load returns nil if the files are those that were loaded before.
func (k *keyPair) load() (*tls.Certificate, [2]fileStamp, error) {
	var stamps [2]fileStamp
	for i, name := range []string{k.certFile, k.keyFile} {
		info, err := os.Stat(name)
		if err != nil {
			return nil, stamps, err
		}
		stamps[i] = fileStamp{modified: info.ModTime(), size: info.Size()}
	}
	if k.loaded != nil && stamps == k.stamps {
		return nil, stamps, nil
	}
	cert, err := tls.LoadX509KeyPair(k.certFile, k.keyFile)
	if err != nil {
		return nil, stamps, errors.Join(err, fmt.Errorf("certificate %s with key %s", k.certFile, k.keyFile))
	}
	return &cert, stamps, nil
}
