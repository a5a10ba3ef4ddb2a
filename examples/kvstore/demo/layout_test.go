package demo_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft/examples/kvstore/demo"
)

// once runs a demo to its end, and returns what it has printed.
func once(t *testing.T, c demo.Config) (string, error) {
	t.Helper()
	out := &transcript{}
	c.Out, c.Once = out, true
	err := demo.Run(t.Context(), c)
	return out.String(), err
}

func TestADirectoryKeepsItsMembersAndPorts(t *testing.T) {
	c := config(t, nil)
	first, err := once(t, c)
	require.NoError(t, err)

	c.Members, c.AnyMembers, c.Port, c.AnyPort = 5, true, 1, true // defaults, which do not count
	again, err := once(t, c)
	require.NoError(t, err)
	require.Len(t, memberURLs(first), 3)
	require.Equal(t, memberURLs(first), memberURLs(again))

	c.AnyMembers = false
	_, err = once(t, c)
	require.ErrorIs(t, err, demo.ErrFlags)
	require.ErrorContains(t, err, "began with 3 members, and --members 5 was given")
	c.AnyMembers, c.AnyPort = true, false
	_, err = once(t, c)
	require.ErrorIs(t, err, demo.ErrFlags)
	require.ErrorContains(t, err, "--port 1 was given: leave --port out")

	c.AnyPort = true
	listener, err := net.Listen("tcp", memberURLs(first)[1][len("http://"):])
	require.NoError(t, err)
	defer listener.Close()
	_, err = once(t, c)
	require.ErrorContains(t, err, "and the cluster in "+c.Dir+" listens there")
}

func TestAMemberThatWasAddedIsStartedAgain(t *testing.T) {
	dir := t.TempDir()
	urls := make(chan string, 1)
	t.Run("adding", func(t *testing.T) {
		r := startIn(t, dir)
		url := r.act(4, "add")[3].URL
		r.eventually(func() bool { return listens(url) })
		urls <- url
	})
	c := config(t, nil)
	c.Dir = dir
	out, err := once(t, c)
	require.NoError(t, err, "it began with 3, as the configuration says")
	require.Contains(t, memberURLs(out), <-urls)
	log, err := os.ReadFile(filepath.Join(dir, "4", "log.txt"))
	require.NoError(t, err)
	require.Regexp(t, "(?s)join true.*join true", string(log))
}

func TestAFileThatNoDemoHasWritten(t *testing.T) {
	c := config(t, nil)
	require.NoError(t, os.WriteFile(filepath.Join(c.Dir, "demo.json"), []byte("{}"), 0o644))
	_, err := once(t, c)
	require.ErrorContains(t, err, "is not what a demo has written")
}

func TestAStartThatDoesNotSucceedEnds(t *testing.T) {
	for account, reason := range map[string]string{
		`{"leader":0}`: "no member leads",
		`{"leader":7}`: "no member leads",
		`nonsense`:     "is not of the API",
	} {
		c, err := startThatFails(t, account, 2*time.Second)
		for longer := 4 * time.Second; longer < patience && !strings.Contains(err.Error(), reason); longer *= 2 {
			c, err = startThatFails(t, account, longer) // the member had not answered yet
		}
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, reason)
		require.ErrorContains(t, err, fmt.Sprintf("the logs are %s", filepath.Join(c.Dir, "ID", "log.txt")))
	}
}

// startThatFails runs a demo of one member, which gives an account that no start is content with, for as long as the start may take.
func startThatFails(t *testing.T, account string, timeout time.Duration) (demo.Config, error) {
	t.Helper()
	c := config(t, io.Discard)
	c.Members, c.StartTimeout = 1, timeout
	c.Env = append(c.Env, fakeAccount+"="+account)
	_, err := once(t, c)
	require.Error(t, err)
	return c, err
}

// A process whose member has been removed from the cluster neither holds up the start nor gets the first write.
func TestARemovedMemberDoesNotHoldUpTheStart(t *testing.T) {
	c := config(t, nil)
	c.Env = append(c.Env, fakeAccount+`={"leader":1,"members":[{"id":1},{"id":3}]}`)
	out, err := once(t, c)
	require.NoError(t, err)
	require.Contains(t, out, "not in the cluster")
	require.Contains(t, out, "through member 3, a follower")
}
