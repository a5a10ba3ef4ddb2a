package logstoretest

import (
	"bytes"
	"io"

	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
	"github.com/seed695671cb/raft/replica"
)

// What snapshots have to do: staging, adopting, installing, reading and dropping them.

func snapshotChecks() []check {
	return []check{
		{"staged contents count for nothing", checkStaged},
		{"staging goes on where contents of the same stream and metadata end", checkResumed},
		{"staging others removes what was staged", checkOthers},
		{"an adopted snapshot is the newest and the log stays", checkAdopt},
		{"adopting what is not newer is out of date", checkOutOfDate},
		{"an installed snapshot replaces the log, before entries", checkInstall},
		{"installing keeps the hard state, and snapshots may follow", checkInstallAgain},
		{"contents that are being read stay when there are newer ones", checkReading},
		{"dropped contents are gone, the metadata stays", checkDrop},
		{"contents may be empty, or large", checkContents},
	}
}

// stage writes and finishes contents.
func (l *log) stage(stream uint64, m pb.SnapshotMetadata, contents []byte) {
	l.p.Helper()
	w, err := l.StageSnapshot(stream, m)
	l.p.must(err)
	l.p.equal("offset where nothing is staged", w.Offset(), uint64(0))
	writeAll(l.p, w, contents)
	l.p.must(w.Finish())
	l.p.must(w.Close())
}

func (l *log) adopt(stream uint64, m pb.SnapshotMetadata, contents []byte) {
	l.p.Helper()
	l.stage(stream, m, contents)
	l.p.must(l.AdoptSnapshot(m))
}

func writeAll(p *probe, w io.Writer, b []byte) {
	p.Helper()
	n, err := w.Write(b)
	p.must(err)
	p.equal("bytes written", n, len(b))
}

func (l *log) contents() string {
	l.p.Helper()
	r, err := l.OpenSnapshot()
	l.p.must(err)
	b, err := io.ReadAll(r)
	l.p.must(err)
	l.p.must(r.Close())
	return string(b)
}

// begin stages part of the contents, and leaves them.
func (l *log) begin(stream uint64, m pb.SnapshotMetadata, offset uint64, part string) {
	l.p.Helper()
	w, err := l.StageSnapshot(stream, m)
	l.p.must(err)
	l.p.equal("offset", w.Offset(), offset)
	writeAll(l.p, w, []byte(part))
	l.p.equal("offset after writing", w.Offset(), offset+uint64(len(part)))
	l.p.must(w.Close())
}

func checkStaged(p *probe) {
	l := p.open(1)
	p.write(replica.Update{Group: 1, Entries: run(1, 1, 9), Sync: true})
	before := l.image()
	l.begin(1, meta(5, 1, 1), 0, "part")
	p.equal("after a part", l.image(), before)
	p.fails("adopting what is not finished", l.AdoptSnapshot(meta(5, 1, 1)))
	l.stage(1, meta(6, 1, 1), []byte("all"))
	p.equal("after all", l.image(), before)
	_, err := l.OpenSnapshot()
	p.fails("opening what is only staged", err)
	p.fails("adopting another one", l.AdoptSnapshot(meta(7, 1, 1)))
	p.equal("after failures", l.image(), before)
}

func checkResumed(p *probe) {
	l := p.open(1)
	m := meta(5, 2, 1, 2, 3)
	l.begin(4, m, 0, "one ")
	l.begin(4, m, 4, "two ")
	w, err := l.StageSnapshot(4, m)
	p.must(err)
	p.equal("offset", w.Offset(), uint64(8))
	writeAll(p, w, []byte("three"))
	p.must(w.Finish())
	p.must(w.Close())
	l.begin(4, m, 13, "") // finished ones are gone on with as well
	w, err = l.StageSnapshot(4, m)
	p.must(err)
	p.must(w.Finish())
	p.must(w.Close())
	p.write(replica.Update{Group: 1, Snapshot: &m, Sync: true})
	p.equal("contents", l.contents(), "one two three")
}

