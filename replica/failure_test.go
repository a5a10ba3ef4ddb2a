package replica

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft"
)

// What becomes of a replica whose state machine, consensus or OnEvent fails: it stops, at once, and nothing else does.

// runAlone runs a group of one.
func runAlone(t *testing.T, store LogStore, machine StateMachine, change func(*Config)) *Replica {
	config := Config{StateMachine: machine, Peers: []Member{{ID: 1}}}
	if change != nil {
		change(&config)
	}
	r, err := Run(HostConfig{ID: 1, Store: store, Transport: NewMemoryNetwork().Transport(1), Tick: testTick,
		Logger: slog.New(slog.DiscardHandler)}, config)
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.Stop(patient(t)) })
	return r
}

// moreToApply waits until another job waits for the one that is being done.
func moreToApply(t *testing.T, r *Replica) {
	t.Helper()
	require.Eventually(t, func() bool {
		r.applying.queue.mu.Lock()
		defer r.applying.queue.mu.Unlock()
		return len(r.applying.queue.waiting) > 0
	}, time.Minute, time.Millisecond)
}

// failureRounds is how often a failure is repeated after which, once, what came next depended on the schedule of goroutines.
const failureRounds = 5

// A breakingRegister fails when it is given bad+=..., when it has applied half of it.
type breakingRegister struct {
	register
	entered, goOn chan struct{}
	failed, again atomic.Bool
}

func newBreakingRegister() *breakingRegister {
	return &breakingRegister{register: register{state: map[string]string{}}, entered: make(chan struct{}), goOn: make(chan struct{})}
}

func (b *breakingRegister) Apply(commands []Command) ([][]byte, error) {
	if b.failed.Load() {
		b.again.Store(true)
		return b.register.Apply(commands)
	}
	for _, c := range commands {
		if !strings.HasPrefix(string(c.Data), "bad") {
			continue
		}
		close(b.entered)
		<-b.goOn
		_, _ = b.register.Apply(commands)
		b.failed.Store(true)
		return nil, errors.New("the disk of the state machine has failed")
	}
	return b.register.Apply(commands)
}

// Apply was once called again with what it had failed to apply, and the caller of a later command was told that all was well.
func TestAStateMachineThatHasFailedIsNotUsedAgain(t *testing.T) {
	for range failureRounds {
		machine := newBreakingRegister()
		r := runAlone(t, NewMemoryLogStore(), machine, nil)
		answers := make(chan error, 2)
		propose := func(command string) { _, err := r.Propose(patient(t), []byte(command)); answers <- err }
		go propose("bad+=1")
		<-machine.entered
		before := r.Applied()
		go propose("k+=b")
		moreToApply(t, r)
		close(machine.goOn)
		<-r.Done()
		for range 2 {
			err := within(t, answers, "a proposal")
			require.ErrorIs(t, err, ErrUnknownOutcome)
			require.ErrorContains(t, err, "has failed")
		}
		require.False(t, machine.again.Load(), "Apply was called after it had failed")
		require.Equal(t, before, r.Applied())
		require.ErrorContains(t, r.Stop(patient(t)), "the disk of the state machine has failed")
	}
}

// An interruptedCommit fails once.
type interruptedCommit struct {
	*durableRegister
	fails, failed, again atomic.Bool
	entered, goOn        chan struct{}
}

func (c *interruptedCommit) Commit(applied uint64, records []Record) error {
	if c.failed.Load() {
		c.again.Store(true)
	}
	if c.fails.CompareAndSwap(true, false) {
		close(c.entered)
		<-c.goOn
		c.failed.Store(true)
		return errors.New("no space left")
	}
	return c.durableRegister.Commit(applied, records)
}

func (c *interruptedCommit) Sync() error {
	if c.failed.Load() {
		c.again.Store(true)
	}
	return c.durableRegister.Sync()
}

