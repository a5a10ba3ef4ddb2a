// A Storage in memory, for tests, for examples, and for applications that keep a log of their own on disk beside it.
// The log is a list of segments that are only ever appended to, so that what Entries has handed out stays as it was
// (the mechanics of Raft §5.3 and §7 without a disk).

package raft

import (
	"fmt"
	"slices"
	"sort"
	"sync"

	pb "github.com/seed695671cb/raft/raftpb"
)

// MemoryStorage implements Storage and the writes that a Ready asks for. Nothing in it survives the process. Use
// NewMemoryStorage to make one; it must not be copied.
//
// Costs: Append takes amortised constant time per entry given to it. Entries takes constant time apart from measuring
// entries against maxSize, copies nothing if the range lies within one segment of up to 1024 entries, and otherwise
// copies what it returns. Compact takes amortised constant time per compacted entry, however many remain, and releases
// their memory except for at most as many as remain in one segment.
//
// Concurrency: all methods are safe for use from several goroutines. Writes take the embedded Mutex, reads do not. So a
// program that locks the embedded Mutex keeps writers out and may call the reading methods meanwhile (InitialState,
// FirstIndex, LastIndex, Term, Entries, Snapshot) for a consistent view of several of them; it must not call the
// writing methods (SetHardState, Append, Compact, CreateSnapshot, ApplySnapshot), which would wait for it for ever.
type MemoryStorage struct {
	// Invariant: whoever writes holds mu and Mutex, and took Mutex first; whoever reads holds mu.
	sync.Mutex

	// mu guards the fields below.
	mu        sync.Mutex
	hardState pb.HardState
	snapshot  pb.Snapshot
	log       segmentedLog
}

var _ Storage = (*MemoryStorage)(nil)

// NewMemoryStorage returns an empty storage: no snapshot, no hard state, and a log without entries that begins after
// the position of index 0 and term 0.
func NewMemoryStorage() *MemoryStorage {
	return new(MemoryStorage)
}

// InitialState implements Storage. The slices of the membership are shared and must not be written to.
func (ms *MemoryStorage) InitialState() (pb.HardState, pb.ConfState, error) {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	return ms.hardState, ms.snapshot.Metadata.ConfState, nil
}

// FirstIndex implements Storage.
func (ms *MemoryStorage) FirstIndex() (uint64, error) {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	return ms.log.base.index + 1, nil
}

// LastIndex implements Storage.
func (ms *MemoryStorage) LastIndex() (uint64, error) {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	return ms.log.lastIndex(), nil
}

// Term implements Storage.
func (ms *MemoryStorage) Term(i uint64) (uint64, error) {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	if i < ms.log.base.index {
		return 0, ErrCompacted
	}
	if i > ms.log.lastIndex() {
		return 0, ErrUnavailable
	}
	return ms.log.term(i), nil
}

// Entries implements Storage. The capacity of the returned slice is its length, so that appending to it copies. Besides
// ErrCompacted and ErrUnavailable it returns an error if lo is above hi.
func (ms *MemoryStorage) Entries(lo, hi, maxSize uint64) ([]pb.Entry, error) {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	if err := ms.checkRange(lo, hi); err != nil || lo == hi {
		return nil, err
	}
	return ms.log.slice(lo, hi, encodedSize(maxSize)), nil
}

// page is Entries, except that it may return fewer entries, or more than the limit allows, so as to copy next to nothing.
func (ms *MemoryStorage) page(lo, hi uint64, limit encodedSize) ([]pb.Entry, error) {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	if err := ms.checkRange(lo, hi); err != nil || lo == hi {
		return nil, err
	}
	return ms.log.page(lo, hi, limit), nil
}

// checkRange returns an error unless the log holds [lo, hi).
func (ms *MemoryStorage) checkRange(lo, hi uint64) error {
	if lo <= ms.log.base.index {
		return ErrCompacted
	}
	if lo > hi {
		return fmt.Errorf("entries from index %d up to %d requested, the first bound must not exceed the second", lo, hi)
	}
	// hi is at least 1 here. It is not compared with lastIndex()+1, which overflows at the top of the range.
	if ms.log.empty() || hi-1 > ms.log.lastIndex() {
		return ErrUnavailable
	}
	return nil
}

