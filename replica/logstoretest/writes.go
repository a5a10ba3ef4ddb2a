package logstoretest

import (
	"bytes"
	"sync"

	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
	"github.com/seed695671cb/raft/replica"
)

// What Write, Remove and Groups have to do, and what the log shows of it.

func writeChecks() []check {
	return []check{
		{"a group of which nothing was written is empty and not listed", checkNew},
		{"hard state replaces the one before unless it is empty", checkHardState},
		{"entries are appended, those from the first index on are removed first", checkAppend},
		{"updates are made in their order, several for one group", checkOrder},
		{"groups are apart and listed in ascending order", checkGroups},
		{"removed groups are empty, the others stay", checkRemove},
		{"a log that is opened again shows the same", checkOpenAgain},
		{"updates with nothing in them change nothing", checkNothing},
	}
}

func checkNew(p *probe) {
	p.open(0).isNew()
	p.open(7).isNew()
	p.empty("groups", len(p.groups()))
}

func checkHardState(p *probe) {
	l := p.open(1)
	p.write(replica.Update{Group: 1, HardState: hard(3, 2, 0)})
	p.equal("hard state", l.image(), image{First: 1, Hard: hard(3, 2, 0)})
	p.write(replica.Update{Group: 1, Entries: run(3, 1, 1), Sync: true})
	p.equal("after an empty one", l.image().Hard, hard(3, 2, 0))
	p.write(replica.Update{Group: 1, HardState: hard(4, 0, 1), Sync: true})
	p.equal("after another one", l.image().Hard, hard(4, 0, 1))
}

func checkAppend(p *probe) {
	l := p.open(1)
	p.write(replica.Update{Group: 1, Entries: run(1, 1, 5), Sync: true})
	p.equal("five entries", l.image().Entries, describe(run(1, 1, 5)))
	p.write(replica.Update{Group: 1, Entries: run(1, 6, 7)})
	p.equal("two more", l.image().Entries, describe(run(1, 1, 7)))

	p.write(replica.Update{Group: 1, Entries: run(2, 4, 4)})
	p.equal("one in the middle", l.image().Entries, describe(append(run(1, 1, 3), run(2, 4, 4)...)))
	_, err := l.Term(5)
	p.same("Term behind the new end", err, raft.ErrUnavailable)

	p.write(replica.Update{Group: 1, Entries: run(3, 1, 9)})
	p.equal("all replaced by more", l.image().Entries, describe(run(3, 1, 9)))
}

func checkOrder(p *probe) {
	l := p.open(1)
	p.write(
		replica.Update{Group: 1, HardState: hard(1, 1, 0), Entries: run(1, 1, 4)},
		replica.Update{Group: 2, HardState: hard(9, 9, 0)},
		replica.Update{Group: 1, HardState: hard(2, 0, 1), Entries: run(2, 3, 3), Sync: true},
		replica.Update{Group: 1, Entries: run(2, 4, 6)},
	)
	p.equal("several updates of one group in one write", l.image(), image{
		First: 1, Hard: hard(2, 0, 1), Entries: describe(append(run(1, 1, 2), run(2, 3, 6)...)),
	})
}

func checkGroups(p *probe) {
	ids := []uint64{300, 0, 1<<64 - 1, 5, 256, 1 << 40}
	for _, id := range ids {
		p.write(replica.Update{Group: id, HardState: hard(id|1, 1, 0), Entries: run(id|1, 1, 2), Sync: true})
	}
	p.equal("groups", p.groups(), []uint64{0, 5, 256, 300, 1 << 40, 1<<64 - 1})
	for _, id := range ids {
		p.equal("each has its own", p.open(id).image(),
			image{First: 1, Hard: hard(id|1, 1, 0), Entries: describe(run(id|1, 1, 2))})
	}
}

func checkRemove(p *probe) {
	for id := uint64(4); id <= 6; id++ {
		p.write(replica.Update{Group: id, HardState: hard(id, 1, 0), Entries: run(id, 1, 9), Sync: true})
		p.open(id).adopt(1, meta(5, id, 1), []byte("contents"))
	}
	p.open(5).stage(2, meta(7, 5, 1), []byte("staged"))
	p.must(p.store.Remove(5))
	p.must(p.store.Remove(77))
	p.equal("groups", p.groups(), []uint64{4, 6})
	p.open(5).isNew()
	p.equal("the next one", p.open(6).image().Entries, describe(run(6, 1, 9)))

	p.write(replica.Update{Group: 5, Entries: run(8, 1, 1), Sync: true})
	p.equal("written again", p.open(5).image(), image{First: 1, Entries: describe(run(8, 1, 1))})
	p.must(p.store.Remove(5))
	p.reopen()
	p.equal("groups", p.groups(), []uint64{4, 6})
	p.open(5).isNew()
}

