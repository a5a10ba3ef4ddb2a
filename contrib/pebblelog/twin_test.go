package pebblelog

import (
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
	"github.com/seed695671cb/raft/replica"
)

// A twin is what a group of a LogStore has to be, kept as simply as possible.
type twin struct {
	hard     pb.HardState
	base     position
	entries  []pb.Entry
	snapshot *pb.SnapshotMetadata
	contents []byte // nil: dropped, or none
	staged   *twinStaged
}

type twinStaged struct {
	stream   uint64
	meta     pb.SnapshotMetadata
	length   int // written
	finished bool
}

// A world is the twins of some groups.
type world map[uint64]*twin

func (w world) group(id uint64) *twin {
	if w[id] == nil {
		w[id] = &twin{}
	}
	return w[id]
}

func (w world) clone() world {
	c := world{}
	for id, t := range w {
		copied := *t
		copied.entries = slices.Clone(t.entries)
		if t.staged != nil {
			s := *t.staged
			copied.staged = &s
		}
		c[id] = &copied
	}
	return c
}

func (t *twin) last() position {
	if len(t.entries) == 0 {
		return t.base
	}
	e := t.entries[len(t.entries)-1]
	return position{index: e.Index, term: e.Term}
}

func (t *twin) kept() bool {
	return t.hard != (pb.HardState{}) || t.base != (position{}) || len(t.entries) > 0 || t.snapshot != nil || t.staged != nil
}

// below returns the entries below an index.
func (t *twin) below(index uint64) []pb.Entry {
	n := 0
	for n < len(t.entries) && t.entries[n].Index < index {
		n++
	}
	return slices.Clone(t.entries[:n])
}

func (t *twin) write(u replica.Update) {
	if !raft.IsEmptyHardState(u.HardState) {
		t.hard = u.HardState
	}
	if u.Snapshot != nil {
		t.adopt(*u.Snapshot)
		t.base, t.entries = position{index: u.Snapshot.Index, term: u.Snapshot.Term}, nil
	}
	for _, e := range u.Entries {
		if e.Index > t.base.index {
			t.entries = append(t.below(e.Index), e)
		}
	}
}

func (t *twin) compact(index uint64) {
	for len(t.entries) > 0 && t.entries[0].Index <= index {
		t.base = position{index: t.entries[0].Index, term: t.entries[0].Term}
		t.entries = slices.Clone(t.entries[1:])
	}
}

func (t *twin) adopt(meta pb.SnapshotMetadata) {
	t.snapshot, t.contents = &meta, stream(t.staged.stream, meta)
	t.staged = nil
}

func (t *twin) canAdopt() bool {
	return t.staged != nil && t.staged.finished &&
		t.staged.meta.Index > 0 && (t.snapshot == nil || t.staged.meta.Index > t.snapshot.Index)
}

// stream returns the contents that a stream has for a snapshot.
func stream(id uint64, meta pb.SnapshotMetadata) []byte {
	out := make([]byte, (id*97+meta.Index*31)%600)
	for i := range out {
		out[i] = byte(uint64(i)*7 + uint64(i)/64 + id + meta.Index)
	}
	return out
}

// describe prints all that can be read of a twin.
func (t *twin) describe() string {
	var conf pb.ConfState
	var meta pb.SnapshotMetadata
	if t.snapshot != nil {
		meta, conf = *t.snapshot, t.snapshot.ConfState
	}
	contents := "none"
	if t.contents != nil {
		contents = fmt.Sprintf("%d bytes %x", len(t.contents), crc32.ChecksumIEEE(t.contents))
	}
	return describe(t.hard, conf, t.base, t.last(), t.entries, meta, contents)
}

func describe(
	hard pb.HardState, conf pb.ConfState, base, last position, entries []pb.Entry, meta pb.SnapshotMetadata, contents string,
) string {
	var b strings.Builder
	fmt.Fprintf(&b, "hard %v conf %v base %v last %v snapshot %v contents %s\n", hard, conf, base, last, meta, contents)
	for _, e := range entries {
		fmt.Fprintf(&b, "  %d/%d %v %d bytes %x\n", e.Index, e.Term, e.Type, len(e.Data), crc32.ChecksumIEEE(e.Data))
	}
	return b.String()
}

// describeLog prints all that can be read of a Log.
func describeLog(log replica.Log) (string, error) {
	hard, conf, err := log.InitialState()
	if err != nil {
		return "", err
	}
	first, err := log.FirstIndex()
	if err != nil {
		return "", err
	}
	base, last := position{index: first - 1}, position{}
	if base.term, err = log.Term(base.index); err != nil {
		return "", err
	}
	if last.index, err = log.LastIndex(); err != nil {
		return "", err
	}
	if last.term, err = log.Term(last.index); err != nil {
		return "", err
	}
	var entries []pb.Entry
	if last.index > base.index {
		if entries, err = log.Entries(first, last.index+1, math.MaxUint64); err != nil {
			return "", err
		}
	}
	snap, err := log.Snapshot()
	if err != nil {
		return "", err
	}
	contents, err := describeContents(log)
	if err != nil {
		return "", err
	}
	return describe(hard, conf, base, last, entries, snap.Metadata, contents), nil
}

func describeContents(log replica.Log) (string, error) {
	r, err := log.OpenSnapshot()
	if err != nil {
		return "none", nil
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d bytes %x", len(data), crc32.ChecksumIEEE(data)), r.Close()
}

const testGroups = 5

// groupID spreads the groups over the range, its ends included.
func groupID(n int) uint64 {
	return [testGroups]uint64{0, 1, 2, 1 << 40, math.MaxUint64}[n]
}

// describeStore prints all that can be read of the groups of a store.
func describeStore(s replica.LogStore) (string, error) {
	var b strings.Builder
	for n := range testGroups {
		log, err := s.Open(groupID(n))
		if err != nil {
			return "", err
		}
		text, err := describeLog(log)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "group %d: %s", groupID(n), text)
	}
	return b.String(), nil
}

func (w world) describe() string {
	var b strings.Builder
	for n := range testGroups {
		fmt.Fprintf(&b, "group %d: %s", groupID(n), w.group(groupID(n)).describe())
	}
	return b.String()
}

// testOptions are those of a small store: its tables and chunks fill quickly.
func testOptions(fs vfs.FS) Options {
	return Options{
		FS: fs, EntryCacheBytes: 2 << 10, BlockCacheBytes: 1 << 20, MemTableBytes: 64 << 10, chunkBytes: 64,
		Logger: quiet(),
		adjust: func(o *pebble.Options) {
			o.FlushDelayDeleteRange = 0
			o.DisableTableStats = true
		},
	}
}

func mustOpen(t testing.TB, dir string, options Options) *Store {
	t.Helper()
	s, err := Open(dir, options)
	require.NoError(t, err)
	return s
}

func mustLog(t testing.TB, s *Store, group uint64) replica.Log {
	t.Helper()
	log, err := s.Open(group)
	require.NoError(t, err)
	return log
}
