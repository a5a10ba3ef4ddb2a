package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft"
)

// exec runs the program, and returns what it wrote and its exit code. It checks that no goroutine is left behind.
func exec(t *testing.T, input string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	before := runtime.NumGoroutine()
	var out, errs strings.Builder
	code = run(append([]string{"demo"}, args...), strings.NewReader(input), &out, &errs)
	for deadline := time.Now().Add(time.Minute); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		require.True(t, time.Now().Before(deadline), "goroutines are left behind")
	}
	return out.String(), errs.String(), code
}

// script runs the lines, of which all must succeed, and returns the answers.
func script(t *testing.T, lines ...string) []string {
	t.Helper()
	stdout, stderr, code := exec(t, strings.Join(lines, "\n"), "-verify")
	require.Empty(t, stderr)
	require.Zero(t, code)
	answers := strings.Split(strings.TrimSpace(stdout), "\n")
	require.Contains(t, answers[len(answers)-1], "verified: replicas")
	return answers
}

// Which replica leads, and in which term, depends on timing.
func normalise(stdout string) string {
	role := regexp.MustCompile(`(leader|follower), term \d+`)
	return role.ReplaceAllString(stdout, "ROLE, term T")
}

func TestDemoScript(t *testing.T) {
	golden, err := os.ReadFile(filepath.Join("testdata", "demo.golden"))
	require.NoError(t, err)
	stdout, stderr, code := exec(t, "", filepath.Join("testdata", "demo.txt"))
	require.Empty(t, stderr)
	require.Zero(t, code)
	require.Equal(t, string(golden), normalise(stdout))
}

func TestErrorsNameTheLineAndTheRestIsRun(t *testing.T) {
	stdout, stderr, code := exec(t, "put a 1\n\n# comment\nfoo\nput b\nget a\ncrash 9\nrestart 1\nadd 2\nremove 7\ncrash x\n"+
		"partition 3\npartition 3\ntransfer 3\nheal\ncrash 2\ntransfer 2\nput a 2\nget a")
	require.Equal(t, 1, code)
	require.Equal(t, []string{
		"ok", "a = 1", "replica 3 cut off", "network healed", "replica 2 crashed", "ok", "a = 2",
	}, strings.Split(strings.TrimSpace(stdout), "\n"))
	require.Equal(t, []string{
		`line 4: unknown command "foo": want put, get, del, members, add, remove, transfer, crash, restart, partition, heal or status`,
		"line 5: put wants a key and a value: put K V",
		"line 7: there is no replica 9: add it first",
		"line 8: replica 1 is running: crash it first",
		"line 9: replica 2 is a member already",
		"line 10: there is no replica 7: add it first",
		"line 11: crash wants the number of a replica, 1 or more: crash N",
		"line 13: replica 3 is cut off already",
		"line 14: replica 3 is cut off: heal the network first",
		"line 17: replica 2 has crashed: restart it first",
	}, strings.Split(strings.TrimSpace(stderr), "\n"))
}

func TestCommandLine(t *testing.T) {
	for _, args := range [][]string{{}, {"serve"}, {"demo", "-x"}, {"demo", "a", "b"}, {"demo", "-replicas", "0"}} {
		var errs strings.Builder
		require.Equal(t, 2, run(args, strings.NewReader(""), io.Discard, &errs), "%v", args)
		require.Contains(t, errs.String(), "usage: simple demo", "%v", args)
	}
	_, stderr, code := exec(t, "", filepath.Join(t.TempDir(), "nothing"))
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "simple: open ")
}

func TestNoInput(t *testing.T) {
	stdout, stderr, code := exec(t, "")
	require.Empty(t, stdout+stderr)
	require.Zero(t, code)
}

func TestOneReplica(t *testing.T) {
	stdout, _, code := exec(t, "put a 1\ncrash 1\nrestart 1\nget a\nmembers", "-replicas", "1")
	require.Equal(t, "ok\nreplica 1 crashed\nreplica 1 restarted\na = 1\nmembers: 1\n", stdout)
	require.Zero(t, code)
}

// Even what had no time to write anything begins again.
func TestCrashAtOnce(t *testing.T) {
	lines := []string{"crash 1", "crash 2", "crash 3", "restart 1", "restart 2", "restart 3", "crash 2", "restart 2", "put a 1", "get a"}
	for range 20 {
		require.Contains(t, script(t, lines...), "a = 1")
	}
}

func TestWithoutMajorityCommandsFailAndGoOnAfterwards(t *testing.T) {
	const timeout = 6 * time.Second
	start := time.Now()
	stdout, stderr, code := exec(t, "put a 1\nget a\ncrash 1\ncrash 2\nput a 2\nget a\nmembers\nput b 1\nrestart 1\nget a\nput b 2\n"+
		"get b\ncrash 1\npartition 3\nget b\nadd 4\nheal\nrestart 1\nrestart 2", "-timeout", timeout.String(), "-verify")
	require.Equal(t, 1, code)
	require.Equal(t, []string{
		"line 5: no majority: 1 of 3 replicas answer; restart one (the change stays pending)",
		"line 6: no majority: 1 of 3 replicas answer; restart one",
		"line 7: no majority: 1 of 3 replicas answer; restart one",
		"line 8: no majority: 1 of 3 replicas answer; restart one",
		"line 15: no majority: 0 of 3 replicas answer; heal the network",
		"line 16: no majority: 0 of 3 replicas answer; heal the network",
	}, strings.Split(strings.TrimSpace(stderr), "\n"))
	require.Contains(t, stdout, "replica 1 restarted\na = 2\nok\nb = 2\n", "the change that stayed pending was made in its turn")
	require.Contains(t, stdout, "verified: replicas 1, 2, 3 ")
	require.Less(t, time.Since(start), 5*timeout, "one timeout for each of the two times that the majority is lost, not for each of six lines")
}