func checkOpenAgain(p *probe) {
	l := p.open(3)
	p.write(replica.Update{Group: 3, HardState: hard(2, 1, 3), Entries: run(2, 1, 9), Sync: true})
	l.adopt(1, meta(5, 2, 1, 2), []byte("contents"))
	p.must(l.Compact(4))
	p.equal("opened again", p.open(3).image(), l.image())
	p.equal("contents", p.open(3).contents(), "contents")
}

func checkNothing(p *probe) {
	p.must(p.store.Write(nil))
	p.write(replica.Update{Group: 1}, replica.Update{Group: 1, Sync: true})
	p.open(1).isNew()
	p.empty("groups", len(p.groups()))
}

// What the reading methods have to do.

func logChecks() []check {
	return []check{
		{"entries and terms outside of the log are errors", checkBounds},
		{"entries are limited in size, but the first is returned", checkSizes},
		{"entries that were returned do not change any more", checkReturned},
		{"large entries come back as they were", checkLarge},
		{"compacted entries are removed, below the first nothing happens", checkCompact},
		{"reads see the log before a write or after it", checkConcurrent},
		{"reads see a snapshot before it is installed or after that", checkConcurrentInstall},
	}
}

func checkBounds(p *probe) {
	l := p.open(1)
	p.write(replica.Update{Group: 1, Entries: run(2, 1, 9), Sync: true})
	p.must(l.Compact(4))
	for _, tc := range []struct {
		lo, hi uint64
		want   error
	}{{4, 6, raft.ErrCompacted}, {1, 10, raft.ErrCompacted}, {5, 11, raft.ErrUnavailable}, {9, 1 << 40, raft.ErrUnavailable}} {
		_, err := l.Log.Entries(tc.lo, tc.hi, noLimit)
		p.same("Entries", err, tc.want)
	}
	p.equal("the whole log", describe(l.entries(5, 10, noLimit)), describe(run(2, 5, 9)))
	p.equal("term before the first entry", l.term(4), uint64(2))
	_, err := l.Term(3)
	p.same("Term of what was compacted", err, raft.ErrCompacted)
	_, err = l.Term(10)
	p.same("Term behind the end", err, raft.ErrUnavailable)
}

func checkSizes(p *probe) {
	l := p.open(1)
	written := run(1, 1, 20)
	p.write(replica.Update{Group: 1, Entries: written, Sync: true})
	for from := 1; from <= 20; from++ {
		size := uint64(0)
		for to := from; to <= 20; to++ {
			size += uint64(written[to-1].Size())
			want := describe(written[from-1 : to])
			p.equal("entries that fit exactly", describe(l.entries(uint64(from), 21, size)), want)
			if to < 20 {
				next := size + uint64(written[to].Size()) - 1
				p.equal("the next one does not fit", describe(l.entries(uint64(from), 21, next)), want)
			}
		}
		p.equal("the first one", describe(l.entries(uint64(from), 21, 0)), describe(written[from-1:from]))
	}
}

func checkReturned(p *probe) {
	l := p.open(1)
	p.write(replica.Update{Group: 1, Entries: run(1, 1, 9), Sync: true})
	got := l.entries(2, 8, noLimit)
	p.write(replica.Update{Group: 1, Entries: run(2, 3, 12), Sync: true})
	p.must(l.Compact(6))
	p.write(replica.Update{Group: 1, Entries: run(3, 7, 9), Sync: true})
	p.equal("entries that were returned", describe(got), describe(run(1, 2, 7)))
}

func checkLarge(p *probe) {
	l := p.open(1)
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	entries := []pb.Entry{{Term: 1, Index: 1, Data: data}, {Term: 1, Index: 2}, {Term: 1, Index: 3, Data: data[1:]}}
	p.write(replica.Update{Group: 1, Entries: entries, Sync: true})
	got := l.entries(1, 4, noLimit)
	p.equal("how many", len(got), 3)
	for i := range got {
		if !bytes.Equal(got[i].Data, entries[i].Data) {
			p.Fatalf("entry %d of %d bytes comes back otherwise", i+1, len(entries[i].Data))
		}
	}
	p.equal("one by size", len(l.entries(1, 4, 1<<20)), 1)
}

