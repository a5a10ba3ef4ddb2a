package replica

import (
	"context"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var crashTime = flag.Duration("crashes", 4*time.Second, "how long TestCrashesWhileSnapshotsComeAndGo has members crash")

// Members with durable state machines crash at random moments, while their logs are compacted all the time and what they miss comes
// in snapshots: they start again from whatever is left of either, and nothing acknowledged is lost.
func TestCrashesWhileSnapshotsComeAndGo(t *testing.T) {
	g := newTestGroup(t, 3, func(c *Config) { c.TrailingEntries, c.SnapshotEntries = 2, 7 })
	g.durable = true
	g.startAll()
	g.leader()
	ctx, cancel := context.WithCancel(context.Background())
	acknowledged := make(chan []string, 1)
	go func() { acknowledged <- g.writeNumbers(ctx, 1) }()
	crashes, begin := 0, time.Now()
	for ; time.Since(begin) < *crashTime || g.restored() == 0 && time.Since(begin) < time.Minute; crashes++ {
		id := uint64(2 + rand.IntN(2))
		time.Sleep(time.Duration(rand.IntN(120)) * time.Millisecond)
		g.crash(id)
		time.Sleep(time.Duration(rand.IntN(300)) * time.Millisecond)
		for _, m := range g.members {
			m.views.expire(math.MaxUint64) // the log is not kept for who needs it, so that snapshots are needed
		}
		g.start(id, nil)
	}
	cancel()
	numbers := <-acknowledged
	require.NotEmpty(t, numbers)
	survivor := g.members[1]
	require.NoError(t, survivor.Err())
	_, err := survivor.Read(patient(t), Linearizable)
	require.NoError(t, err)
	value := survivor.value("k")
	rest := value
	for _, n := range numbers {
		_, after, found := strings.Cut(rest, n)
		require.True(t, found, "acknowledged %s is lost", n)
		rest = after
	}
	// What was not acknowledged may still be applied.
	require.Eventually(t, func() bool {
		value = survivor.value("k")
		return value == g.members[2].value("k") && value == g.members[3].value("k")
	}, time.Minute, time.Millisecond)
	restored := g.restored()
	t.Logf("%d crashes, %d numbers acknowledged, %d snapshots restored", crashes, len(numbers), restored)
	require.Positive(t, restored, "no snapshot was restored: the test shows nothing")
}

// restored returns how many snapshots members have restored.
func (g *testGroup) restored() (n int) {
	for _, m := range g.members {
		n += count(m, func(e Event) bool { _, is := e.(SnapshotReceived); return is })
	}
	return n
}

// writeNumbers appends ascending numbers by way of a member, and returns those that were acknowledged.
func (g *testGroup) writeNumbers(ctx context.Context, id uint64) (acknowledged []string) {
	m := g.members[id]
	for i := 0; ctx.Err() == nil; i++ {
		attempt, cancel := context.WithTimeout(ctx, 2*time.Second)
		text := fmt.Sprintf("<%d>", i)
		if _, err := m.Propose(attempt, []byte("k+="+text)); err == nil {
			acknowledged = append(acknowledged, text)
		}
		cancel()
	}
	return acknowledged
}
