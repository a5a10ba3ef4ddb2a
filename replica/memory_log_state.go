// What a MemoryLogStore keeps of its groups. It keeps it twice, as it is and as it would be after a crash; both come from
// the same effects in the same order (Raft §5.1).

package replica

import (
	"fmt"
	"slices"

	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
)

// memoryState is the state of all groups.
type memoryState map[uint64]*memoryGroup

// A memoryGroup is what is kept of one group. The zero value, apart from the log, is that of a new group.
type memoryGroup struct {
	// log has the hard state and the entries. Its own snapshot only marks where the log begins.
	log *raft.MemoryStorage
	// newest is the newest snapshot, without an index if there is none. contents is nil if it was dropped.
	newest   pb.SnapshotMetadata
	contents *memoryContents
	// staged is what was staged last and neither adopted nor installed.
	staged *memoryStaging
}

// memoryContents are the contents of a finished snapshot. They do not change.
type memoryContents struct{ data []byte }

// memoryStaging is a snapshot that is being written. Bytes are only ever appended.
type memoryStaging struct {
	serial   uint64 // differs from that of every other staging of the store
	stream   uint64
	meta     pb.SnapshotMetadata
	data     []byte
	finished bool
}

// An effect is a change to one group that was found possible.
type effect struct {
	group uint64
	apply func(*memoryGroup)
}

func (s memoryState) apply(e effect) { e.apply(s.group(e.group)) }

// group returns the group, a new one if nothing is kept of it.
func (s memoryState) group(id uint64) *memoryGroup {
	g := s[id]
	if g == nil {
		g = &memoryGroup{log: raft.NewMemoryStorage()}
		s[id] = g
	}
	return g
}

// kept returns the groups of which something is kept, in ascending order.
func (s memoryState) kept() []uint64 {
	ids := []uint64{}
	for id, g := range s {
		if !g.empty() {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// clone returns a copy that later effects on s do not reach.
func (s memoryState) clone() memoryState {
	c := make(memoryState, len(s))
	for id, g := range s {
		copied := *g
		copied.log = cloneLog(g.log)
		if g.staged != nil {
			staged := *g.staged
			staged.data = slices.Clip(staged.data)
			copied.staged = &staged
		}
		c[id] = &copied
	}
	return c
}

// MemoryStorage has no failures of its own, and the bounds that are asked for here are its own.
func cloneLog(log *raft.MemoryStorage) *raft.MemoryStorage {
	hard, _, _ := log.InitialState()
	first, _ := log.FirstIndex()
	last, _ := log.LastIndex()
	term, _ := log.Term(first - 1)
	c := newLogAfter(first-1, term, hard)
	if last >= first {
		entries, _ := log.Entries(first, last+1, 1<<63)
		_ = c.Append(entries)
	}
	return c
}

// newLogAfter returns a log without entries that goes on after a position.
func newLogAfter(index, term uint64, hard pb.HardState) *raft.MemoryStorage {
	log := raft.NewMemoryStorage()
	if index > 0 {
		_ = log.ApplySnapshot(pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: index, Term: term}})
	}
	_ = log.SetHardState(hard)
	return log
}

func (g *memoryGroup) empty() bool {
	hard, _, _ := g.log.InitialState()
	last, _ := g.log.LastIndex()
	return raft.IsEmptyHardState(hard) && last == 0 && g.newest.Index == 0 && g.staged == nil
}

// hasStaged returns what was staged and finished for a snapshot.
func (g *memoryGroup) hasStaged(meta pb.SnapshotMetadata) (memoryStaging, error) {
	if s := g.staged; s != nil && s.finished && sameSnapshot(s.meta, meta) {
		return *s, nil
	}
	return memoryStaging{}, fmt.Errorf(
		"no contents are staged and finished for the snapshot at index %d, term %d: stage them first", meta.Index, meta.Term)
}

func sameSnapshot(a, b pb.SnapshotMetadata) bool {
	return a.Index == b.Index && a.Term == b.Term && a.ConfState.Equivalent(b.ConfState) == nil
}

// adoptEffect makes what was staged the newest snapshot.
func adoptEffect(staged memoryStaging) func(*memoryGroup) {
	contents := &memoryContents{data: slices.Clip(staged.data)}
	return func(g *memoryGroup) {
		g.newest, g.contents = staged.meta, contents
		if g.staged != nil && g.staged.serial == staged.serial {
			g.staged = nil
		}
	}
}

// installEffect is adoptEffect, except that the log goes on after the snapshot.
func installEffect(staged memoryStaging) func(*memoryGroup) {
	adopt := adoptEffect(staged)
	return func(g *memoryGroup) {
		hard, _, _ := g.log.InitialState()
		g.log = newLogAfter(staged.meta.Index, staged.meta.Term, hard)
		adopt(g)
	}
}

func copyMeta(meta pb.SnapshotMetadata) pb.SnapshotMetadata {
	cs := &meta.ConfState
	cs.Voters, cs.Learners = slices.Clone(cs.Voters), slices.Clone(cs.Learners)
	cs.VotersOutgoing, cs.LearnersNext = slices.Clone(cs.VotersOutgoing), slices.Clone(cs.LearnersNext)
	return meta
}
