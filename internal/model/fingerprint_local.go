package model

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
)

// The fingerprints of a member as a whole: its RawNode, its disk, its storage threads, its application, and what is
// remembered of its past for the checks; and those of messages and of what the checks need to know.

// fingerprinter takes fingerprints. It is not changed once it is made.
type fingerprinter struct {
	node, disk, app, past, messages, message, facts, conf encoder

	sight sight
	// fields lists the fields that are visited, and how each is treated.
	fields []string
}

func newFingerprinter() (*fingerprinter, error) {
	f := &fingerprinter{}
	p := newPlanner(fingerprintRules())
	for _, part := range []struct {
		place *encoder
		of    reflect.Type
	}{
		{&f.node, reflect.TypeFor[raft.RawNode]()},
		{&f.disk, reflect.TypeFor[diskImage]()},
		{&f.app, reflect.TypeFor[application]()},
		{&f.past, reflect.TypeFor[past]()},
		{&f.messages, reflect.TypeFor[[]pb.Message]()},
		{&f.message, reflect.TypeFor[pb.Message]()},
		{&f.conf, reflect.TypeFor[pb.ConfState]()},
		{&f.facts, reflect.TypeFor[Facts]()},
	} {
		e, err := p.plan(part.of)
		if err != nil {
			return nil, err
		}
		*part.place = e
	}
	if err := p.unused(); err != nil {
		return nil, err
	}
	f.fields = p.fields
	var err error
	f.sight, err = newSight()
	return f, err
}

// local returns the fingerprint of a member's state under the renaming.
func (f *fingerprinter) local(m *member, renaming []uint64) uint64 {
	w := newWalk(renaming)
	w.add(w.name(m.id))
	f.app(&w, reflect.ValueOf(&m.app).Elem())
	f.past(&w, reflect.ValueOf(&m.past).Elem())
	image := m.image()
	f.disk(&w, reflect.ValueOf(&image).Elem())
	if m.rn == nil {
		w.add(0)
		return w.h
	}
	w.add(1)
	f.messages(&w, reflect.ValueOf(m.appendQueue))
	f.messages(&w, reflect.ValueOf(m.applyQueue))
	w.at = f.sight.of(m.rn)
	f.node(&w, reflect.ValueOf(m.rn).Elem())
	return w.h
}

// localNames returns the fingerprints of a member's state under all renamings.
func (f *fingerprinter) localNames(m *member, renamings [][]uint64) []uint64 {
	names := make([]uint64, len(renamings))
	for k, renaming := range renamings {
		names[k] = f.local(m, renaming)
	}
	return names
}

// messageName returns the fingerprint of a message under the renaming.
func (f *fingerprinter) messageName(m *pb.Message, renaming []uint64) uint64 {
	w := newWalk(renaming)
	f.message(&w, reflect.ValueOf(m).Elem())
	return w.h
}

// digestConf returns the fingerprint of a membership, never zero.
func (f *fingerprinter) digestConf(cs *pb.ConfState) uint64 {
	w := newWalk(nil)
	f.conf(&w, reflect.ValueOf(cs).Elem())
	return w.h | 1
}

// digestFacts returns the fingerprint of all that is known to the checks.
func (f *fingerprinter) digestFacts(facts *Facts) uint64 {
	w := newWalk(nil)
	f.facts(&w, reflect.ValueOf(facts).Elem())
	return w.h
}

// glance is what rules, inputs and checks want to know of a member that its methods do not say.
type glance struct {
	now, electionStart, electionTick, electionTimeout, silentUntil uint64

	leads, checkQuorum, leaseReads bool
	lead, transferee               uint64
	applied                        uint64
	// reads is the number of reads passed to the leader and not answered.
	reads int
	// stored is the index up to which the member takes its log to be durable, last where its log ends.
	stored, last uint64
	// restoring is set while a snapshot is not durable yet, superseding while entries are being applied that a
	// snapshot has replaced.
	restoring, superseding bool
	persisted              pb.HardState
	members                []uint64
}

// sight finds the fields of a glance.
type sight struct {
	raft, leading []int
	numbers       [12][]int
	flags         [2][]int
	members       []int
	unstable      []int // the number of unstable entries
	reads         []int
	forwarded     []int // of reads
	snapshot      []int
	transferee    []int
}

func newSight() (sight, error) {
	var s sight
	node := reflect.TypeFor[raft.RawNode]()
	var err error
	find := func(t reflect.Type, path string) []int {
		at, index, findErr := t, []int(nil), error(nil)
		for _, name := range strings.Split(path, ".") {
			f, ok := at.FieldByName(name)
			if !ok {
				findErr = fmt.Errorf("%s has no field %s: look what became of it, and correct type sight", at, name)
				break
			}
			index, at = append(index, f.Index...), f.Type
		}
		if findErr != nil && err == nil {
			err = findErr
		}
		return index
	}
	s.raft = find(node, "raft")
	if err != nil {
		return s, err
	}
	core := node.FieldByIndex(s.raft).Type
	for i, path := range [len(s.numbers)]string{
		"clock.now", "clock.electionStart", "clock.electionTick", "clock.electionTimeout", "silentUntil", "state", "lead",
		"log.applied", "log.unstable.offset", "log.supersededTo", "persisted.term", "persisted.vote",
	} {
		s.numbers[i] = find(core, path)
	}
	s.flags = [2][]int{find(core, "checkQuorum"), find(core, "leaseReads")}
	s.members = find(core, "membership.Members")
	s.unstable = find(core, "log.unstable.entries.count")
	s.reads = find(core, "reads")
	s.snapshot = find(core, "log.unstable.snapshot")
	s.leading = find(core, "leading")
	if err != nil {
		return s, err
	}
	s.forwarded = find(core.FieldByIndex(s.reads).Type.Elem(), "forwarded.pending")
	s.transferee = find(core.FieldByIndex(s.leading).Type.Elem(), "transferee")
	return s, err
}

// of takes a glance at the member.
func (s *sight) of(rn *raft.RawNode) glance {
	core := reflect.ValueOf(rn).Elem().FieldByIndex(s.raft)
	n := func(i int) uint64 { return core.FieldByIndex(s.numbers[i]).Uint() }
	g := glance{
		now: n(0), electionStart: n(1), electionTick: n(2), electionTimeout: n(3), silentUntil: n(4),
		leads: n(5) == uint64(raft.StateLeader), lead: n(6), applied: n(7),
		checkQuorum: core.FieldByIndex(s.flags[0]).Bool(), leaseReads: core.FieldByIndex(s.flags[1]).Bool(),
		stored: n(8) - 1, superseding: n(9) != 0, persisted: pb.HardState{Term: n(10), Vote: n(11)},
		restoring: !core.FieldByIndex(s.snapshot).IsNil(),
	}
	if reads := core.FieldByIndex(s.reads); !reads.IsNil() {
		g.reads = reads.Elem().FieldByIndex(s.forwarded).Len()
	}
	g.last = g.stored + uint64(core.FieldByIndex(s.unstable).Int())
	members := core.FieldByIndex(s.members)
	g.members = make([]uint64, members.Len())
	for i := range g.members {
		g.members[i] = members.Index(i).Field(0).Uint()
	}
	if leading := core.FieldByIndex(s.leading); !leading.IsNil() {
		g.transferee = leading.Elem().FieldByIndex(s.transferee).Uint()
	}
	return g
}

// elapsed is how long the member has waited for a leader, or a leader for the check of its quorum.
func (g *glance) elapsed() uint64 { return g.now - g.electionStart }