// The next Commit once followed, without the records of the one that had failed, and both callers were told that all was well.
func TestNothingIsCommittedAfterACommitThatFailed(t *testing.T) {
	for range failureRounds {
		machine := &interruptedCommit{durableRegister: newDurableRegister(), entered: make(chan struct{}), goOn: make(chan struct{})}
		r := runAlone(t, NewMemoryLogStore(), machine, nil)
		session, err := r.OpenSession(patient(t))
		require.NoError(t, err)
		machine.fails.Store(true)
		answers := make(chan error, 2)
		go func() { _, err := session.Propose(patient(t), []byte("k+=x")); answers <- err }()
		<-machine.entered
		go func() { _, err := r.Propose(patient(t), []byte("k+=y")); answers <- err }()
		moreToApply(t, r)
		close(machine.goOn)
		<-r.Done()
		require.ErrorIs(t, within(t, answers, "a proposal"), ErrUnknownOutcome)
		require.ErrorIs(t, within(t, answers, "a proposal"), ErrUnknownOutcome)
		require.ErrorContains(t, r.Err(), "no space left")
		require.False(t, machine.again.Load(), "Commit or Sync was called after Commit had failed")
	}
}

// The same if the replica is being stopped when it fails: Stop says so, and does not have the state machine synced.
func TestAFailureWhileTheReplicaStopsIsTold(t *testing.T) {
	machine := &interruptedCommit{durableRegister: newDurableRegister(), entered: make(chan struct{}), goOn: make(chan struct{})}
	r := runAlone(t, NewMemoryLogStore(), machine, nil)
	_, err := r.Propose(patient(t), []byte("k+=x"))
	require.NoError(t, err)
	machine.fails.Store(true)
	go func() { _, _ = r.Propose(patient(t), []byte("k+=y")) }()
	<-machine.entered
	stopped := make(chan error, 1)
	go func() { stopped <- r.Stop(patient(t)) }()
	require.Eventually(t, r.stopping, time.Minute, time.Millisecond)
	close(machine.goOn)
	require.ErrorContains(t, within(t, stopped, "Stop"), "no space left")
	require.False(t, machine.again.Load())
}

// A RawNode that has panicked half way through a change of its state was once stepped again.
func TestAConsensusThatHasPanickedIsNotSteppedAgain(t *testing.T) {
	for range failureRounds {
		r := runAlone(t, NewMemoryLogStore(), newRegister(), nil)
		_, err := r.Propose(patient(t), []byte("k+=a"))
		require.NoError(t, err)
		var again atomic.Bool
		r.later(func() {
			r.later(func() { again.Store(true) }) // as a message that comes meanwhile
			panic("an invariant is broken")
		})
		<-r.Done()
		require.ErrorContains(t, r.Err(), "the consensus cannot go on: panic: an invariant is broken")
		require.False(t, again.Load())
	}
}

const bug = "a bug of the application"

// An explosive panics where it is told to. It implements no more than a StateMachine; see durableExplosive.
type explosive struct {
	*register
	at *atomic.Value
}

func (e explosive) explode(where string) {
	if e.at.Load() == where {
		panic(bug)
	}
}

func (e explosive) Apply(commands []Command) ([][]byte, error) {
	e.explode("Apply")
	return e.register.Apply(commands)
}

func (e explosive) Capture() (View, error) {
	e.explode("Capture")
	v, err := e.register.Capture()
	return explosiveView{v, e}, err
}

func (e explosive) Restore(contents io.Reader) error {
	e.explode("Restore")
	return e.register.Restore(contents)
}

type explosiveView struct {
	View
	explosive
}

func (v explosiveView) WriteTo(w io.Writer) (int64, error) {
	v.explode("WriteTo")
	return v.View.WriteTo(w)
}

func (v explosiveView) Close() error {
	v.explode("Close")
	return v.View.Close()
}

type durableExplosive struct {
	*durableRegister
	explosive
}

func (d durableExplosive) Apply(commands []Command) ([][]byte, error) {
	return d.durableRegister.Apply(commands)
}
func (d durableExplosive) Capture() (View, error)     { return d.durableRegister.Capture() }
func (d durableExplosive) Restore(in io.Reader) error { return d.durableRegister.Restore(in) }