func checkOthers(p *probe) {
	l := p.open(1)
	m := meta(5, 2, 1, 2)
	for _, other := range []struct {
		stream uint64
		meta   pb.SnapshotMetadata
	}{{2, m}, {1, meta(6, 2, 1, 2)}, {1, meta(5, 3, 1, 2)}, {1, meta(5, 2, 1, 3)}} {
		l.begin(1, m, 0, "first")
		l.begin(other.stream, other.meta, 0, "second")
		l.begin(1, m, 0, "")
	}
	l.stage(1, m, []byte("finished"))
	l.begin(2, meta(6, 2, 1, 2), 0, "another")
	p.fails("adopting what was removed", l.AdoptSnapshot(m))

	p.open(2).begin(1, meta(9, 9, 9), 0, "of another group")
	l.begin(2, meta(6, 2, 1, 2), 7, "")
}

func checkAdopt(p *probe) {
	l := p.open(1)
	p.write(replica.Update{Group: 1, HardState: hard(2, 1, 9), Entries: run(2, 1, 9), Sync: true})
	l.adopt(1, meta(5, 2, 1, 2), []byte("at five"))
	want := image{
		First: 1, Hard: hard(2, 1, 9), Entries: describe(run(2, 1, 9)), Snapshot: meta(5, 2, 1, 2), Conf: meta(5, 2, 1, 2).ConfState,
	}
	p.equal("log", l.image(), want)
	p.equal("contents", l.contents(), "at five")
	l.begin(1, meta(5, 2, 1, 2), 0, "") // what was adopted is not staged any more

	joint := meta(9, 2)
	joint.ConfState = pb.ConfState{
		Voters: []uint64{1, 2}, Learners: []uint64{5}, VotersOutgoing: []uint64{1, 3}, LearnersNext: []uint64{3}, AutoLeave: true,
	}
	l.adopt(2, joint, []byte("at nine"))
	want.Snapshot, want.Conf = joint, joint.ConfState
	p.equal("log", l.image(), want)
	p.equal("contents", l.contents(), "at nine")
}

func checkOutOfDate(p *probe) {
	l := p.open(1)
	p.write(replica.Update{Group: 1, Entries: run(1, 1, 9), Sync: true})
	l.adopt(1, meta(5, 1, 1), []byte("at five"))
	for _, index := range []uint64{5, 4} {
		l.stage(index, meta(index, 1, 1), []byte("late"))
		p.same("adopting", l.AdoptSnapshot(meta(index, 1, 1)), raft.ErrSnapOutOfDate)
	}
	p.equal("newest", l.image().Snapshot, meta(5, 1, 1))
	p.equal("contents", l.contents(), "at five")
}

func checkInstall(p *probe) {
	l := p.open(1)
	p.write(replica.Update{Group: 1, HardState: hard(2, 1, 3), Entries: run(2, 1, 9), Sync: true})
	m := meta(100, 5, 1, 2)
	l.stage(1, m, []byte("at a hundred"))
	p.write(
		replica.Update{Group: 2, HardState: hard(1, 1, 1)},
		replica.Update{Group: 1, HardState: hard(6, 0, 100), Snapshot: &m, Entries: run(6, 101, 103), Sync: true},
	)
	p.equal("log", l.image(), image{
		Hard: hard(6, 0, 100), First: 101, Before: 5, Entries: describe(run(6, 101, 103)), Snapshot: m, Conf: m.ConfState,
	})
	p.equal("contents", l.contents(), "at a hundred")
	_, err := l.Log.Entries(9, 10, noLimit)
	p.same("Entries that the snapshot replaced", err, raft.ErrCompacted)
	_, err = l.Term(99)
	p.same("Term of what the snapshot replaced", err, raft.ErrCompacted)
}