// Snapshot implements Storage. It returns the snapshot last made by CreateSnapshot or given to ApplySnapshot, and the
// zero Snapshot if there was none. Its slices are shared and must not be written to.
func (ms *MemoryStorage) Snapshot() (pb.Snapshot, error) {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	return ms.snapshot, nil
}

// SetHardState stores st in place of the former hard state. The error is always nil.
func (ms *MemoryStorage) SetHardState(st pb.HardState) error {
	ms.beginWrite()
	defer ms.endWrite()
	ms.hardState = st
	return nil
}

// Append stores entries at the indexes that they carry. Stored entries from the first of those indexes onwards are
// replaced, also those beyond the last of them. Entries at or below the compacted index are left out, as the snapshot
// stands for them.
//
// The entries are copied, their Data is not: it must not be written to afterwards. If the indexes are not contiguous,
// or if they begin beyond LastIndex()+1, it returns an error and stores nothing.
func (ms *MemoryStorage) Append(entries []pb.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	if err := checkIndexes(entries); err != nil {
		return err
	}
	ms.beginWrite()
	defer ms.endWrite()

	base, last := ms.log.base.index, ms.log.lastIndex()
	if entries[len(entries)-1].Index <= base {
		return nil
	}
	if first := entries[0].Index; first <= base {
		entries = entries[base-first+1:]
	}
	// The subtraction cannot overflow: what is at or below base is cut off.
	first := entries[0].Index
	if first-1 > last {
		return fmt.Errorf("append begins at index %d but the log ends at %d, append what lies between first",
			first, last)
	}
	if first <= last {
		ms.log.truncateFrom(first)
	}
	ms.log.append(entries)
	return nil
}

// Compact drops the entries up to and including compactIndex, whose term stays known. The application makes or has a
// snapshot at or above that index before: afterwards it is the only source of what was dropped.
//
// It returns ErrCompacted if compactIndex is compacted already, and an error that wraps ErrUnavailable if it is above
// LastIndex.
func (ms *MemoryStorage) Compact(compactIndex uint64) error {
	ms.beginWrite()
	defer ms.endWrite()
	if compactIndex <= ms.log.base.index {
		return ErrCompacted
	}
	if last := ms.log.lastIndex(); compactIndex > last {
		return fmt.Errorf("compaction up to index %d but the log ends at %d: %w", compactIndex, last, ErrUnavailable)
	}
	ms.log.compact(compactIndex)
	return nil
}

// CreateSnapshot makes data, which is the application's state after applying the entries up to and including index i,
// the newest snapshot, and returns it. cs is the membership in force at i; nil stands for that of the former snapshot.
// The log is not compacted. cs is copied, data is not: it must not be written to afterwards.
//
// It returns ErrSnapOutOfDate if i is not above the former snapshot's index, ErrCompacted if the term of i is no longer
// known, and an error that wraps ErrUnavailable if i is above LastIndex.
func (ms *MemoryStorage) CreateSnapshot(i uint64, cs *pb.ConfState, data []byte) (pb.Snapshot, error) {
	ms.beginWrite()
	defer ms.endWrite()
	if i <= ms.snapshot.Metadata.Index {
		return pb.Snapshot{}, ErrSnapOutOfDate
	}
	if i < ms.log.base.index {
		return pb.Snapshot{}, ErrCompacted
	}
	if last := ms.log.lastIndex(); i > last {
		return pb.Snapshot{}, fmt.Errorf("snapshot at index %d but the log ends at %d: %w", i, last, ErrUnavailable)
	}
	members := ms.snapshot.Metadata.ConfState
	if cs != nil {
		members = copyConfState(*cs)
	}
	ms.snapshot = pb.Snapshot{
		Data:     data,
		Metadata: pb.SnapshotMetadata{Index: i, Term: ms.log.term(i), ConfState: members},
	}
	return ms.snapshot, nil
}

// ApplySnapshot makes snap the newest snapshot and the whole log: all entries are dropped, and the log goes on after
// the snapshot's index and term. The hard state stays as it is. The slices of snap must not be written to afterwards.
//
// It returns ErrSnapOutOfDate if the index of snap is not above the former snapshot's.
func (ms *MemoryStorage) ApplySnapshot(snap pb.Snapshot) error {
	ms.beginWrite()
	defer ms.endWrite()
	if snap.Metadata.Index <= ms.snapshot.Metadata.Index {
		return ErrSnapOutOfDate
	}
	ms.snapshot = snap
	ms.log = segmentedLog{base: snapshotID(&snap)}
	return nil
}

