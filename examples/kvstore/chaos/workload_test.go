package chaos

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft/examples/kvstore/chaos/check"
	"github.com/seed695671cb/raft/examples/kvstore/chaos/history"
)

// work lets clients use a fake for a moment, and checks what they saw.
func work(t *testing.T, b bug) (*history.Log, check.Report, []string) {
	t.Helper()
	var mu sync.Mutex
	var unexpected []string
	note := func(_ uint64, text string) {
		mu.Lock()
		defer mu.Unlock()
		unexpected = append(unexpected, text)
	}
	s := &scene{members: newFake(t, 3, b), log: &history.Log{}, board: newBoard(3, 100, groupUnknown), start: time.Now(),
		acked: func(time.Duration) {}, unexpected: note}
	w := newWorkload(s, 7, 6, 2*time.Millisecond)
	w.start(context.Background())
	// Enough for every outcome to come up, some of which are rare.
	require.Eventually(t, func() bool { return s.board.used() > 40 }, 5*time.Minute, 10*time.Millisecond)
	w.quiet()
	err := w.finish()
	w.stop()
	require.NoError(t, err)
	return s.log, check.Run(s.log, check.Config{Timeout: time.Minute}), unexpected
}

func TestARightStorePasses(t *testing.T) {
	log, report, unexpected := work(t, noBug)
	require.True(t, report.OK(), "%v %v", report.Violations, report.Undecided)
	require.Empty(t, unexpected)
	kinds := map[history.Kind]map[history.Outcome]int{}
	keyed := 0
	for _, op := range log.Ops {
		if kinds[op.Kind] == nil {
			kinds[op.Kind] = map[history.Outcome]int{}
		}
		kinds[op.Kind][op.Outcome]++
		if op.Key != "" && op.Attempts > 1 {
			keyed++
		}
	}
	for _, kind := range []history.Kind{history.Get, history.List, history.Put, history.Delete, history.Txn} {
		require.Positive(t, kinds[kind][history.OK], kind)
	}
	require.Positive(t, kinds[history.Put][history.Unknown])
	require.Positive(t, kinds[history.Put][history.Refused])
	require.Positive(t, keyed, "some writes are repeated under their key")
	require.NotEmpty(t, log.Replays)
	require.Len(t, log.Watchers(), watchers)
	require.Len(t, log.Finals, 4, "the list and three members")
}

func TestBugsAreFound(t *testing.T) {
	for _, c := range []struct {
		bug bug
		by  string
	}{
		{losesWrites, "linearizability"},
		{readsStale, "linearizability"},
		{ignoresCAS, "linearizability"},
		{doubles, "values"},
		{lies, "values"},
		{skipsEvents, "watch"},
		{repeats, "watch"},
	} {
		t.Run(string(c.bug), func(t *testing.T) {
			t.Parallel()
			_, report, _ := work(t, c.bug)
			var found []string
			for _, v := range report.Violations {
				found = append(found, v.Check)
			}
			require.Contains(t, found, c.by)
		})
	}
}
