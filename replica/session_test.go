package replica

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A member proposes and does not hear of the commit. When it does it has proposed again: the command is in the log twice, and
// applied once.
func TestWhatIsProposedAgainIsAppliedOnce(t *testing.T) {
	for _, plain := range []bool{false, true} {
		g := newCalmGroup(t, 3, func(c *Config) { c.ElectionTicks = 30 }).startAll()
		leader, proposer := g.leader(), g.follower()
		session, err := proposer.OpenSession(patient(t))
		require.NoError(t, err)
		g.network.Cut(leader.id, proposer.id)
		answer := make(chan Result, 1)
		go func() {
			result, err := session.Propose(patient(t), []byte("k+=x"))
			if err != nil {
				t.Error(err)
			}
			answer <- result
		}()
		require.Eventually(t, func() bool { return leader.value("k") == "x" }, time.Minute, time.Millisecond)
		lost := func() bool { id, _ := proposer.Leader(); return id == 0 }
		require.Eventually(t, lost, time.Minute, time.Millisecond, "the proposer never misses its leader")
		if plain {
			// Who proposes it again by hand has it applied twice: that is what sessions are for.
			go func() { _, _ = proposer.Propose(patient(t), []byte("k+=x")) }()
		}
		g.network.Heal()
		require.Equal(t, "x", string((<-answer).Data))
		want := "x"
		if plain {
			want = "xx"
		}
		g.agree("k", want)
		// What was proposed again may reach the leader after what was proposed first is applied everywhere.
		require.Eventually(t, func() bool { return leader.sessionCommands(t) > 1 }, time.Minute, time.Millisecond,
			"it was proposed once only: the test shows nothing")
		g.stopAll()
	}
}

// sessionCommands returns how many entries of the member's log are commands of sessions.
func (m *testMember) sessionCommands(t *testing.T) (n int) {
	entries, err := m.log.Entries(1, m.lastIndex(t)+1, 1<<30)
	require.NoError(t, err)
	for _, e := range entries {
		if env, err := decodeEnvelope(e.Data); err == nil && env.kind == kindSessionCommand {
			n++
		}
	}
	return n
}

func TestASessionThatWasForgottenSaysSo(t *testing.T) {
	g := newTestGroup(t, 3, func(c *Config) { c.MaxSessions = 2 }).startAll()
	leader := g.leader()
	var first *Session
	for i := range 3 {
		s, err := leader.OpenSession(patient(t))
		require.NoError(t, err)
		if i == 0 {
			first = s
		}
	}
	require.Equal(t, 2, leader.Status().Sessions)
	_, err := first.Propose(patient(t), []byte("k+=x"))
	require.ErrorIs(t, err, ErrSessionExpired)
	s, err := leader.OpenSession(patient(t))
	require.NoError(t, err)
	_, err = s.Propose(patient(t), []byte("k+=y"))
	require.NoError(t, err)
	require.NoError(t, s.Close(patient(t)))
	_, err = s.Propose(patient(t), []byte("k+=z"))
	require.ErrorIs(t, err, ErrSessionExpired)
	require.Equal(t, "y", leader.value("k"))
}

// A leader that stood still holds no lease any more although it has not heard of another: the clock went on.
func TestALeaderThatStoodStillDoesNotAnswerByItsLease(t *testing.T) {
	g := newCalmGroup(t, 3, nil).startAll()
	leader := g.leader()
	// In one step, a lease is held, the leader is cut off, and much time passes before the next step.
	stall := func() bool {
		held := false
		leader.call(patient(t), func() {
			if _, held = leader.stepping.rn.LeaseRead(); !held {
				return
			}
			g.network.Isolate(leader.id)
			clock := leader.host.clock
			clock.mu.Lock()
			defer clock.mu.Unlock()
			clock.start = clock.start.Add(-2 * calmElection * testTick)
		})
		return held
	}
	require.Eventually(t, stall, time.Minute, time.Millisecond)
	ctx, cancel := context.WithTimeout(context.Background(), 50*testTick)
	defer cancel()
	_, err := leader.Read(ctx, Lease)
	require.Error(t, err)
}

func TestWhatCannotBeProposedIsNotAppliedLater(t *testing.T) {
	g := newTestGroup(t, 3, func(c *Config) { c.MaxCommandBytes = 10 }).startAll()
	leader, follower := g.leader(), g.follower()
	_, err := leader.Propose(patient(t), []byte("0123456789+"))
	require.ErrorIs(t, err, ErrTooLarge)
	require.ErrorIs(t, err, ErrNotApplied)

	// Nobody leads: a proposal waits, and is then certain not to have been made.
	for id := range g.members {
		g.network.Isolate(id)
	}
	require.Eventually(t, func() bool { id, _ := follower.Leader(); return id == 0 }, time.Minute, time.Millisecond)
	ctx, cancel := context.WithTimeout(context.Background(), 30*testTick)
	defer cancel()
	_, err = follower.Propose(ctx, []byte("k+=x"))
	require.ErrorIs(t, err, ErrNotApplied)
	require.ErrorIs(t, err, ErrNoLeader)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	g.network.Heal()
	g.leader()
	g.propose(follower, "k+=y")
	g.agree("k", "y")
}