func (ms *MemoryStorage) beginWrite() {
	ms.Lock()
	ms.mu.Lock()
}

func (ms *MemoryStorage) endWrite() {
	ms.mu.Unlock()
	ms.Unlock()
}

// checkIndexes returns an error unless each index is one more than that before it.
func checkIndexes(entries []pb.Entry) error {
	for i := 1; i < len(entries); i++ {
		before, index := entries[i-1].Index, entries[i].Index
		if index == 0 || index-1 != before {
			return fmt.Errorf("index %d follows index %d in the entries to append, indexes must be contiguous",
				index, before)
		}
	}
	return nil
}

func copyConfState(cs pb.ConfState) pb.ConfState {
	cs.Voters = slices.Clone(cs.Voters)
	cs.Learners = slices.Clone(cs.Learners)
	cs.VotersOutgoing = slices.Clone(cs.VotersOutgoing)
	cs.LearnersNext = slices.Clone(cs.LearnersNext)
	return cs
}

// Bounds of the capacity of a segment, in entries.
const (
	minSegment = 8
	maxSegment = 1024
)

// segmentedLog is a run of entries after a base position. It is a list of segments: slices of contiguous entries, each
// followed by the next.
//
// Invariant: no segment is empty, and the last entry of one has the index before the first of the next.
// Invariant: memory at or before the end of a segment is never written; what lies between its length and its capacity
// was never handed out. Only the last segment is appended to, and a segment that is cut short loses its spare
// capacity.
// Invariant: no segments ==> shadow == 0.
type segmentedLog struct {
	base     entryID // the position before the first entry: what was compacted last, or the end of a snapshot
	segments [][]pb.Entry
	shadow   int // compacted entries that the memory of segments[0] still holds, and with them their Data
	grown    int // capacity of the newest segment when it was made, or zero since a truncation
}

func (l *segmentedLog) empty() bool { return len(l.segments) == 0 }

func (l *segmentedLog) lastIndex() uint64 {
	if l.empty() {
		return l.base.index
	}
	tail := l.segments[len(l.segments)-1]
	return tail[len(tail)-1].Index
}

// term returns the term at i, which must be in [base.index, lastIndex()].
func (l *segmentedLog) term(i uint64) uint64 {
	if i == l.base.index {
		return l.base.term
	}
	s, at := l.locate(i)
	return l.segments[s][at].Term
}

// locate returns where the entry at index i is: segment s, offset at. i must be in (base.index, lastIndex()].
func (l *segmentedLog) locate(i uint64) (s, at int) {
	after := sort.Search(len(l.segments), func(k int) bool { return l.segments[k][0].Index > i })
	s = after - 1
	return s, int(i - l.segments[s][0].Index)
}

// slice returns the entries in [lo, hi) of at most limit encoded bytes together, and at least the first. The range must
// be within the log and not empty.
func (l *segmentedLog) slice(lo, hi uint64, limit encodedSize) []pb.Entry {
	s, at := l.locate(lo)
	if limit != noEncodedLimit {
		hi = l.cutToSize(s, at, hi, limit)
	}
	want := int(hi - lo)
	head := l.segments[s][at:]
	if want <= len(head) {
		return head[:want:want]
	}
	return l.gather(s, at, want)
}

// gather copies the next n entries from offset at of segment s on.
func (l *segmentedLog) gather(s, at, n int) []pb.Entry {
	out := append(make([]pb.Entry, 0, n), l.segments[s][at:]...)
	for len(out) < n {
		s++
		next := l.segments[s]
		out = append(out, next[:min(n-len(out), len(next))]...)
	}
	return out
}

// shortPage is how few entries at the end of a segment are not worth a page of their own.
const shortPage = maxSegment / 2

// page returns entries of [lo, hi) from lo on, of which limit encoded bytes are wanted. It may return more, or end
// before hi, at the end of a segment, so as to copy next to nothing: what is left of a segment is copied once in front
// of the next, and not for each of many small pages. The range must be within the log and not empty.
func (l *segmentedLog) page(lo, hi uint64, limit encodedSize) []pb.Entry {
	s, at := l.locate(lo)
	head := l.segments[s][at:]
	want := int(min(hi-lo, uint64(maxSegment+shortPage)))
	switch {
	case want <= len(head):
		return head[:want:want]
	case len(head) < shortPage && fitsWhole(head, limit):
		return l.gather(s, at, min(want, len(head)+len(l.segments[s+1])))
	}
	return head[:len(head):len(head)]
}