func checkCompact(p *probe) {
	l := p.open(1)
	written := append(run(1, 1, 5), run(2, 6, 10)...)
	p.write(replica.Update{Group: 1, HardState: hard(2, 1, 10), Entries: written, Sync: true})
	for _, index := range []uint64{3, 3, 0, 2, 5, 6} {
		p.must(l.Compact(index))
	}
	p.equal("log", l.image(), image{First: 7, Before: 2, Hard: hard(2, 1, 10), Entries: describe(written[6:])})
	p.must(l.Compact(10))
	p.equal("all compacted", l.image(), image{First: 11, Before: 2, Hard: hard(2, 1, 10)})
	p.write(replica.Update{Group: 1, Entries: run(3, 11, 12), Sync: true})
	p.equal("and appended", l.image(),
		image{First: 11, Before: 2, Hard: hard(2, 1, 10), Entries: describe(run(3, 11, 12))})
}

func checkConcurrent(p *probe) {
	const rounds, length = 50, 40
	l := p.open(1)
	p.write(replica.Update{Group: 1, Entries: run(1, 1, length)})
	defer meanwhile(func() { readWhole(p, l, length) })()
	for round := uint64(2); round < rounds; round++ {
		p.write(replica.Update{Group: 1, HardState: hard(round, round, round), Entries: run(round, 1, length)})
	}
}

// meanwhile calls read again and again on two goroutines. It returns what ends that.
func meanwhile(read func()) (end func()) {
	var wait sync.WaitGroup
	done := make(chan struct{})
	for range 2 {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for {
				select {
				case <-done:
					return
				default:
					read()
				}
			}
		}()
	}
	return func() {
		close(done)
		wait.Wait()
	}
}

// readWhole reports it if the log is seen in the middle of a write that replaces all entries by others of another term.
func readWhole(p *probe, l *log, length uint64) {
	state, _, err := l.InitialState()
	if err != nil || state.Term != state.Vote || state.Vote != state.Commit {
		p.Errorf("hard state while it is written: %+v, error %v", state, err)
	}
	entries, err := l.Log.Entries(1, length+1, noLimit)
	if err != nil || uint64(len(entries)) != length {
		p.Errorf("%d entries while %d are replaced, error %v", len(entries), length, err)
		return
	}
	for i := range entries {
		if entries[i].Term != entries[0].Term {
			p.Errorf("a mixture of terms %d and %d", entries[0].Term, entries[i].Term)
			return
		}
	}
}

func checkConcurrentInstall(p *probe) {
	const rounds = 15
	l := p.open(1)
	defer meanwhile(func() { readInstalled(p, l) })()
	for round := uint64(1); round <= rounds; round++ {
		m := meta(10*round, round, round)
		l.stage(round, m, []byte("contents"))
		p.write(replica.Update{Group: 1, HardState: hard(round, round, round), Snapshot: &m, Entries: run(round, m.Index+1, m.Index+5)})
		p.write(replica.Update{Group: 1 + round, Entries: run(1, 1, 1)})
		p.must(p.open(1).Compact(m.Index + 2))
	}
}

// readInstalled reports it if what is seen of a log is not as it is between the writes that replace it by snapshots.
func readInstalled(p *probe, l *log) {
	state, conf, err := l.InitialState()
	if err != nil || len(conf.Voters) > 1 || len(conf.Voters) == 1 && conf.Voters[0] != state.Term {
		p.Errorf("hard state %+v with membership %+v, error %v", state, conf, err)
	}
	snapshot, err := l.Snapshot()
	if m := snapshot.Metadata; err != nil || m.Index != 10*m.Term {
		p.Errorf("snapshot %+v, error %v", snapshot, err)
	}
	first, err := l.FirstIndex()
	if err != nil || first%10 > 3 {
		p.Errorf("first index %d, error %v", first, err)
	}
	last, err := l.LastIndex()
	if err != nil || last%10 != 5 && last != 0 {
		p.Errorf("last index %d, error %v", last, err)
	}
	if entries, err := l.Log.Entries(last, last+1, noLimit); err == nil && entries[0].Index != last {
		p.Errorf("entry %d, wanted %d", entries[0].Index, last)
	}
}
