package cluster

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Ports are taken from below the range that systems use for outgoing connections, so that nothing takes the port of a
// member while it is stopped.
const (
	firstPort = 10_000
	lastPort  = 20_000
)

// taken are the ports that were handed out: they are free until their members listen.
var taken sync.Map

// freeURL returns an address of 127.0.0.1 that nobody listens on at the moment, and another one each time.
func freeURL(t testing.TB) url.URL {
	t.Helper()
	for range 1000 {
		port := firstPort + rand.IntN(lastPort-firstPort)
		if _, again := taken.LoadOrStore(port, true); again {
			continue
		}
		host := fmt.Sprintf("127.0.0.1:%d", port)
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
