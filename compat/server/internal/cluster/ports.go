package cluster

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

// Ports are taken from below the range that systems use for outgoing connections, so that nothing takes the port of a
// member while it is stopped.
const (
	firstPort = 10_000
	lastPort  = 30_000
)

// freeURL returns an address of 127.0.0.1 that nobody listens on at the moment.
func freeURL(t testing.TB) url.URL {
	t.Helper()
	for range 1000 {
		host := fmt.Sprintf("127.0.0.1:%d", firstPort+rand.IntN(lastPort-firstPort))
		listener, err := net.Listen("tcp", host)
		if err != nil {
			continue
		}
		require.NoError(t, listener.Close())
		return url.URL{Scheme: "http", Host: host}
	}
	require.Fail(t, "no free port found", "between %d and %d", firstPort, lastPort)
	return url.URL{}
}
