package workload

import (
	"bytes"
	"fmt"
	"math"

	"github.com/seed695671cb/raft/bench/lib"
)

// compactEvery is how many entries a log holds before it is compacted.
const compactEvery = 10_000

// group is some RawNodes in one goroutine. Messages go from one to the other by value, at once.
type group struct {
	members []*member
	payload []byte
	// deliver, if set, is asked before a message is stepped.
	deliver func(m *lib.Message) bool
}

// member is one RawNode with its storage and its state machine, which counts.
type member struct {
	id        uint64
	node      *lib.RawNode
	store     *lib.MemoryStorage
	applied   uint64
	entries   uint64 // those with a payload that were applied
	compacted uint64
	async     bool
}

// config is how every member is configured unless a workload says otherwise.
func config(id uint64, store *lib.MemoryStorage) *lib.Config {
	return &lib.Config{
		ID: id, Storage: store, ElectionTick: 10, HeartbeatTick: 1,
		MaxSizePerMsg: 1 << 20, MaxInflightMsgs: 256, MaxUncommittedEntriesSize: math.MaxUint64 / 2,
	}
}

// newGroup returns a group of voters 1 to n and learners after them, whose member 1 leads.
func newGroup(voters, learners int, adjust func(*lib.Config)) (*group, error) {
	lib.Quiet()
	g := &group{}
	var v, l []uint64
	for id := uint64(1); id <= uint64(voters+learners); id++ {
		if id <= uint64(voters) {
			v = append(v, id)
		} else {
			l = append(l, id)
		}
	}
	for id := uint64(1); id <= uint64(voters+learners); id++ {
		m, err := newMember(id, v, l, adjust)
		if err != nil {
			return nil, err
		}
		g.members = append(g.members, m)
	}
	if err := g.members[0].node.Campaign(); err != nil {
		return nil, err
	}
	if err := g.settle(); err != nil {
		return nil, err
	}
	if g.members[0].node.BasicStatus().RaftState != lib.StateLeader {
		return nil, fmt.Errorf("member 1 does not lead")
	}
	return g, nil
}

func newMember(id uint64, voters, learners []uint64, adjust func(*lib.Config)) (*member, error) {
	store := lib.NewMemoryStorage()
	if err := lib.SetUp(store, voters, learners); err != nil {
		return nil, err
	}
	c := config(id, store)
	if adjust != nil {
		adjust(c)
	}
	node, err := lib.NewRawNode(c)
	if err != nil {
		return nil, err
	}
	return &member{id: id, node: node, store: store, applied: 1, compacted: 1, async: c.AsyncStorageWrites}, nil
}

// leader is the member that leads.
func (g *group) leader() *member { return g.members[0] }

// round has every member that has a Ready handle one, in order, and reports whether any had.
func (g *group) round() (bool, error) {
	busy := false
	for _, m := range g.members {
		if !m.node.HasReady() {
			continue
		}
		busy = true
		var err error
		if m.async {
			err = g.handleAsync(m)
		} else {
			err = g.handle(m)
		}
		if err != nil {
			return false, err
		}
	}
	return busy, nil
}

// settle runs rounds until nobody has anything to do.
func (g *group) settle() error {
	for {
		busy, err := g.round()
		if err != nil || !busy {
			return err
		}
	}
}

// handle does what a member's Ready asks for: write, send, apply, Advance.
func (g *group) handle(m *member) error {
	rd := m.node.Ready()
	if err := lib.Save(m.store, &rd); err != nil {
		return err
	}
	for i := range rd.Messages {
		if err := g.step(&rd.Messages[i]); err != nil {
			return err
		}
	}
	if err := g.apply(m, rd.CommittedEntries); err != nil {
		return err
	}
	m.node.Advance(rd)
	return nil
}

// step gives a message to the member it is for.
func (g *group) step(msg *lib.Message) error {
	if g.deliver != nil && !g.deliver(msg) {
		return nil
	}
	return g.members[lib.To(msg)-1].node.Step(*msg)
}

// apply counts the entries and looks at each, and compacts the log now and then.
func (g *group) apply(m *member, ents []lib.Entry) error {
	for i := range ents {
		e := &ents[i]
		if lib.Index(e) != m.applied+1 {
			return fmt.Errorf("member %d applied %d and is handed %d", m.id, m.applied, lib.Index(e))
		}
		m.applied++
		if data := lib.Data(e); len(data) > 0 {
			if len(data) != len(g.payload) || data[0] != g.payload[0] {
				return fmt.Errorf("member %d: entry %d holds another payload", m.id, m.applied)
			}
			m.entries++
		}
	}
	if m.applied >= m.compacted+compactEvery {
		m.compacted = m.applied
		return lib.Compact(m.store, m.applied)
	}
	return nil
}

// check returns an error unless every member has applied n entries with the payload, the last of them still whole.
func (g *group) check(n int) error {
	for _, m := range g.members {
		if m.entries != uint64(n) {
			return fmt.Errorf("member %d applied %d entries, want %d", m.id, m.entries, n)
		}
		last, err := m.store.LastIndex()
		if err != nil {
			return err
		}
		first, err := m.store.FirstIndex()
		if err != nil {
			return err
		}
		if first > last {
			continue
		}
		ents, err := m.store.Entries(last, last+1, math.MaxUint64)
		if err != nil {
			return err
		}
		if len(ents) != 1 || !bytes.Equal(lib.Data(&ents[0]), g.payload) {
			return fmt.Errorf("member %d: the last entry is not what was proposed", m.id)
		}
	}
	return nil
}

func payloadOf(size int) []byte { return bytes.Repeat([]byte{'x'}, size) }
