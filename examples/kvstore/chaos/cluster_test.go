package chaos

import (
	"context"
	"errors"
	"flag"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft/examples/kvstore/proxy"
)

// TestMain lets the test's own executable play kvstore.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		os.Exit(playMember(os.Args[2:]))
	}
	os.Exit(m.Run())
}

// playMember answers until its disk fails.
func playMember(args []string) int {
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	listen := flags.String("listen", "", "")
	fault := flags.String("fault-file", "", "")
	for _, name := range []string{"id", "url", "data", "peers", "peer-proxy", "snapshot-entries"} {
		flags.String(name, "", "")
	}
	join := flags.Bool("join", false, "")
	if flags.Parse(args) != nil {
		return 2
	}
	go func() { _ = http.ListenAndServe(*listen, http.HandlerFunc(answerJoin(*join))) }()
	for {
		if text, _ := os.ReadFile(*fault); strings.Contains(string(text), "fail") {
			return 3
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func answerJoin(join bool) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		if join {
			_, _ = io.WriteString(w, "joins")
			return
		}
		_, _ = io.WriteString(w, "begins")
	}
}

const wait, often = 30 * time.Second, 10 * time.Millisecond

// says asks a member, and returns what it says; nothing if it does not answer.
func says(at endpoint) string {
	client := newHTTPClient()
	defer client.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.url, nil)
	if err != nil {
		return ""
	}
	a, err := fetch(client, req)
	if err != nil {
		return ""
	}
	return string(a.body)
}

func newTestCluster(t *testing.T) *cluster {
	t.Helper()
	program, err := os.Executable()
	require.NoError(t, err)
	c, err := newCluster(program, t.TempDir(), 3, 100, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.close()) })
	for slot := range 3 {
		require.NoError(t, c.start(slot))
		require.Eventually(t, func() bool { return says(c.at(slot)) == "begins" }, wait, often)
	}
	return c
}

func TestMembersAreKilledPausedAndHealed(t *testing.T) {
	c := newTestCluster(t)
	c.kill(0)
	require.Empty(t, says(c.at(0)))
	require.NoError(t, c.freeze(1, true))
	require.Eventually(t, func() bool { return says(c.at(1)) == "" }, wait, often) // the signal is on its way
	require.Eventually(t, func() bool { return says(c.at(2)) == "begins" }, wait, often)
	c.stop(2)
	require.NoError(t, c.heal(nil))
	for slot := range 3 {
		require.Eventually(t, func() bool { return says(c.at(slot)) == "begins" }, wait, often)
	}
	require.Equal(t, 2, c.at(0).life)
	require.Equal(t, 1, c.at(1).life)
	require.Equal(t, 2, c.restarts)
	require.NoError(t, c.reap())
	require.Empty(t, c.unexcused())
}

func TestMembersThatEndByThemselvesAreNoted(t *testing.T) {
	c := newTestCluster(t)
	require.NoError(t, c.breakDisk(0, "fail"))
	require.Eventually(t, func() bool { return !c.members[0].process.Running() }, wait, often)
	require.NoError(t, c.reap())
	require.Empty(t, c.unexcused(), "its disk had failed")
	require.NoError(t, c.heal([]int{0}))
	require.Eventually(t, func() bool { return says(c.at(0)) == "begins" }, wait, often)

	require.NoError(t, c.members[1].process.Handle().Kill())
	require.Eventually(t, func() bool { return !c.members[1].process.Running() }, wait, often)
	require.NoError(t, c.reap())
	require.Len(t, c.unexcused(), 1)
	require.Contains(t, c.unexcused()[0], "member 2, life 1, ended by itself (signal: killed)")
	require.Eventually(t, func() bool { return says(c.at(1)) == "begins" }, wait, often)
}

func TestANewMemberTakesASlot(t *testing.T) {
	c := newTestCluster(t)
	joined, left, err := c.join(1)
	require.NoError(t, err)
	require.Equal(t, uint64(4), joined.id)
	require.Equal(t, uint64(2), left.id)
	require.Eventually(t, func() bool { return says(c.at(1)) == "joins" }, wait, often)
	require.True(t, left.process.Running())
	c.retire(left)
	require.False(t, left.process.Running())
	require.Equal(t, []uint64{1, 4, 3}, c.ids([]int{0, 1, 2}))
	require.DirExists(t, filepath.Dir(left.logFile()))
}

func TestPartitionsAreBetweenTheMembersInTheSlots(t *testing.T) {
	c := newTestCluster(t)
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	reaches := func(from, to int) bool {
		dial, err := proxy.Dialer(c.network.URL(c.at(from).id))
		require.NoError(t, err)
		conn, err := dial(ctx, "tcp", c.members[to].addr)
		if err != nil {
			return false
		}
		return conn.Close() == nil
	}
	require.True(t, reaches(0, 1))
	c.isolate(0, proxy.Cut)
	require.False(t, reaches(0, 1))
	require.False(t, reaches(2, 0))
	require.True(t, reaches(1, 2))
	require.NoError(t, c.heal(nil))
	require.True(t, reaches(0, 1))
}

func TestAProgramThatIsNotThere(t *testing.T) {
	c, err := newCluster(filepath.Join(t.TempDir(), "missing"), t.TempDir(), 3, 100, nil)
	require.NoError(t, err)
	err = c.start(0)
	require.True(t, errors.Is(err, os.ErrNotExist), "%v", err)
	require.NoError(t, c.close())
}
