package replica

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestProposalsAreAnsweredWithTheirResultOnEveryMember(t *testing.T) {
	g := newCalmGroup(t, 3, nil).startAll()
	g.leader()
	want := ""
	for id := uint64(1); id <= 3; id++ {
		text := fmt.Sprint("<", id, ">")
		want += text
		result, err := g.members[id].Propose(patient(t), []byte("k+="+text))
		require.NoError(t, err)
		require.Equal(t, want, string(result.Data))
		require.Equal(t, want, g.members[id].value("k"), "applied where it was proposed")
		require.GreaterOrEqual(t, g.members[id].Applied(), result.Index)
	}
	g.agree("k", want)
}

func TestReadsSeeWhatWasAcknowledgedBefore(t *testing.T) {
	g := newCalmGroup(t, 3, nil).startAll()
	g.leader()
	want := ""
	for i := range 20 {
		writer, reader := g.members[uint64(i%3+1)], g.members[uint64((i+1)%3+1)]
		text := fmt.Sprint(i, ",")
		want += text
		_, err := writer.Propose(patient(t), []byte("k+="+text))
		require.NoError(t, err)
		_, err = reader.Read(patient(t), []Consistency{Linearizable, Lease}[i%2])
		require.NoError(t, err)
		require.Equal(t, want, reader.value("k"))
	}
}

func TestManyAtOnce(t *testing.T) {
	g := newCalmGroup(t, 3, nil).startAll()
	g.leader()
	var wg sync.WaitGroup
	const writers, each = 30, 30
	for w := range writers {
		wg.Go(func() {
			m := g.members[uint64(w%3+1)]
			for i := range each {
				result, err := m.Propose(patient(t), fmt.Appendf(nil, "%d+=%d,", w, i))
				if err != nil || result.Index == 0 {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	for w := range writers {
		want := ""
		for i := range each {
			want += fmt.Sprint(i, ",")
		}
		g.agree(fmt.Sprint(w), want)
	}
}

func TestTheGroupGoesOnWhenTheLeaderCrashes(t *testing.T) {
	for _, durable := range []bool{false, true} {
		t.Run(fmt.Sprint("durable=", durable), func(t *testing.T) {
			g := newTestGroup(t, 3, func(c *Config) { c.ElectionTicks = 30 })
			g.durable = durable
			g.startAll()
			want := ""
			for round := range 3 {
				leader := g.leader()
				text := fmt.Sprint(round, ",")
				want += text
				g.propose(leader, "k+="+text)
				g.crash(leader.id)
				other := g.follower()
				want += "x"
				g.propose(other, "k+=x")
				g.start(leader.id, nil)
			}
			g.agree("k", want)
		})
	}
}

func TestSessionsApplyOnceHoweverOftenTheLeaderChanges(t *testing.T) {
	g := newTestGroup(t, 3, nil).startAll()
	g.leader()
	done := make(chan struct{})
	var wg sync.WaitGroup
	for id := uint64(1); id <= 3; id++ {
		wg.Go(func() {
			s, err := g.members[id].OpenSession(patient(t))
			if err != nil {
				t.Error(err)
				return
			}
			for i := range 60 {
				if _, err := s.Propose(patient(t), fmt.Appendf(nil, "%d+=%d,", id, i)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	go func() { wg.Wait(); close(done) }()
	for running := true; running; {
		select {
		case <-done:
			running = false
		case <-time.After(20 * testTick):
			leader := g.leader()
			g.network.Isolate(leader.id)
			time.Sleep(40 * testTick)
			g.network.Heal()
		}
	}
	want := ""
	for i := range 60 {
		want += fmt.Sprint(i, ",")
	}
	for id := 1; id <= 3; id++ {
		g.agree(fmt.Sprint(id), want)
	}
}

func TestQueuesAreBounded(t *testing.T) {
	g := newTestGroup(t, 3, func(c *Config) { c.MaxProposals, c.MaxReads = 2, 2 }).startAll()
	leader := g.leader()
	g.network.Isolate(leader.id)
	ctx, cancel := context.WithCancel(patient(t))
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			_, err := leader.Propose(ctx, []byte("k+=x"))
			if err == nil {
				t.Error("a leader without a quorum commits")
			}
		})
		wg.Go(func() {
			if _, err := leader.Read(ctx, Linearizable); err == nil {
				t.Error("a leader without a quorum reads")
			}
		})
	}
	require.Eventually(t, func() bool {
		s := leader.Status()
		return s.Proposals == 2 && s.Reads == 2
	}, time.Minute, time.Millisecond)
	_, err := leader.Propose(ctx, []byte("k+=x"))
	var busy *BusyError
	require.ErrorAs(t, err, &busy)
	require.ErrorIs(t, err, ErrBusy)
	require.ErrorIs(t, err, ErrNotApplied)
	require.Equal(t, BusyError{Queue: "proposals", Bound: 2}, *busy)
	_, err = leader.Read(ctx, Linearizable)
	require.ErrorIs(t, err, ErrBusy)
	cancel()
	wg.Wait()
}