func TestRemoveTheLeader(t *testing.T) {
	answers := script(t, "put a 1", "transfer 1", "remove 1", "members", "get a",
		"transfer 2", "remove 2", "members", "put a 2", "get a",
		"add 1", "transfer 3", "remove 3", "members", "get a")
	require.Equal(t, []string{"ok", "replica 1 leads", "replica 1 removed", "members: 2 3", "a = 1",
		"replica 2 leads", "replica 2 removed", "members: 3", "ok", "a = 2",
		"replica 1 added", "replica 3 leads", "replica 3 removed", "members: 1", "a = 2"}, answers[:15])
}

func TestRemoveAndAddAgain(t *testing.T) {
	lines := []string{"put a 1"}
	for range 5 {
		lines = append(lines, "remove 2", "put a 2", "add 2", "remove 3", "add 3", "crash 1", "put a 3", "restart 1", "get a")
	}
	lines = append(lines, "members")
	answers := script(t, lines...)
	require.Contains(t, answers, "members: 1 2 3")
	require.Equal(t, "verified: replicas 1, 2, 3 are in the same state", answers[len(answers)-1])
}

func TestTheLastMemberStays(t *testing.T) {
	_, stderr, code := exec(t, "remove 1", "-replicas", "1")
	require.Equal(t, 1, code)
	require.Equal(t, "line 1: replica 1 is the last member: add another one first\n", stderr)
}

// A replica that missed more than the log still holds gets a snapshot; a new one too.
func TestSnapshotsBringReplicasUpToDate(t *testing.T) {
	d, err := newDemo(options{replicas: 3, timeout: 10 * time.Second, quiet: true, logger: raft.DiscardLogger{}}, io.Discard, io.Discard)
	require.NoError(t, err)
	defer d.close()
	var input strings.Builder
	input.WriteString("crash 1\n")
	for i := range 12_000 {
		fmt.Fprintf(&input, "put k%d value%d\n", i%100, i)
	}
	input.WriteString("status\n")
	require.True(t, d.run(strings.NewReader(input.String())))
	first, err := d.cluster.machines[2].disk.FirstIndex()
	require.NoError(t, err)
	require.Greater(t, first, uint64(1), "the log is compacted")
	behind, err := d.cluster.machines[1].disk.LastIndex()
	require.NoError(t, err)
	require.Less(t, behind, first-1)

	require.True(t, d.run(strings.NewReader("restart 1\nadd 4\nstatus")))
	for _, id := range []uint64{1, 4} {
		r := d.cluster.replicas[id]
		var snapshotAt, last uint64
		require.True(t, r.do(func() { snapshotAt, last = r.snapshotAt, r.store.last }))
		require.GreaterOrEqual(t, snapshotAt, first-1, "replica %d", id)
		require.Equal(t, uint64(12_001), last, "replica %d", id)
	}
}

// What a leader took while it was cut off is sent to its successor, and must not be made again when it is back.
func TestPutsOfALeaderThatWasCutOff(t *testing.T) {
	lines := []string{"put k 0"}
	for i := 1; i <= 60; i++ {
		lines = append(lines, fmt.Sprintf("put k %d", i), fmt.Sprintf("put n%d x", i))
		switch i % 20 {
		case 5:
			lines = append(lines, "transfer 2", "partition 2")
		case 15:
			lines = append(lines, "get k", "heal")
		}
	}
	lines = append(lines, "del n1", "get k", "get n1", "get n60")
	answers := script(t, lines...)
	require.Contains(t, answers, "k = 60")
	require.Contains(t, answers, "n1 is not set")
	require.Contains(t, answers, "n60 = x")
}

// Answers come as soon as they are known, not when there is more input.
func TestInteractive(t *testing.T) {
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	code := make(chan int, 1)
	go func() {
		code <- run([]string{"demo"}, inR, outW, io.Discard)
		outW.Close()
	}()
	answers := bufio.NewScanner(outR)
	for _, step := range [][2]string{
		{"put a 1", "ok"}, {"get a", "a = 1"}, {"crash 1", "replica 1 crashed"}, {"del a", "ok"}, {"get a", "a is not set"},
	} {
		_, err := fmt.Fprintln(inW, step[0])
		require.NoError(t, err)
		require.True(t, answers.Scan())
		require.Equal(t, step[1], answers.Text())
	}
	inW.Close()
	require.False(t, answers.Scan())
	require.Zero(t, <-code)
}
