package server

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft/replica"
)

// Who may act as a member, and who is taken for one.

// TestTokensNeedCertificates starts members that would not know each other from any other process.
func TestTokensNeedCertificates(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens")
	require.NoError(t, os.WriteFile(path, []byte(tokenText), 0o600))
	o := alone(t, t.TempDir())
	o.Tokens = path
	_, err := New(o)
	require.ErrorIs(t, err, ErrOptions)
	require.ErrorContains(t, err, "act as a member")
	require.ErrorContains(t, err, "--tls-cert, --tls-key and --tls-ca")
	require.ErrorContains(t, err, "--open-peers")

	o = alone(t, t.TempDir())
	o.Tokens, o.OpenPeers = path, true
	server, err := New(o)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	require.NoError(t, server.Shutdown(ctx))
	require.NoError(t, (&Options{Tokens: path, TLS: TLSFiles{Cert: "c"}}).checkGuard())
	require.NoError(t, (&Options{}).checkGuard())
}

// TestErrorsOfOptions says which errors of New are about the options alone.
func TestErrorsOfOptions(t *testing.T) {
	for name, change := range map[string]func(o *Options){
		"no ID": func(o *Options) { o.ID = 0 }, "no peers": func(o *Options) { o.Peers = nil }, "half of TLS": func(o *Options) { o.TLS.Cert = "c" },
		"not loopback": func(o *Options) { o.Listener, o.Listen, o.URL = nil, "0.0.0.0:8401", "" }, "tick": func(o *Options) { o.Tick = 1 },
	} {
		o := alone(t, t.TempDir())
		listener := o.Listener
		change(&o)
		_, err := New(o)
		require.ErrorIs(t, err, ErrOptions, name)
		_ = listener.Close()
	}
	o := alone(t, t.TempDir())
	o.Tokens, o.OpenPeers = filepath.Join(t.TempDir(), "none"), true
	_, err := New(o)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NotErrorIs(t, err, ErrOptions, "a file may be there the next time")
}

// TestRequestsArePassedToTheMemberAlone has a process at a member's address show another's certificate, and a member its own.
func TestRequestsArePassedToTheMemberAlone(t *testing.T) {
	a := newAuthority(t, "test")
	c := newTLSCluster(t, a, nil)
	peers := c.members[1].server.peers
	leader := c.leader()
	for _, id := range []uint64{1, 2, 3} {
		answer, err := send(peers.clientOf(id), "GET", c.members[leader].url+"/healthz", "", "Authorization", "Bearer secret")
		if id == leader {
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, answer.status)
			continue
		}
		require.ErrorContains(t, err, "the certificate is not that of member", id)
	}
	other := &peerNetwork{tls: peers.tls, dial: peers.dial, cluster: "other"}
	_, err := send(other.clientOf(leader), "GET", c.members[leader].url+"/healthz", "")
	require.ErrorContains(t, err, "raft://other/")
}

// TestReadinessIsAskedForOnce has many ask at once: the cluster is asked for all of them together, and again for those who come later.
func TestReadinessIsAskedForOnce(t *testing.T) {
	a, member := newFakeAPI(t)
	a.public.bound = 100
	release := make(chan struct{})
	var reads atomic.Int64
	member.read = func(context.Context) {
		reads.Add(1)
		<-release
	}
	var asking sync.WaitGroup
	for range 50 {
		asking.Go(func() {
			if got := ask(a, "GET /readyz", ""); got.status != http.StatusOK {
				t.Errorf("%d %s", got.status, got.text())
			}
		})
	}
	require.Eventually(t, func() bool { return a.public.used.Load() == 50 && reads.Load() == 1 }, patience, time.Millisecond)
	got := ask(a, "GET /readyz", "", "X-Request-Timeout", "10ms")
	require.Equal(t, "timeout", got.code(), "each waits for as long as it wants to")
	require.EqualValues(t, 1, reads.Load())
	close(release)
	asking.Wait()
	before := reads.Load()
	member.err = replica.ErrNoLeader
	require.Equal(t, "no_leader", ask(a, "GET /readyz", "").code())
	require.Equal(t, before+1, reads.Load())
}