// fitsWhole reports whether ents are at most limit encoded bytes. It looks at no more of them than fit.
func fitsWhole(ents []pb.Entry, limit encodedSize) bool {
	fit, _ := limitSize(ents, limit)
	return len(fit) == len(ents)
}

// cutToSize returns the end of the longest range of at most limit encoded bytes that begins at offset at of segment s
// and does not go beyond hi (excluded). The range holds the first entry whatever its size.
func (l *segmentedLog) cutToSize(s, at int, hi uint64, limit encodedSize) uint64 {
	var sizer sizer
	size := sizer.size(&l.segments[s][at])
	for next := l.segments[s][at].Index + 1; next < hi; next++ {
		if at++; at == len(l.segments[s]) {
			s, at = s+1, 0
		}
		size += sizer.size(&l.segments[s][at])
		if size > limit {
			return next
		}
	}
	return hi
}

// append adds entries, of which there must be some, that directly follow the last. Stored entries are not moved.
func (l *segmentedLog) append(entries []pb.Entry) {
	for len(entries) > 0 {
		tail := len(l.segments) - 1
		if tail < 0 || len(l.segments[tail]) == cap(l.segments[tail]) {
			l.segments = append(l.segments, make([]pb.Entry, 0, l.nextCapacity(len(entries))))
			tail++
		}
		seg := l.segments[tail]
		n := min(len(entries), cap(seg)-len(seg))
		l.segments[tail] = append(seg, entries[:n]...)
		entries = entries[n:]
	}
}

// nextCapacity returns the capacity for a new segment when there are incoming entries to append. It is what the log
// holds or what comes in, whichever is more: an idle replica stays small, a busy one allocates seldom. Since the last
// truncation, though, no segment is more than twice as large as that before it, unless more comes in: truncating again
// and again, a few entries each time, must not allocate a large segment each time.
func (l *segmentedLog) nextCapacity(incoming int) int {
	stored := int(min(l.lastIndex()-l.base.index, maxSegment))
	l.grown = min(max(min(stored, 2*l.grown), incoming, minSegment), maxSegment)
	return l.grown
}

// truncateFrom drops the entries at index i and above. i must be in (base.index, lastIndex()]. The memory of the
// dropped entries is not used again, since readers may still hold them.
func (l *segmentedLog) truncateFrom(i uint64) {
	l.grown = 0
	s, at := l.locate(i)
	if at == 0 {
		l.keepFirst(s)
		return
	}
	l.segments[s] = l.segments[s][:at:at]
	l.keepFirst(s + 1)
}

// compact drops the entries up to and including index i, which must be in (base.index, lastIndex()].
func (l *segmentedLog) compact(i uint64) {
	s, at := l.locate(i)
	l.base = idOf(&l.segments[s][at])
	at++
	if at == len(l.segments[s]) {
		l.dropFirst(s + 1)
		return
	}
	l.dropFirst(s)
	l.segments[0] = l.segments[0][at:]
	l.shadow += at
	l.releaseShadow()
}

// releaseShadow moves what the first segment still shows to memory of its own once the compacted entries that it hides
// outnumber it. The hidden ones pay for the move: each of them is counted for one move at most.
func (l *segmentedLog) releaseShadow() {
	head := l.segments[0]
	if l.shadow <= len(head) {
		return
	}
	l.segments[0] = append(make([]pb.Entry, 0, len(head)), head...)
	l.shadow = 0
}

// dropFirst removes the first n segments and lets go of their memory, without moving those that remain.
func (l *segmentedLog) dropFirst(n int) {
	clear(l.segments[:n])
	l.segments = l.segments[n:]
	if n > 0 {
		l.shadow = 0
	}
}

// keepFirst removes all but the first n segments and lets go of their memory.
func (l *segmentedLog) keepFirst(n int) {
	clear(l.segments[n:])
	l.segments = l.segments[:n]
	if n == 0 {
		l.shadow = 0
	}
}