func checkInstallAgain(p *probe) {
	l := p.open(1)
	m := meta(10, 2, 1)
	l.stage(1, m, []byte("ten"))
	p.write(replica.Update{Group: 1, HardState: hard(3, 3, 0), Sync: true})
	p.write(replica.Update{Group: 1, Snapshot: &m, Sync: true})
	p.equal("log", l.image(), image{Hard: hard(3, 3, 0), First: 11, Before: 2, Snapshot: m, Conf: m.ConfState})

	p.write(replica.Update{Group: 1, Entries: run(3, 11, 20), Sync: true})
	own := meta(15, 3, 1, 2)
	l.adopt(2, own, []byte("fifteen"))
	p.equal("own snapshot", l.image().Snapshot, own)
	last := meta(30, 4, 1)
	l.stage(3, last, []byte("thirty"))
	p.write(replica.Update{Group: 1, Snapshot: &last, Sync: true})
	p.equal("log", l.image(), image{Hard: hard(3, 3, 0), First: 31, Before: 4, Snapshot: last, Conf: last.ConfState})
	p.equal("contents", l.contents(), "thirty")
}

func checkReading(p *probe) {
	l := p.open(1)
	p.write(replica.Update{Group: 1, Entries: run(1, 1, 9), Sync: true})
	old := bytes.Repeat([]byte("old "), 1<<14)
	l.adopt(1, meta(3, 1, 1), old)
	adopted, err := l.OpenSnapshot()
	p.must(err)
	begin := make([]byte, 10)
	_, err = io.ReadFull(adopted, begin)
	p.must(err)

	l.adopt(2, meta(6, 1, 1), []byte("new"))
	p.must(l.DropSnapshot(6))
	m := meta(50, 2, 1)
	l.stage(3, m, []byte("newest"))
	p.write(replica.Update{Group: 1, Snapshot: &m, Sync: true})

	rest, err := io.ReadAll(adopted)
	p.must(err)
	p.must(adopted.Close())
	if !bytes.Equal(append(begin, rest...), old) {
		p.Fatal("contents have changed while they were read")
	}
	p.equal("newest contents", l.contents(), "newest")
}

func checkDrop(p *probe) {
	l := p.open(1)
	p.must(l.DropSnapshot(5))
	p.write(replica.Update{Group: 1, Entries: run(1, 1, 9), Sync: true})
	l.adopt(1, meta(5, 1, 1), []byte("contents"))
	before := l.image()
	p.must(l.DropSnapshot(4))
	p.equal("contents above what was dropped", l.contents(), "contents")
	p.must(l.DropSnapshot(5))
	_, err := l.OpenSnapshot()
	p.fails("opening what was dropped", err)
	p.must(l.DropSnapshot(1 << 40))
	p.equal("after dropping", l.image(), before)

	l.stage(1, meta(5, 1, 1), []byte("late"))
	p.same("adopting", l.AdoptSnapshot(meta(5, 1, 1)), raft.ErrSnapOutOfDate)
	l.adopt(2, meta(7, 1, 1), []byte("next"))
	p.equal("contents", l.contents(), "next")
}

func checkContents(p *probe) {
	l := p.open(1)
	p.write(replica.Update{Group: 1, Entries: run(1, 1, 9), Sync: true})
	l.adopt(1, meta(2, 1, 1), nil)
	p.equal("empty contents", l.contents(), "")

	w, err := l.StageSnapshot(2, meta(4, 1, 1))
	p.must(err)
	var want bytes.Buffer
	for i := range 100 {
		piece := bytes.Repeat([]byte{byte(i)}, i*37)
		want.Write(piece)
		writeAll(p, w, piece)
		for j := range piece {
			piece[j] = 0xee // the store must have taken a copy
		}
	}
	p.equal("offset", w.Offset(), uint64(want.Len()))
	p.must(w.Finish())
	p.must(w.Close())
	p.must(l.AdoptSnapshot(meta(4, 1, 1)))
	if l.contents() != want.String() {
		p.Fatal("large contents come back otherwise")
	}
}