func (d durableExplosive) Commit(applied uint64, records []Record) error {
	d.explode("Commit")
	return d.durableRegister.Commit(applied, records)
}

func (d durableExplosive) Sync() error {
	d.explode("Sync")
	return d.durableRegister.Sync()
}

func (d durableExplosive) Recover() (uint64, []Record, error) {
	d.explode("Recover")
	return d.durableRegister.Recover()
}

// explosiveMachine returns a state machine that panics where it is told to, which is where it has such a method.
func explosiveMachine(where string) (machine StateMachine, at *atomic.Value) {
	at = &atomic.Value{}
	e := explosive{register: newRegister(), at: at}
	switch where {
	case "Commit", "Sync", "Recover":
		return durableExplosive{newDurableRegister(), e}, at
	}
	return e, at
}

func requirePanicTold(t *testing.T, err error, where string) {
	t.Helper()
	require.ErrorContains(t, err, "panic: "+bug)
	require.ErrorContains(t, err, "explosive", "the stack")
	require.ErrorContains(t, err, "."+where+"(", "the stack")
}

// A panic of one state machine was once the end of the process, with all groups.
func TestAPanicOfAStateMachineEndsItsReplicaAlone(t *testing.T) {
	write := func(r *Replica) { _, _ = r.Propose(patient(t), []byte("k+=x")) }
	compact := func(r *Replica) { _, _ = r.Compact(patient(t)) }
	for where, provoke := range map[string]func(*Replica){
		"Apply": write, "Commit": write, "Capture": compact, "WriteTo": compact, "Close": compact, "Sync": compact,
	} {
		t.Run(where, func(t *testing.T) {
			h := startHostOn(t, NewMemoryLogStore())
			other, err := h.Start(alone(2))
			require.NoError(t, err)
			machine, at := explosiveMachine(where)
			r, err := h.Start(Config{Group: 1, StateMachine: machine, Peers: []Member{{ID: 1}}})
			require.NoError(t, err)
			_, err = r.Propose(patient(t), []byte("k+=x"))
			require.NoError(t, err)
			at.Store(where)
			provoke(r)
			within(t, doneOf(r), "the replica")
			requirePanicTold(t, r.Err(), where)
			_, err = r.Propose(patient(t), []byte("k+=y"))
			require.ErrorIs(t, err, ErrStopped)
			_, err = other.Propose(patient(t), []byte("k+=z"))
			require.NoError(t, err)
			_, err = other.Compact(patient(t))
			require.NoError(t, err, "what snapshots share is free")
			require.Empty(t, h.saving)
		})
	}
}

func doneOf(r *Replica) <-chan error {
	done := make(chan error, 1)
	go func() { <-r.Done(); done <- nil }()
	return done
}

func TestAPanicWhenAReplicaStartsOrStopsIsAnError(t *testing.T) {
	for _, where := range []string{"Recover", "Restore", "Sync"} {
		t.Run(where, func(t *testing.T) {
			h := startHostOn(t, NewMemoryLogStore())
			machine, at := explosiveMachine(where)
			config := Config{Group: 1, StateMachine: machine, Peers: []Member{{ID: 1}}}
			r, err := h.Start(config)
			require.NoError(t, err)
			_, err = r.Propose(patient(t), []byte("k+=x"))
			require.NoError(t, err)
			_, err = r.Compact(patient(t))
			require.NoError(t, err)
			if where == "Sync" {
				at.Store(where)
				requirePanicTold(t, r.Stop(patient(t)), where)
				return
			}
			require.NoError(t, r.Stop(patient(t)))
			config.StateMachine, at = explosiveMachine(where)
			at.Store(where)
			_, err = h.Start(config)
			requirePanicTold(t, err, where)
			_, err = h.Start(alone(2))
			require.NoError(t, err)
		})
	}
}

