package logstoretest

import (
	"math/rand/v2"
	"reflect"

	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
	"github.com/seed695671cb/raft/replica"
)

// What has to be there after the store was closed and opened again, and after a crash.

func restartChecks() []check {
	return []check{
		{"all is there when the store is opened again", checkReopen},
		{"contents are continued in another life", checkReopenStaged},
		{"a synced write survives a crash, with all before it", checkCrashSynced},
		{"what survives a crash is what was written first", checkCrashPrefix},
		{"finished contents survive a crash", checkCrashFinished},
		{"adopted and installed snapshots survive a crash", checkCrashAdopted},
		{"contents that are not finished can be continued after a crash", checkCrashStaged},
	}
}

func checkReopen(p *probe) {
	var want []image
	for id := uint64(1); id <= 3; id++ {
		l := p.open(id)
		p.write(replica.Update{Group: id, HardState: hard(id, 1, 5), Entries: run(id, 1, 9), Sync: id == 2})
		l.adopt(1, meta(5, id, 1, id), []byte("contents"))
		p.must(l.Compact(2 * id))
		p.write(replica.Update{Group: id, Entries: run(id+1, 8, 8)})
		want = append(want, l.image())
	}
	p.reopen()
	p.equal("groups", p.groups(), []uint64{1, 2, 3})
	for id := uint64(1); id <= 3; id++ {
		l := p.open(id)
		if !sameButFirst(want[id-1], l.image()) {
			p.equal("group", l.image(), want[id-1])
		}
		p.equal("contents", l.contents(), "contents")
	}
	p.write(replica.Update{Group: 2, Entries: run(9, 9, 9), Sync: true})
	p.must(p.open(2).Compact(8))
	p.equal("goes on", p.open(2).image().Entries, describe(run(9, 9, 9)))
}

func checkReopenStaged(p *probe) {
	p.write(replica.Update{Group: 1, Entries: run(1, 1, 9), Sync: true})
	m := meta(5, 1, 1, 2)
	p.open(1).begin(3, m, 0, "one life")
	p.reopen()
	p.open(1).begin(3, m, 8, ", another")
	p.reopen()
	l := p.open(1)
	w, err := l.StageSnapshot(3, m)
	p.must(err)
	p.equal("offset", w.Offset(), uint64(17))
	p.must(w.Finish())
	p.must(w.Close())
	p.reopen()
	l = p.open(1)
	p.must(l.AdoptSnapshot(m))
	p.equal("contents", l.contents(), "one life, another")
	p.reopen()
	p.open(1).begin(3, meta(6, 1, 1), 0, "")
	p.equal("contents", p.open(1).contents(), "one life, another")
}

// sameButFirst reports whether got is want, except that entries which want has compacted may be there.
func sameButFirst(want, got image) bool {
	if got.First > want.First || want.First-got.First > uint64(len(got.Entries)) {
		return false
	}
	got.Entries = got.Entries[want.First-got.First:]
	if len(got.Entries) == 0 {
		got.Entries = nil
	}
	got.First, got.Before = want.First, want.Before
	return reflect.DeepEqual(want, got)
}

func checkCrashSynced(p *probe) {
	p.write(replica.Update{Group: 1, HardState: hard(1, 1, 0), Entries: run(1, 1, 4)})
	p.write(replica.Update{Group: 2, HardState: hard(2, 1, 0), Entries: run(2, 1, 3)})
	p.write(replica.Update{Group: 3, Entries: run(3, 1, 2)}, replica.Update{Group: 4, HardState: hard(4, 4, 4), Sync: true})
	p.crash()
	p.equal("groups", p.groups(), []uint64{1, 2, 3, 4})
	p.equal("group 1", p.open(1).image(), image{First: 1, Hard: hard(1, 1, 0), Entries: describe(run(1, 1, 4))})
	p.equal("group 2", p.open(2).image(), image{First: 1, Hard: hard(2, 1, 0), Entries: describe(run(2, 1, 3))})
	p.equal("group 3", p.open(3).image(), image{First: 1, Entries: describe(run(3, 1, 2))})
	p.equal("group 4", p.open(4).image(), image{First: 1, Hard: hard(4, 4, 4)})
	p.must(p.store.Remove(4))
	p.write(replica.Update{Group: 1, Entries: run(5, 2, 2), Sync: true})
	p.crash()
	p.equal("after another crash", p.open(1).image(),
		image{First: 1, Hard: hard(1, 1, 0), Entries: describe(append(run(1, 1, 1), run(5, 2, 2)...))})
	p.equal("removed", p.groups(), []uint64{1, 2, 3})
}

