package replica

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
)

// A damagedLog is one that cannot be read.
type damagedLog struct {
	Log
	err error
}

func (l damagedLog) Entries(_, _, _ uint64) ([]pb.Entry, error) { return nil, l.err }
func (l damagedLog) Term(uint64) (uint64, error)                { return 0, l.err }
func (l damagedLog) FirstIndex() (uint64, error)                { return 0, l.err }
func (l damagedLog) LastIndex() (uint64, error)                 { return 0, l.err }

// A spoiledStore's logs can no longer be read once it is spoiled.
type spoiledStore struct {
	LogStore
	spoiled *atomic.Bool
}

type spoiledLog struct {
	Log
	spoiled *atomic.Bool
}

var errSpoiled = errors.New("the checksum of an entry does not match")

func (s spoiledStore) Open(group uint64) (Log, error) {
	l, err := s.LogStore.Open(group)
	return spoiledLog{l, s.spoiled}, err
}

func (l spoiledLog) Entries(lo, hi, maxSize uint64) ([]pb.Entry, error) {
	if l.spoiled.Load() {
		return nil, errSpoiled
	}
	return l.Log.Entries(lo, hi, maxSize)
}

// The consensus takes an error of its log for something that passes, and reads again with the next tick. A leader with a damaged log
// led on, applied nothing, and told nobody.
func TestALeaderThatCannotReadItsLogStops(t *testing.T) {
	spoiled := map[uint64]*atomic.Bool{}
	g := newTestGroup(t, 3, nil)
	g.storeOf = func(id uint64, s LogStore) LogStore {
		spoiled[id] = new(atomic.Bool)
		return spoiledStore{s, spoiled[id]}
	}
	g.startAll()
	leader := g.leader()
	g.write(leader, "k", 1)
	spoiled[leader.id].Store(true)
	tryWrites(leader, func() bool { return leader.Err() != nil })
	require.ErrorIs(t, leader.Err(), errSpoiled)
	<-leader.Done()
	require.ErrorIs(t, leader.Stop(patient(t)), errSpoiled)
	g.write(g.leader(g.except(leader.id)...), "new", 1)
}

// Any of the reads does so, unless it only says what the log does not have, or the replica is not started yet.
func TestWhatIsWrongWithALogStopsItsReplica(t *testing.T) {
	reads := map[string]func(*groupStorage) error{
		"Entries":    func(s *groupStorage) error { _, err := s.Entries(1, 2, 100); return err },
		"Term":       func(s *groupStorage) error { _, err := s.Term(1); return err },
		"FirstIndex": func(s *groupStorage) error { _, err := s.FirstIndex(); return err },
		"LastIndex":  func(s *groupStorage) error { _, err := s.LastIndex(); return err },
		"Snapshot":   func(s *groupStorage) error { _, err := s.Snapshot(); return err },
	}
	broken := errors.New("the checksum of an entry does not match")
	for name, read := range reads {
		t.Run(name, func(t *testing.T) {
			m := newTestGroup(t, 1, nil).startAll().leader()
			for _, harmless := range []error{raft.ErrCompacted, raft.ErrUnavailable} {
				require.ErrorIs(t, read(&groupStorage{Log: damagedLog{m.log, harmless}, r: m.Replica}), harmless)
			}
			starting := &Replica{}
			require.ErrorIs(t, read(&groupStorage{Log: damagedLog{m.log, broken}, r: starting}), broken)
			require.NoError(t, starting.Err())
			require.NoError(t, m.Err())
			require.ErrorIs(t, read(&groupStorage{Log: damagedLog{m.log, broken}, r: m.Replica}), broken)
			require.Eventually(t, func() bool { return errors.Is(m.Err(), broken) }, time.Minute, time.Millisecond)
		})
	}
}

// What Start finds is for it to return.
func TestAReplicaDoesNotStartOnALogThatCannotBeRead(t *testing.T) {
	g := newTestGroup(t, 1, nil).startAll()
	m := g.leader()
	g.write(m, "k", 3)
	require.NoError(t, m.Stop(patient(t)))
	broken := errors.New("the checksum of an entry does not match")
	h, err := NewHost(HostConfig{ID: 1, Store: damagedStore{m.store, broken}, Transport: g.network.Transport(1), Tick: testTick})
	require.NoError(t, err)
	defer h.Stop(patient(t))
	_, err = h.Start(Config{Group: 7, StateMachine: newRegister(), Peers: g.peers})
	require.ErrorIs(t, err, broken)
}

type damagedStore struct {
	*MemoryLogStore
	err error
}

func (s damagedStore) Open(group uint64) (Log, error) {
	l, err := s.MemoryLogStore.Open(group)
	return damagedLog{l, s.err}, err
}
