package replica

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What proposers are told, where it was once wrong: that a command was not applied must be certain (see errors.go).

var abandonTime = flag.Duration("abandon", 2*time.Second, "how long TestWhatIsAbandonedAndNotAppliedIsNowhere proposes")

// A leader's command is replicated, and it does not hear of it. The others elect one of them, commit the command, and compact
// their logs behind it: the proposer gets it with a snapshot. It was once told that the command was lost, since entries of a
// later term were applied before the snapshot was taken into account.
func TestACommandThatComesBackInASnapshotHasAnUnknownOutcome(t *testing.T) {
	g := newTestGroup(t, 3, func(c *Config) { c.TrailingEntries, c.ElectionTicks = 1, 50 })
	g.start(1, func(c *Config) { c.ElectionTicks = 1000 }) // it leads on when it hears of nobody
	g.start(2, nil)
	g.start(3, nil)
	proposer := g.leadBy(1)
	g.propose(proposer, "k+=0,")
	before := proposer.lastIndex(t)
	g.network.Cut(2, 1)
	g.network.Cut(3, 1)
	ctx, answer := patient(t), make(chan error, 1)
	go func() {
		_, err := proposer.Propose(ctx, []byte("k+=p,"))
		answer <- err
	}()
	for _, id := range []uint64{2, 3} {
		require.Eventually(t, func() bool { return g.members[id].lastIndex(t) > before }, time.Minute, time.Millisecond)
	}
	g.network.Isolate(1)
	leader := g.leader(2, 3)
	g.write(leader, "x", 30)
	for _, id := range []uint64{2, 3} {
		g.catchUp(g.members[id], leader)
		_, err := g.members[id].Compact(patient(t))
		require.NoError(t, err)
	}
	g.network.Heal()
	err := <-answer
	require.ErrorIs(t, err, ErrUnknownOutcome)
	require.NotErrorIs(t, err, ErrNotApplied)
	require.NotErrorIs(t, err, context.DeadlineExceeded)
	require.Equal(t, "0,p,", proposer.value("k"), "it was applied")
	g.receivesSnapshot(proposer, "it has it otherwise")
}

