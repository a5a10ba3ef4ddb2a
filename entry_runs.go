package raft

import (
	"fmt"
	"sort"

	pb "github.com/seed695671cb/raft/raftpb"
)

// entryRuns is a list of entries with contiguous indexes, kept as runs: slices each of which is followed by the next.
// A long list grows without being copied. Whatever it hands out is one slice: runs that it spans are joined first. Where
// the borders of runs are shows in nothing but the cost.
//
// Nothing that has been handed out is written again.
//
// Invariant: the first entry of a run has the index after the last of that before it.
// Invariant: only the last run may be empty or have spare capacity, which was never handed out.
// Invariant: count is the number of entries in all runs.
type entryRuns struct {
	runs  [][]pb.Entry
	count int32
	// block is the capacity of the newest block. It doubles with use, so that a busy log allocates rarely.
	block int32
}

const (
	minEntryBlock = 4
	maxEntryBlock = 1024
)

// add returns n new entries at the end of the list, zero and side by side, to be filled in at once.
func (l *entryRuns) add(n int) []pb.Entry {
	if !l.hasRoom(n) {
		l.takeSpare()
		l.block = min(max(2*l.block, minEntryBlock), maxEntryBlock)
		l.runs = append(l.runs, make([]pb.Entry, 0, max(int(l.block), n)))
	}
	run := &l.runs[len(l.runs)-1]
	end := len(*run) + n
	*run = (*run)[:end]
	l.count += int32(n)
	return (*run)[end-n:]
}

// hasRoom reports whether n more entries need no new block.
func (l *entryRuns) hasRoom(n int) bool {
	last := len(l.runs) - 1
	return last >= 0 && cap(l.runs[last])-len(l.runs[last]) >= n
}

// takeSpare takes the spare capacity of the last run from it, as an empty slice. An empty run is taken away.
func (l *entryRuns) takeSpare() []pb.Entry {
	last := len(l.runs) - 1
	if last < 0 {
		return nil
	}
	n := len(l.runs[last])
	spare := l.runs[last][n:]
	if n == 0 {
		l.removeRuns(last, last+1)
	} else {
		l.runs[last] = l.runs[last][:n:n]
	}
	return spare
}

// putSpare puts what takeSpare has taken behind the last run.
func (l *entryRuns) putSpare(spare []pb.Entry) {
	if cap(spare) > 0 {
		l.runs = append(l.runs, spare)
	}
}

// locate returns the position of the entry at index: run k, offset at. It must be in the list.
func (l *entryRuns) locate(index uint64) (k, at int) {
	first := l.runs[0][0].Index
	if index-first < uint64(len(l.runs[0])) {
		return 0, int(index - first)
	}
	// The first run that is empty, as the last may be, or begins beyond the index.
	k = sort.Search(len(l.runs), func(i int) bool { return len(l.runs[i]) == 0 || l.runs[i][0].Index > index }) - 1
	return k, int(index - l.runs[k][0].Index)
}

// at returns the entry at index, which must be in the list.
func (l *entryRuns) at(index uint64) *pb.Entry {
	k, at := l.locate(index)
	return &l.runs[k][at]
}

// slice returns the entries in [lo, hi), which must be in the list and not empty. Its capacity is its length.
func (l *entryRuns) slice(lo, hi uint64) []pb.Entry {
	k, at := l.locate(lo)
	n := int(hi - lo)
	if at+n > len(l.runs[k]) {
		k, at = l.join(k, at, n), 0
	}
	return l.runs[k][at : at+n : at+n]
}

// fit returns where the longest range ends that begins at lo, does not go beyond hi, and has at most limit encoded
// bytes, and its size. The range, which must be in the list and not empty, holds one entry at least.
func (l *entryRuns) fit(lo, hi uint64, limit encodedSize) (end uint64, total encodedSize) {
	k, at := l.locate(lo)
	var s sizer
	for end = lo; end < hi; end++ {
		if at == len(l.runs[k]) {
			k, at = k+1, 0
		}
		size := s.size(&l.runs[k][at])
		if end > lo && total+size > limit {
			return end, total
		}
		total += size
		at++
	}
	return end, total
}

// join makes the n entries from offset at of run k on, which end in a later run, one run with all of that. It returns
// which one it is.
func (l *entryRuns) join(k, at, n int) int {
	spare := l.takeSpare()
	end, total := k, len(l.runs[k])-at
	for total < n {
		end++
		total += len(l.runs[end])
	}
	joined := append(make([]pb.Entry, 0, total), l.runs[k][at:]...)
	for i := k + 1; i <= end; i++ {
		joined = append(joined, l.runs[i]...)
	}
	if at > 0 {
		l.runs[k] = l.runs[k][:at:at]
		k++
	}
	l.runs[k] = joined
	l.removeRuns(k+1, end+1)
	l.putSpare(spare)
	return k
}

// removeRuns removes the runs in [lo, hi).
func (l *entryRuns) removeRuns(lo, hi int) {
	if lo >= hi {
		return
	}
	n := copy(l.runs[lo:], l.runs[hi:])
	clear(l.runs[lo+n:])
	l.runs = l.runs[:lo+n]
}

// dropRuns removes the first k runs. Those that remain are moved only if they are no more than those: so the array is
// used again, and each run pays for one move.
func (l *entryRuns) dropRuns(k int) {
	if len(l.runs)-k <= k {
		l.removeRuns(0, k)
		return
	}
	clear(l.runs[:k])
	l.runs = l.runs[k:]
}

// release removes the first n entries.
func (l *entryRuns) release(n int) {
	l.count -= int32(n)
	spare := l.takeSpare()
	k := 0
	for n > 0 && n >= len(l.runs[k]) {
		n -= len(l.runs[k])
		k++
	}
	l.dropRuns(k)
	if n > 0 {
		l.runs[0] = l.runs[0][n:]
	}
	l.putSpare(spare)
}

// truncate removes all but the first n entries. What is removed may have been handed out: its memory is not used again.
func (l *entryRuns) truncate(n int) {
	if n >= int(l.count) {
		return
	}
	l.count = int32(n)
	k := 0
	for n > 0 && n >= len(l.runs[k]) {
		n -= len(l.runs[k])
		k++
	}
	if n > 0 {
		l.runs[k] = l.runs[k][:n:n]
		k++
	}
	l.removeRuns(k, len(l.runs))
}

// trim lets go of the room for more entries, and has the next block be smaller. Called as often as something is due, it
// leaves an idle log with nothing, and a busy one with what it needs in between.
func (l *entryRuns) trim() {
	l.block /= 2
	if l.count == 0 && (len(l.runs) == 0 || cap(l.runs[0]) > int(l.block)) {
		l.runs = nil
	}
}

// check returns an error that names the invariant which does not hold, for a list that begins at index from.
func (l *entryRuns) check(from uint64) error {
	count := 0
	for k, run := range l.runs {
		if k < len(l.runs)-1 && (len(run) == 0 || cap(run) != len(run)) {
			return fmt.Errorf("run %d has %d entries and capacity %d", k, len(run), cap(run))
		}
		for i := range run {
			if want := from + uint64(count); run[i].Index != want {
				return fmt.Errorf("entry %d has index %d, want %d", count, run[i].Index, want)
			}
			count++
		}
	}
	if count != int(l.count) {
		return fmt.Errorf("%d entries, counted %d", count, l.count)
	}
	return nil
}
