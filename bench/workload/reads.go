package workload

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/seed695671cb/raft/bench/lib"
	"github.com/seed695671cb/raft/bench/measure"
)

// W5: linearizable reads in a group of three RawNodes in one goroutine, asked of the leader or of a follower, by a
// quorum or by the leader's lease. A cycle is some requests, after which the group settles: all of them are answered.

type readCase struct {
	lease    bool
	follower bool
	batch    int
	ops      int
}

func (c readCase) name() string {
	way, asked := "safe", "leader"
	if c.lease {
		way = "lease"
	}
	if c.follower {
		asked = "follower"
	}
	return fmt.Sprintf("W5/%s/%s/%d", way, asked, c.batch)
}

func reads() []Workload {
	var all []Workload
	for _, c := range []readCase{
		{false, false, 1, 200_000},
		{false, false, 64, 400_000},
		{false, true, 1, 200_000},
		{false, true, 64, 400_000},
		{true, false, 1, 1_000_000},
		{true, false, 64, 1_000_000},
		{true, true, 1, 400_000},
		{true, true, 64, 400_000},
	} {
		all = append(all, Workload{Name: c.name(), Unit: "read", Operations: c.ops, New: c.start})
	}
	return all
}

// reader is a group whose member asked takes reads.
type reader struct {
	*group
	leads *member
	asked *member
	batch int
	// contexts holds a context of its own for every read, one behind the other: its number.
	contexts []byte
	// begun and answered count reads; commit is the leader's commit index when the last one was asked.
	begun    uint64
	answered uint64
	commit   uint64
	// open has a bit for each read of the cycle that was not answered.
	open uint64
}

const readContextSize = 8

// start sets the workload up for n reads, rounded up to whole cycles.
func (c readCase) start(n int) (measure.Job, int, error) {
	r, err := c.newReader()
	if err != nil {
		return measure.Job{}, 0, err
	}
	cycles := (n + c.batch - 1) / c.batch
	n = cycles * c.batch
	for i := range n {
		r.contexts = binary.LittleEndian.AppendUint64(r.contexts, uint64(i))
	}
	return measure.Job{Run: func() error { return r.run(cycles) }, Check: func() error { return r.check(n) }}, n, nil
}

// newReader returns a group that has a leader, with a lease if reads rely on one.
func (c readCase) newReader() (*reader, error) {
	lib.Quiet()
	r := &reader{group: &group{}, batch: c.batch}
	for id := uint64(1); id <= 3; id++ {
		m, err := newMember(id, []uint64{1, 2, 3}, nil, func(cfg *lib.Config) {
			cfg.CheckQuorum = c.lease
			if c.lease {
				cfg.ReadOnlyOption = lib.ReadOnlyLeaseBased
			}
		})
		if err != nil {
			return nil, err
		}
		r.members = append(r.members, m)
	}
	if err := r.elect(); err != nil {
		return nil, err
	}
	r.asked = r.leads
	if c.follower {
		r.asked = r.members[r.leads.id%3]
	}
	return r, nil
}

// elect lets time pass until a member leads, and one tick more: the heartbeats of that give the leader its lease. No
// member is told to campaign, because those that keep a lease are silent at first, as they may have promised before
// they were restarted. After this no time passes.
func (r *reader) elect() error {
	for range 1000 {
		led := r.leads != nil
		for _, m := range r.members {
			m.node.Tick()
			if err := r.settle(); err != nil {
				return err
			}
			if m.node.BasicStatus().RaftState == lib.StateLeader {
				r.leads = m
			}
		}
		if led {
			return nil
		}
	}
	return errors.New("no member was elected in a thousand ticks")
}

func (r *reader) run(cycles int) error {
	for range cycles {
		r.ask()
		if err := r.settle(); err != nil {
			return err
		}
		if r.open != 0 {
			return fmt.Errorf("reads up to %d were asked, and only %d answered", r.begun, r.answered)
		}
	}
	return nil
}

// ask begins the reads of one cycle.
func (r *reader) ask() {
	r.commit = r.leads.applied // the group has settled: all that is committed is applied
	for i := range r.batch {
		at := r.begun * readContextSize
		r.asked.node.ReadIndex(r.contexts[at : at+readContextSize : at+readContextSize])
		r.begun++
		r.open |= 1 << i
	}
}

// settle handles Readys until nobody has one.
func (r *reader) settle() error {
	for busy := true; busy; {
		busy = false
		for _, m := range r.members {
			if !m.node.HasReady() {
				continue
			}
			busy = true
			if err := r.handle(m); err != nil {
				return err
			}
		}
	}
	return nil
}

// handle does what a Ready asks for, as the group's does, and takes the answers to reads.
func (r *reader) handle(m *member) error {
	rd := m.node.Ready()
	if err := lib.Save(m.store, &rd); err != nil {
		return err
	}
	for i := range rd.Messages {
		if err := r.step(&rd.Messages[i]); err != nil {
			return err
		}
	}
	for i := range rd.ReadStates {
		if err := r.answer(m, rd.ReadStates[i].Index, rd.ReadStates[i].RequestCtx); err != nil {
			return err
		}
	}
	if err := r.apply(m, rd.CommittedEntries); err != nil {
		return err
	}
	m.node.Advance(rd)
	return nil
}

// answer checks that the read is one of this cycle, asked of this member, that was not answered before, and that the
// index is not older than the read.
func (r *reader) answer(m *member, index uint64, context []byte) error {
	if len(context) != readContextSize {
		return fmt.Errorf("a read with the context %x was never asked", context)
	}
	number := binary.LittleEndian.Uint64(context)
	bit := number - (r.begun - uint64(r.batch)) // too big a number if the read is of an earlier cycle
	if m != r.asked || bit >= uint64(r.batch) || r.open&(1<<bit) == 0 {
		return fmt.Errorf("member %d was given an answer to read %d, for which nobody waits there", m.id, number)
	}
	if index < r.commit {
		return fmt.Errorf("read %d was asked at commit index %d and answered with %d", number, r.commit, index)
	}
	r.open &^= 1 << bit
	r.answered++
	return nil
}

func (r *reader) check(n int) error {
	if r.answered != uint64(n) {
		return fmt.Errorf("%d reads were answered, want %d", r.answered, n)
	}
	return nil
}