// Views are written out on goroutines that read for the transport, too.
func TestAPanicOfAViewThatIsSentEndsItsReplicaAlone(t *testing.T) {
	var at [4]*atomic.Value
	g := newTestGroup(t, 3, func(c *Config) { c.TrailingEntries, c.ElectionTicks = 1, 50 })
	for id := uint64(1); id <= 3; id++ {
		g.start(id, func(c *Config) {
			at[id] = &atomic.Value{}
			c.StateMachine = explosive{register: c.StateMachine.(*register), at: at[id]}
		})
	}
	g.elect()
	leader, behind := g.leader(), g.follower()
	g.network.Isolate(behind.id)
	g.write(leader, "k", 20)
	_, err := leader.Compact(patient(t))
	require.NoError(t, err)
	at[leader.id].Store("WriteTo")
	g.network.Heal()
	within(t, doneOf(leader.Replica), "the leader")
	requirePanicTold(t, leader.Err(), "WriteTo")
	g.write(g.leader(g.except(leader.id)...), "k", 1)
	require.Eventually(t, func() bool { return len(behind.value("k")) == 21 }, time.Minute, time.Millisecond)
}

func TestAPanicOfOnEventEndsItsReplicaAlone(t *testing.T) {
	for name, is := range map[string]func(Event) bool{
		"stepping":   func(e Event) bool { l, is := e.(LeaderChanged); return is && l.Role == raft.StateLeader },
		"applying":   func(e Event) bool { _, is := e.(MembersChanged); return is },
		"background": func(e Event) bool { _, is := e.(SnapshotSaved); return is },
		"stopping":   func(e Event) bool { _, is := e.(Stopped); return is },
		"always":     func(Event) bool { return true },
	} {
		t.Run(name, func(t *testing.T) {
			h := startHostOn(t, NewMemoryLogStore())
			other, err := h.Start(alone(2))
			require.NoError(t, err)
			config := alone(1)
			config.OnEvent = func(e Event) {
				if is(e) {
					panic(fmt.Errorf("%s: %w", bug, io.ErrUnexpectedEOF))
				}
			}
			r, err := h.Start(config)
			require.NoError(t, err)
			_, _ = r.Propose(patient(t), []byte("k+=x"))
			_, _ = r.Compact(patient(t))
			if name == "stopping" {
				require.ErrorContains(t, r.Stop(patient(t)), bug)
			}
			within(t, doneOf(r), "the replica")
			require.ErrorContains(t, r.Err(), "Config.OnEvent cannot go on: panic: "+bug)
			require.ErrorIs(t, r.Err(), io.ErrUnexpectedEOF)
			require.ErrorContains(t, r.Err(), "failure_test.go", "the stack")
			_, err = other.Propose(patient(t), []byte("k+=z"))
			require.NoError(t, err)
		})
	}
}

// Host.Stop said that its error is that of its context, and returned none.
func TestStopSaysThatItsContextHasEnded(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	h := startHostOn(t, NewMemoryLogStore())
	var replicas []*Replica
	for group := range uint64(3) {
		r, err := h.Start(alone(group))
		require.NoError(t, err)
		replicas = append(replicas, r)
	}
	require.ErrorIs(t, replicas[0].Stop(ctx), context.Canceled)
	require.NoError(t, replicas[0].Err(), "that is no failure")
	err := h.Stop(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 1, strings.Count(err.Error(), context.Canceled.Error()), "told once for all groups")
	for _, r := range replicas {
		<-r.Done()
	}
	require.NoError(t, h.Stop(ctx), "nothing is left to be handed over")
}

// What tryPropose and finish do at the same time was once a data race.
func TestAProposalIsRetractedWhileTheReplicaStops(t *testing.T) {
	config, err := Config{StateMachine: newRegister(), Peers: []Member{{ID: 1}}}.complete(1)
	require.NoError(t, err)
	for range 100 {
		var w waiting
		w.init(&config)
		p := &proposal{number: 1, outcome: make(chan outcome, 1)}
		require.NoError(t, w.addProposal(p))
		require.True(t, w.begin(p, 1))
		var wg sync.WaitGroup
		wg.Go(func() { w.retract(p) })
		w.close(ErrStopped)
		wg.Wait()
		require.ErrorIs(t, (<-p.outcome).err, ErrStopped)
	}
}
