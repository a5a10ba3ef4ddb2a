package replica

import (
	"bytes"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// State machines that return their results in parts, and those whose results are condensed for sessions.

// A sparing register returns one or two results at a time, whatever it is given.
type sparing struct {
	*register
	held chan struct{} // Apply waits until it is closed
	// most is the largest number of commands that it was given; calls counts how often it was given some.
	most, calls atomic.Int64
	// indexes are those of the commands applied; guarded by register.mu.
	indexes []uint64
}

func (s *sparing) Apply(commands []Command) ([][]byte, error) {
	<-s.held
	s.most.Store(max(s.most.Load(), int64(len(commands))))
	n := min(len(commands), 1+int(s.calls.Add(1)%2))
	results, err := s.register.Apply(commands[:n])
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range commands[:n] {
		s.indexes = append(s.indexes, c.Index)
	}
	return results, err
}

// A recording register remembers the result of each index.
type recording struct {
	*register
	results sync.Map
}

func (r *recording) Apply(commands []Command) ([][]byte, error) {
	results, err := r.register.Apply(commands)
	for i, c := range commands {
		r.results.Store(c.Index, string(results[i]))
	}
	return results, err
}

func TestAStateMachineMayReturnTheResultsOfTheFirstCommands(t *testing.T) {
	slow := &sparing{register: newRegister(), held: make(chan struct{})}
	others := map[uint64]*recording{2: {register: newRegister()}, 3: {register: newRegister()}}
	g := newCalmGroup(t, 3, nil)
	proposer := g.start(1, func(c *Config) { c.StateMachine = slow })
	for id := uint64(2); id <= 3; id++ {
		g.start(id, func(c *Config) { c.StateMachine = others[id] })
	}
	g.elect()
	g.leader()
	session, err := proposer.OpenSession(patient(t))
	require.NoError(t, err)
	const commands = 60
	results := make(chan Result, commands)
	for i := range commands {
		go func() {
			command := fmt.Appendf(nil, "k%d+=<%d>", i%3, i)
			var result Result
			var err error
			if i%2 == 0 {
				result, err = proposer.Propose(patient(t), command)
			} else {
				result, err = session.Propose(patient(t), command)
			}
			if err != nil {
				t.Error(err)
			}
			results <- result
		}()
	}
	// All are committed, in runs of several commands, before the first is applied here.
	applied := func() (n int) {
		others[2].results.Range(func(any, any) bool { n++; return true })
		return n
	}
	require.Eventually(t, func() bool { return applied() >= commands }, time.Minute, time.Millisecond)
	close(slow.held)
	for range commands {
		result := <-results
		want, known := others[2].results.Load(result.Index)
		require.True(t, known, "index %d", result.Index)
		require.Equal(t, want, string(result.Data), "index %d", result.Index)
	}
	require.Greater(t, slow.most.Load(), int64(2), "no run had more commands than it returns results: the test shows nothing")
	require.Equal(t, others[2].copy(), slow.copy())
	require.Len(t, slow.indexes, applied())
	for i, index := range slow.indexes {
		require.True(t, i == 0 || index > slow.indexes[i-1], "index %d once, and in its order", index)
	}
	require.Equal(t, sessionsOf(t, g.members[2]), sessionsOf(t, proposer), "what is remembered of the session")
}

// sessionsOf returns the member's table of sessions, as it is in a snapshot.
func sessionsOf(t *testing.T, m *testMember) []byte {
	m.views.retireBelow(m.Applied() + 1)
	contents, _ := contentsOf(t, m, 0)
	_, header, err := newContentsReader(bytes.NewReader(contents))
	require.NoError(t, err)
	return header.sessions
}

// A miscounting register returns so many results more than there are commands, but for the first command.
type miscounting struct {
	*register
	by   int
	seen bool
}

func (m *miscounting) Apply(commands []Command) ([][]byte, error) {
	results, err := m.register.Apply(commands)
	if !m.seen {
		m.seen = true
		return results[:1], err
	}
	if m.by < 0 {
		return nil, err
	}
	return append(results, make([][]byte, m.by)...), err
}

func TestAStateMachineThatReturnsNoneOrTooManyResultsHasFailed(t *testing.T) {
	for by, want := range map[int]string{-1: "returned 0 results for 1 commands", 1: "returned 2 results for 1 commands"} {
		r := runAlone(t, NewMemoryLogStore(), &miscounting{register: newRegister(), by: by}, nil)
		_, err := r.Propose(patient(t), []byte("k+=1"))
		require.NoError(t, err)
		before := r.Applied()
		_, err = r.Propose(patient(t), []byte("k+=2"))
		require.ErrorIs(t, err, ErrUnknownOutcome)
		require.ErrorContains(t, err, want)
		<-r.Done()
		require.ErrorContains(t, r.Err(), want)
		require.Equal(t, before, r.Applied())
	}
}

// condensed is what a session keeps of a result.
func condensed(result []byte) []byte { return fmt.Appendf(nil, "%d bytes", len(result)) }

type condensing struct {
	*register
	calls atomic.Int64
}

func (c *condensing) Condense(result []byte) []byte {
	c.calls.Add(1)
	return condensed(result)
}

type durableCondensing struct{ *durableRegister }

func (durableCondensing) Condense(result []byte) []byte { return condensed(result) }

// repeat proposes a command of a session as one would who has missed its result.
func repeat(t *testing.T, r *Replica, session, seq uint64, command []byte) Result {
	result, err := r.proposeEnvelope(patient(t),
		envelope{kind: kindSessionCommand, session: session, seq: seq, low: 1, command: command}, true)
	require.NoError(t, err)
	return result
}

func TestASessionKeepsCondensedResults(t *testing.T) {
	store, machine := NewMemoryLogStore(), &condensing{register: newRegister()}
	small := func(c *Config) { c.TrailingEntries = 1 }
	r := runAlone(t, store, machine, small)
	session, err := r.OpenSession(patient(t))
	require.NoError(t, err)
	command := []byte("k+=a large result")
	full, err := session.Propose(patient(t), command)
	require.NoError(t, err)
	require.Equal(t, "a large result", string(full.Data), "whoever waits gets all of it")
	short := condensed(full.Data)
	plain, err := r.Propose(patient(t), []byte("k+=, and more of it"))
	require.NoError(t, err)
	require.Equal(t, "a large result, and more of it", string(plain.Data))
	require.EqualValues(t, 1, machine.calls.Load(), "nobody remembers the results of other commands")

	again := repeat(t, r, session.ID(), 1, command)
	require.Equal(t, Result{Index: full.Index, Data: short}, again)
	require.EqualValues(t, 1, machine.calls.Load())
	require.Equal(t, string(plain.Data), machine.get("k"), "it is applied once")

	// The snapshot has no more, and that is what a replica that starts from it knows.
	_, err = r.Compact(patient(t))
	require.NoError(t, err)
	contents, err := r.log.OpenSnapshot()
	require.NoError(t, err)
	defer contents.Close()
	_, header, err := newContentsReader(contents)
	require.NoError(t, err)
	sessions, err := decodeSessions(header.sessions)
	require.NoError(t, err)
	require.Equal(t, short, sessions.sessions[session.ID()].results.at(0).data)
	require.NoError(t, r.Stop(patient(t)))
	r = runAlone(t, store, &condensing{register: newRegister()}, small)
	require.Equal(t, Result{Index: full.Index, Data: short}, repeat(t, r, session.ID(), 1, command))
}

func TestADurableStateMachineKeepsCondensedResults(t *testing.T) {
	store, machine := NewMemoryLogStore(), durableCondensing{newDurableRegister()}
	r := runAlone(t, store, machine, nil)
	session, err := r.OpenSession(patient(t))
	require.NoError(t, err)
	command := []byte("k+=a large result")
	full, err := session.Propose(patient(t), command)
	require.NoError(t, err)
	require.Equal(t, "a large result", string(full.Data))
	short := condensed(full.Data)
	_, records, err := machine.Recover()
	require.NoError(t, err)
	kept := 0
	for _, record := range records {
		if record.Key[0] != recordResult {
			continue
		}
		kept++
		id, result, err := resultOf(record)
		require.NoError(t, err)
		require.Equal(t, session.ID(), id)
		require.Equal(t, full.Index, result.index)
		require.Equal(t, short, result.data)
	}
	require.Equal(t, 1, kept)
	require.Equal(t, Result{Index: full.Index, Data: short}, repeat(t, r, session.ID(), 1, command))
	require.NoError(t, r.Stop(patient(t)))
	r = runAlone(t, store, machine, nil)
	require.Equal(t, Result{Index: full.Index, Data: short}, repeat(t, r, session.ID(), 1, command))
	require.Equal(t, "a large result", machine.get("k"))
}
