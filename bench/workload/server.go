package workload

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"

	"github.com/seed695671cb/raft/bench/lib"
)

// server is a member driven as a Node, with its storage and its state machine: what W3 and W4 have in common. It
// belongs to the goroutine of its Ready loop; proposals come from others.
type server struct {
	id        uint64
	node      lib.Node
	store     *lib.MemoryStorage
	applied   uint64
	compacted uint64
	// reached is applied as the others may read it.
	reached atomic.Uint64
	others  []*server
	// entries counts those with a payload that were applied; counts does so for each proposer.
	entries uint64
	counts  []uint64
	// order is a number that depends on whose entries were applied in which order.
	order uint64
	// answers, if set, holds a channel with room for one for each proposer that waits.
	answers []chan struct{}
}

// stamps is after how many proposals a proposer begins again with its first payload.
const stamps = 8

// newServer starts a member of the voters 1 to n, for the given number of proposers.
func newServer(id uint64, voters []uint64, proposers int) (*server, error) {
	store := lib.NewMemoryStorage()
	if err := lib.SetUp(store, voters, nil); err != nil {
		return nil, err
	}
	s := &server{id: id, store: store, applied: 1, compacted: 1, counts: make([]uint64, proposers)}
	s.node = lib.RestartNode(config(id, store))
	return s, nil
}

// stamped returns the payloads of every proposer: each begins with who proposes, and where it stands among them.
func stamped(proposers, size int) [][][]byte {
	all := make([][][]byte, proposers)
	for p := range all {
		all[p] = make([][]byte, stamps)
		for i := range all[p] {
			data := payloadOf(size)
			binary.LittleEndian.PutUint64(data, uint64(p))
			binary.LittleEndian.PutUint64(data[8:], uint64(i))
			all[p][i] = data
		}
	}
	return all
}

// apply counts the entries, answers their proposers, and compacts the log now and then.
func (s *server) apply(ents []lib.Entry) error {
	for i := range ents {
		e := &ents[i]
		if lib.Index(e) != s.applied+1 {
			return fmt.Errorf("member %d applied %d and is handed %d", s.id, s.applied, lib.Index(e))
		}
		s.applied++
		if data := lib.Data(e); len(data) > 0 {
			if err := s.count(data); err != nil {
				return err
			}
		}
	}
	s.reached.Store(s.applied)
	return s.compact()
}

// compact drops what every server has applied, if that is much. A server that is a little behind can so be sent what
// it lacks: nobody needs a snapshot.
func (s *server) compact() error {
	to := s.applied
	for _, o := range s.others {
		to = min(to, o.reached.Load())
	}
	if to < s.compacted+compactEvery {
		return nil
	}
	s.compacted = to
	return lib.Compact(s.store, to)
}

// count counts an entry. Those of one proposer must come in the order in which it proposed them, each of them once.
func (s *server) count(data []byte) error {
	p, stamp := binary.LittleEndian.Uint64(data), binary.LittleEndian.Uint64(data[8:])
	if p >= uint64(len(s.counts)) || stamp != s.counts[p]%stamps {
		return fmt.Errorf("member %d: entry %d holds stamp %d of proposer %d, which is not its next", s.id, s.applied, stamp, p)
	}
	s.counts[p]++
	s.entries++
	s.order = s.order*31 + p
	if s.answers != nil {
		s.answers[p] <- struct{}{}
	}
	return nil
}

// check returns an error unless the server has applied n entries, and of each proposer as many as it proposed.
func (s *server) check(n int, proposed []uint64) error {
	if s.entries != uint64(n) {
		return fmt.Errorf("member %d applied %d entries, want %d", s.id, s.entries, n)
	}
	for p, want := range proposed {
		if s.counts[p] != want {
			return fmt.Errorf("member %d applied %d entries of proposer %d, want %d", s.id, s.counts[p], p, want)
		}
	}
	return nil
}