// checkCrashPrefix writes at random, with and without Sync, to two groups at a time, and crashes: the store then has to
// show what it showed after some write, the last synced one or a later one.
func checkCrashPrefix(p *probe) {
	if p.subject.Crash == nil {
		p.Skip("the store cannot crash")
	}
	choose := rand.New(rand.NewPCG(1, 2))
	term := uint64(0)
	for range 12 {
		history := [][2]image{{p.open(1).image(), p.open(2).image()}}
		for range 1 + choose.IntN(12) {
			term++
			sync := choose.IntN(6) == 0
			p.write(randomUpdate(p, choose, 1, term, false), randomUpdate(p, choose, 2, term, sync))
			if sync {
				history = nil
			}
			history = append(history, [2]image{p.open(1).image(), p.open(2).image()})
			if choose.IntN(4) == 0 {
				compactSome(p, choose)
			}
		}
		p.crash()
		got := [2]image{p.open(1).image(), p.open(2).image()}
		matches := func(want [2]image) bool { return covers(want[0], got[0]) && covers(want[1], got[1]) }
		found := false
		for _, want := range history {
			found = found || matches(want)
		}
		if !found {
			p.Fatalf("after the crash the log is as it never was since the last synced write\ngot\n%+v\nhistory\n%+v", got, history)
		}
	}
}

// covers reports whether two images show the same, apart from what was compacted in one of them.
func covers(a, b image) bool { return sameButFirst(a, b) || sameButFirst(b, a) }

func randomUpdate(p *probe, choose *rand.Rand, group, term uint64, sync bool) replica.Update {
	first, last := p.open(group).bounds()
	u := replica.Update{Group: group, HardState: hard(term, group, last), Sync: sync}
	from := last + 1
	if last >= first && choose.IntN(2) == 0 {
		from = first + choose.Uint64N(last-first+1)
	}
	u.Entries = run(term, from, from+choose.Uint64N(4))
	return u
}

func compactSome(p *probe, choose *rand.Rand) {
	l := p.open(1)
	first, last := l.bounds()
	if last > first {
		p.must(l.Compact(first + choose.Uint64N(last-first)))
	}
}

func checkCrashFinished(p *probe) {
	p.write(replica.Update{Group: 1, Entries: run(1, 1, 9), Sync: true})
	m := meta(5, 1, 1)
	p.open(1).stage(3, m, []byte("finished"))
	p.crash()
	l := p.open(1)
	p.equal("newest", l.image().Snapshot, pb.SnapshotMetadata{})
	l.begin(3, m, 8, "")
	w, err := l.StageSnapshot(3, m)
	p.must(err)
	p.must(w.Finish())
	p.must(w.Close())
	p.must(l.AdoptSnapshot(m))
	p.equal("contents", l.contents(), "finished")

	next := meta(7, 1, 1)
	l.stage(4, next, []byte("finished, too"))
	p.crash()
	l = p.open(1)
	p.must(l.AdoptSnapshot(next))
	p.equal("contents", l.contents(), "finished, too")
}

func checkCrashAdopted(p *probe) {
	p.write(replica.Update{Group: 1, HardState: hard(1, 1, 9), Entries: run(1, 1, 9), Sync: true})
	p.open(1).adopt(1, meta(5, 1, 1), []byte("adopted"))
	want := p.open(1).image()
	p.crash()
	p.equal("adopted", p.open(1).image(), want)
	p.equal("contents", p.open(1).contents(), "adopted")
	p.same("adopting again", p.open(1).AdoptSnapshot(meta(5, 1, 1)), raft.ErrSnapOutOfDate)

	m := meta(40, 3, 1, 2)
	p.open(1).stage(2, m, []byte("installed"))
	p.write(replica.Update{Group: 1, HardState: hard(3, 0, 40), Snapshot: &m, Entries: run(3, 41, 42), Sync: true})
	want = p.open(1).image()
	p.crash()
	p.equal("installed", p.open(1).image(), want)
	p.equal("contents", p.open(1).contents(), "installed")
}

func checkCrashStaged(p *probe) {
	p.write(replica.Update{Group: 1, Entries: run(1, 1, 9), Sync: true})
	m, all := meta(5, 1, 1), "the contents of a snapshot"
	p.open(1).begin(3, m, 0, all[:10])
	p.crash()
	l := p.open(1)
	w, err := l.StageSnapshot(3, m)
	p.must(err)
	if w.Offset() > 10 {
		p.Fatalf("%d bytes are staged, 10 were written", w.Offset())
	}
	writeAll(p, w, []byte(all[w.Offset():]))
	p.must(w.Finish())
	p.must(w.Close())
	p.must(l.AdoptSnapshot(m))
	p.equal("contents", l.contents(), all)
}
