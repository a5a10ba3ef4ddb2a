package raft

import (
	"fmt"

	pb "github.com/seed695671cb/raft/raftpb"
)

// entryRuns is a list of entries with contiguous indexes, kept as runs: slices each of which is followed by the next.
// A long list grows without being copied, and takes over what others have made. Whatever it hands out is one slice:
// runs that it spans are joined first. Where the borders of runs are shows in nothing but the cost.
//
// Nothing that has been handed out, or taken over, is written again.
//
// Invariant: no run is empty, and the first entry of one has the index after the last of that before it.
// Invariant: count is the number of entries in all runs.
// Invariant: only the last run may have spare capacity, and room has no length: both are memory never handed out.
type entryRuns struct {
	runs  [][]pb.Entry
	count int
	// room is what is left of a block whose run has been joined with others, or released.
	room []pb.Entry
	// block is the capacity of the newest block. It doubles with use, so that a busy log allocates rarely.
	block int
}

const (
	minEntryBlock = 4
	maxEntryBlock = 1024
)

// add returns n new entries at the end of the list, zero and side by side, to be filled in at once.
func (l *entryRuns) add(n int) []pb.Entry {
	l.count += n
	if last := len(l.runs) - 1; last >= 0 {
		run := l.runs[last]
		if cap(run)-len(run) >= n {
			l.runs[last] = run[:len(run)+n]
			return l.runs[last][len(run):]
		}
		l.runs[last] = run[:len(run):len(run)]
	}
	if cap(l.room) < n {
		l.block = min(max(2*l.block, minEntryBlock), maxEntryBlock)
		l.room = make([]pb.Entry, 0, max(l.block, n))
	}
	l.runs = append(l.runs, l.room[:n])
	l.room = nil
	return l.runs[len(l.runs)-1]
}

// hasRoom reports whether n more entries need no new block.
func (l *entryRuns) hasRoom(n int) bool {
	if last := len(l.runs) - 1; last >= 0 && cap(l.runs[last])-len(l.runs[last]) >= n {
		return true
	}
	return cap(l.room) >= n
}

// take puts ents, of which there must be some, at the end of the list. Where that needs no memory they are copied,
// otherwise taken over: whoever brings entries leaves them alone.
func (l *entryRuns) take(ents []pb.Entry) {
	if l.hasRoom(len(ents)) {
		copy(l.add(len(ents)), ents)
		return
	}
	l.cutCapacity()
	l.runs = append(l.runs, ents[:len(ents):len(ents)])
	l.count += len(ents)
}

// cutCapacity keeps the spare capacity of the last run as room, so that the run can be followed by another.
func (l *entryRuns) cutCapacity() {
	last := len(l.runs) - 1
	if last < 0 {
		return
	}
	run := l.runs[last]
	if spare := run[len(run):]; cap(spare) > cap(l.room) {
		l.room = spare
	}
	l.runs[last] = run[:len(run):len(run)]
}

// first returns the index of the first entry. The list must not be empty.
func (l *entryRuns) first() uint64 { return l.runs[0][0].Index }

// locate returns the position of the entry at index: run k, offset at. It must be in the list.
func (l *entryRuns) locate(index uint64) (k, at int) {
	for k = len(l.runs) - 1; l.runs[k][0].Index > index; k-- {
	}
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

// join makes the n entries from offset at of run k on, which end in a later run, one run with all of that. It returns
// which one it is.
func (l *entryRuns) join(k, at, n int) int {
	end, total := k, len(l.runs[k])-at
	for total < n {
		end++
		total += len(l.runs[end])
	}
	if end == len(l.runs)-1 {
		l.cutCapacity()
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

// release removes the first n entries.
func (l *entryRuns) release(n int) {
	l.count -= n
	if l.count == 0 {
		l.cutCapacity()
	}
	k := 0
	for n > 0 && n >= len(l.runs[k]) {
		n -= len(l.runs[k])
		k++
	}
	l.removeRuns(0, k)
	if n > 0 {
		l.runs[0] = l.runs[0][n:]
	}
}

// truncate removes all but the first n entries. What is removed may have been handed out: its memory is not used again.
func (l *entryRuns) truncate(n int) {
	if n >= l.count {
		return
	}
	l.count = n
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
	if l.count > 0 {
		return
	}
	l.runs = nil
	if cap(l.room) > l.block {
		l.room = nil
	}
}

// check returns an error that names the invariant which does not hold, for a list that begins at index from.
func (l *entryRuns) check(from uint64) error {
	count := 0
	for k, run := range l.runs {
		if len(run) == 0 || k < len(l.runs)-1 && cap(run) != len(run) {
			return fmt.Errorf("run %d has %d entries and capacity %d", k, len(run), cap(run))
		}
		for i := range run {
			if want := from + uint64(count); run[i].Index != want {
				return fmt.Errorf("entry %d has index %d, want %d", count, run[i].Index, want)
			}
			count++
		}
	}
	if count != l.count || len(l.room) != 0 {
		return fmt.Errorf("%d entries, counted %d, and %d in what should be room", count, l.count, len(l.room))
	}
	return nil
}
