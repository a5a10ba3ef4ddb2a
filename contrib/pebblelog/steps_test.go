package pebblelog

import (
	"fmt"
	"log/slog"
	"math/rand/v2"

	pb "github.com/seed695671cb/raft/raftpb"
	"github.com/seed695671cb/raft/replica"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// A step is one operation of a workload: it can be done to a store and to its twins.
type step struct {
	name    string
	updates []replica.Update // of a Write
	group   uint64           // of anything else
	index   uint64
	stream  uint64
	meta    pb.SnapshotMetadata
	bytes   int
	finish  bool
	sync    bool // it is durable when it returns
}

func (st step) String() string {
	return fmt.Sprintf("%s group %d index %d stream %d bytes %d finish %v sync %v updates %v",
		st.name, st.group, st.index, st.stream, st.bytes, st.finish, st.sync, st.updates)
}

// randomStep makes up a step that fits the twins.
func randomStep(rng *rand.Rand, w world) step {
	id := groupID(rng.IntN(testGroups))
	t := w.group(id)
	switch n := rng.IntN(100); {
	case n < 12:
		return step{name: "compact", group: id, index: t.base.index + rng.Uint64N(t.last().index-t.base.index+1)}
	case n < 32:
		return randomStage(rng, id, t)
	case n < 40 && t.canAdopt() && t.staged.meta.Index <= t.last().index:
		return step{name: "adopt", group: id, meta: t.staged.meta, sync: true}
	case n < 43 && t.snapshot != nil:
		return step{name: "drop", group: id, index: t.snapshot.Index - rng.Uint64N(2)}
	case n < 44:
		return step{name: "remove", group: id, sync: true}
	}
	return randomWrite(rng, w)
}

func randomStage(rng *rand.Rand, id uint64, t *twin) step {
	st := step{
		name: "stage", group: id, stream: 1 + rng.Uint64N(2), bytes: rng.IntN(300), finish: rng.IntN(2) == 0,
	}
	st.sync = st.finish
	if t.staged != nil && rng.IntN(4) > 0 {
		st.stream, st.meta = t.staged.stream, t.staged.meta
		st.sync = st.sync && !t.staged.finished // it is durable already, and other steps need not be
		return st
	}
	st.meta = pb.SnapshotMetadata{Index: t.last().index, Term: t.last().term, ConfState: pb.ConfState{Voters: []uint64{1, id}}}
	if rng.IntN(2) == 0 { // a leader sends it
		st.meta.Index += 1 + rng.Uint64N(5)
		st.meta.Term += 1 + rng.Uint64N(2)
	}
	return st
}

func randomWrite(rng *rand.Rand, w world) step {
	st := step{name: "write"}
	ahead := w.clone()
	for range 1 + rng.IntN(4) {
		id := groupID(rng.IntN(testGroups))
		u := randomUpdate(rng, id, ahead.group(id))
		ahead.group(id).write(u)
		st.updates = append(st.updates, u)
		st.sync = st.sync || u.Sync
	}
	return st
}

func randomUpdate(rng *rand.Rand, id uint64, t *twin) replica.Update {
	u := replica.Update{Group: id, Sync: rng.IntN(4) == 0}
	first, term := t.last().index+1, t.last().term
	if t.canAdopt() && t.staged.meta.Index > t.last().index && rng.IntN(2) == 0 {
		meta := t.staged.meta
		u.Snapshot, first, term = &meta, meta.Index+1, meta.Term
	} else if len(t.entries) > 0 && rng.IntN(4) == 0 { // another leader's entries replace the end
		first -= rng.Uint64N(uint64(len(t.entries)) + 1)
		term++
	}
	if rng.IntN(3) > 0 {
		u.HardState = pb.HardState{Term: term + 1, Vote: rng.Uint64N(4), Commit: t.hard.Commit + rng.Uint64N(3)}
	}
	for i := range rng.Uint64N(6) {
		e := pb.Entry{Index: first + i, Term: max(term, 1), Type: pb.EntryType(rng.IntN(3)), Data: make([]byte, rng.IntN(120))}
		if rng.IntN(30) == 0 {
			e.Data = make([]byte, 3000)
		}
		if rng.IntN(8) == 0 || len(e.Data) == 0 {
			e.Data = nil
		}
		for j := range e.Data {
			e.Data[j] = byte(rng.Uint32())
		}
		u.Entries = append(u.Entries, e)
	}
	return u
}

// doTwin does a step to the twins.
func (st step) doTwin(w world) {
	t := w.group(st.group)
	switch st.name {
	case "write":
		for _, u := range st.updates {
			w.group(u.Group).write(u)
		}
	case "compact":
		t.compact(st.index)
	case "adopt":
		t.adopt(st.meta)
	case "drop":
		if st.index >= t.snapshot.Index {
			t.contents = nil
		}
	case "remove":
		w[st.group] = &twin{}
	case "stage":
		st.stageTwin(t)
	}
}

func (st step) stageTwin(t *twin) {
	if t.staged == nil || t.staged.stream != st.stream || t.staged.meta.Index != st.meta.Index ||
		t.staged.meta.Term != st.meta.Term {
		t.staged = &twinStaged{stream: st.stream, meta: st.meta}
	}
	whole := len(stream(st.stream, st.meta))
	t.staged.length = min(t.staged.length+st.bytes, whole)
	if st.finish || t.staged.finished {
		t.staged.length, t.staged.finished = whole, true
	}
}

// do does a step to a store, whose twins are as before.
func (st step) do(s replica.LogStore, w world) error {
	if st.name == "write" {
		return s.Write(st.updates)
	}
	if st.name == "remove" {
		return s.Remove(st.group)
	}
	log, err := s.Open(st.group)
	if err != nil {
		return err
	}
	switch st.name {
	case "compact":
		return log.Compact(st.index)
	case "adopt":
		return log.AdoptSnapshot(st.meta)
	case "drop":
		return log.DropSnapshot(st.index)
	}
	return st.stage(log, w.group(st.group))
}

func (st step) stage(log replica.Log, t *twin) error {
	w, err := log.StageSnapshot(st.stream, st.meta)
	if err != nil {
		return err
	}
	after := world{st.group: t}.clone().group(st.group)
	st.stageTwin(after)
	before := 0
	if t.staged != nil && t.staged.stream == st.stream && t.staged.meta.Index == st.meta.Index &&
		t.staged.meta.Term == st.meta.Term {
		before = t.staged.length
	}
	if w.Offset() != uint64(before) {
		return fmt.Errorf("the writer goes on at %d instead of %d", w.Offset(), before)
	}
	if _, err := w.Write(stream(st.stream, st.meta)[before:after.staged.length]); err != nil {
		return err
	}
	if st.finish {
		if err := w.Finish(); err != nil {
			return err
		}
	}
	return w.Close()
}