// Callers give up at all moments of their proposals' ways. Between the proposing and the taking note of it, they were once told
// that it had not taken place.
func TestWhatIsAbandonedAndNotAppliedIsNowhere(t *testing.T) {
	g := newTestGroup(t, 1, nil).startAll()
	m := g.leader()
	var mu sync.Mutex
	var abandoned []string
	var wg sync.WaitGroup
	end := time.Now().Add(*abandonTime)
	for w := range 16 {
		wg.Go(func() {
			for i := 0; time.Now().Before(end); i++ {
				key := fmt.Sprintf("%d-%d", w, i)
				if !errors.Is(proposeBriefly(m, key), ErrNotApplied) {
					continue
				}
				mu.Lock()
				abandoned = append(abandoned, key)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	require.NotEmpty(t, abandoned)
	_, err := m.Propose(patient(t), []byte("last:=1"))
	require.NoError(t, err)
	for _, key := range abandoned {
		require.Empty(t, m.value(key), "proposal %s of %d", key, len(abandoned))
	}
}

// proposeBriefly sets a key, and gives up within 100 us.
func proposeBriefly(m *testMember, key string) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	wait := time.Duration(rand.IntN(100)) * time.Microsecond
	go func() {
		for began := time.Now(); time.Since(began) < wait; { // a timer is not as fine
		}
		cancel()
	}()
	_, err := m.Propose(ctx, []byte(key+":=1"))
	return err
}

// The same, of the one moment that counts.
func TestWhatIsBeingProposedMayBeInTheLog(t *testing.T) {
	var w waiting
	config, err := Config{StateMachine: newRegister()}.complete(1)
	require.NoError(t, err)
	w.init(&config)
	gaveUp := errors.New("gave up")
	add := func(number uint64) *proposal {
		p := &proposal{number: number, outcome: make(chan outcome, 1)}
		require.NoError(t, w.addProposal(p))
		return p
	}
	begun := add(1)
	require.True(t, w.begin(begun, 3))
	err = w.abandon(begun, 1, gaveUp)
	require.ErrorIs(t, err, ErrUnknownOutcome)
	require.ErrorIs(t, err, gaveUp)

	refused := add(2)
	require.True(t, w.begin(refused, 3))
	w.retract(refused)
	err = w.abandon(refused, 1, gaveUp)
	require.ErrorIs(t, err, ErrNotApplied)
	require.NotErrorIs(t, err, ErrNoLeader, "there is one")

	twice := add(3)
	require.True(t, w.begin(twice, 3))
	require.True(t, w.begin(twice, 0))
	w.retract(twice)
	require.ErrorIs(t, w.abandon(twice, 0, gaveUp), ErrUnknownOutcome, "the first time counts")

	gone := add(4)
	require.ErrorIs(t, w.abandon(gone, 0, gaveUp), ErrNoLeader)
	require.False(t, w.begin(gone, 3), "nobody waits for it: it must not be proposed")
}

// A change of several members at once passes through a joint membership, in which majorities of the old members are needed
// (thesis §4.3). Whoever asked for it was once answered at its beginning, and stopped the removed members too early.
func TestAChangeIsAnsweredWhenTheRemovedMembersAreNotNeeded(t *testing.T) {
	g := newTestGroup(t, 3, nil)
	change := Change{Remove: []uint64{2, 3}}
	joint := make(chan struct{})
	var hold sync.Once
	g.change = func(c *Config) {
		tell := c.OnEvent
		c.ElectionTicks = 50
		c.OnEvent = func(e Event) {
			tell(e)
			if m, is := e.(MembersChanged); is && len(m.Members) == 5 && !m.Members[4].Learner {
				hold.Do(func() { // the joint membership cannot be left
					g.network.Isolate(2)
					g.network.Isolate(3)
					close(joint)
				})
			}
		}
	}
	g.startAll()
	leader := g.leadBy(1)
	for id := uint64(11); id <= 12; id++ {
		m := Member{ID: id, Address: fmt.Sprint("memory:", id), Learner: true}
		g.start(id, func(c *Config) { c.Join = true })
		require.NoError(t, leader.AddMember(patient(t), m))
		g.catchUp(g.members[id], leader)
		m.Learner = false
		change.Add = append(change.Add, m)
	}
	ctx, answer := patient(t), make(chan error, 1)
	go func() { answer <- leader.ChangeMembers(ctx, change) }()
	select {
	case <-joint:
	case err := <-answer:
		require.NoError(t, err, "before the change began")
	}
	require.Eventually(t, func() bool { return len(leader.Members()) == 5 && !leader.Members()[4].Learner }, time.Minute, time.Millisecond)
	_, err := leader.Compact(patient(t)) // what comes with the entry of the change is done
	require.NoError(t, err)
	waiting, _ := leader.waiting.counts()
	require.Equal(t, 1, waiting, "the change is answered")
	lost := func() bool { id, _ := leader.Leader(); return id == 0 }
	require.Eventually(t, lost, time.Minute, time.Millisecond, "a leader leads without a majority of the old members")

	g.network.Heal()
	require.NoError(t, <-answer, "it is not lost because another member led")
	g.network.Isolate(2)
	g.network.Isolate(3)
	g.propose(g.leader(1, 11, 12), "k+=x")
	require.Len(t, leader.Members(), 3)
}

// Nobody leads, and callers give up. What they have proposed and asked was once kept until somebody did.
func TestWhatNobodyWaitsForIsNotKept(t *testing.T) {
	g := newTestGroup(t, 3, nil)
	m := g.start(1, nil)
	const rounds, callers = 6, 300
	for range rounds {
		askBriefly(m, callers)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var last sync.WaitGroup
	last.Go(func() { _, _ = m.Propose(ctx, []byte("k+=x")) })
	last.Go(func() { _, _ = m.Read(ctx, Linearizable) })
	var proposals, reads int
	require.Eventually(t, func() bool {
		m.call(ctx, func() {
			proposals, reads = len(m.stepping.proposing.parked), len(m.stepping.reading.parked)
		})
		return proposals > 0 && proposals <= 2+minPruned && reads > 0 && reads <= 2+minPruned
	}, time.Minute, time.Millisecond, "of %d proposals and reads nobody waits for", rounds*callers)
	cancel()
	last.Wait()
}

// askBriefly has so many callers propose and read, and give up.
func askBriefly(m *testMember, callers int) {
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), testTick)
			defer cancel()
			_, _ = m.Propose(ctx, []byte("k+=x"))
		})
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), testTick)
			defer cancel()
			_, _ = m.Read(ctx, Linearizable)
		})
	}
	wg.Wait()
}

// The transferee has its leader step down, and cannot be elected, since most of the others are cut off. The caller once
// waited for as long as nobody led.
func TestATransferThatNobodyWinsHasAnUnknownOutcome(t *testing.T) {
	g := newTestGroup(t, 5, func(c *Config) { c.ElectionTicks = 30 }).startAll()
	var err error
	for attempt := 0; attempt == 0 || errors.Is(err, ErrNotApplied) && attempt < 10; attempt++ {
		g.network.Heal()
		leader, to := g.leader(), g.follower()
		g.write(leader, "k", 1)
		g.catchUp(to, leader)
		for _, id := range g.except(leader.id, to.id) {
			g.network.Isolate(id)
		}
		// That the leader gives it up first is possible if the machine is slow.
		err = leader.TransferLeadership(patient(t), to.id)
	}
	require.ErrorIs(t, err, ErrUnknownOutcome)
	require.NotErrorIs(t, err, ErrNotApplied)
	require.NotErrorIs(t, err, context.DeadlineExceeded, "it ends of itself")
	g.network.Heal()
	g.write(g.leader(), "k", 1)
}
