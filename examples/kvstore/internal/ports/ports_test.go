package ports

import (
	"net"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFree(t *testing.T) {
	seen := map[string]bool{}
	for range 200 {
		addr, err := Free()
		require.NoError(t, err)
		require.False(t, seen[addr], "%s was handed out before", addr)
		seen[addr] = true
		host, text, err := net.SplitHostPort(addr)
		require.NoError(t, err)
		require.Equal(t, "127.0.0.1", host)
		port, err := strconv.Atoi(text)
		require.NoError(t, err)
		require.True(t, lowest <= port && port <= highest, addr)
		require.NoError(t, Probe(addr))
	}
}

func TestProbe(t *testing.T) {
	addr, err := Free()
	require.NoError(t, err)
	listener, err := net.Listen("tcp", addr)
	require.NoError(t, err)
	require.Error(t, Probe(addr))
	require.NoError(t, listener.Close())
	require.NoError(t, Probe(addr))
}
