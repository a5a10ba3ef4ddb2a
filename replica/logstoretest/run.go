// Package logstoretest checks that an implementation of replica.LogStore does what its contract says (Raft §5.1, §7).
//
// A test of an implementation calls Run:
//
//	func TestContract(t *testing.T) {
//		logstoretest.Run(t, logstoretest.Subject{Open: ..., Reopen: ..., Crash: ...})
//	}
//
// Each check is a subtest with a store of its own, whose name says what has to hold. None relies on time, and none writes
// more than a few megabytes. Run them with the race detector as well.
package logstoretest

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
	"github.com/seed695671cb/raft/replica"
)

// A Subject is the implementation that is checked. Its functions are called from the goroutine of the test, and report
// what they cannot do by t.Fatal.
type Subject struct {
	// Open returns a store that keeps nothing yet. What has to be closed in the end it leaves to t.Cleanup.
	Open func(t testing.TB) replica.LogStore
	// Reopen closes a store that Open, Reopen or Crash returned, and opens it again in the way in which the next process
	// would. Nil if the store cannot do that: then what needs it is not checked.
	Reopen func(t testing.TB, store replica.LogStore) replica.LogStore
	// Crash returns the store as the next process would find it if the machine had lost its power now. The one before is
	// not used any more. Nil if there is no such thing: then what needs it is not checked.
	Crash func(t testing.TB, store replica.LogStore) replica.LogStore
}

// check is one of the checks, with the sentence that it is about as its name.
type check struct {
	name string
	run  func(p *probe)
}

// Run checks a store against the contract.
func Run(t *testing.T, subject Subject) {
	for _, list := range [][]check{writeChecks(), logChecks(), snapshotChecks(), restartChecks()} {
		for _, c := range list {
			t.Run(c.name, func(t *testing.T) {
				c.run(&probe{T: t, subject: subject, store: subject.Open(t)})
			})
		}
	}
}

// A probe is one check's view of a store.
type probe struct {
	*testing.T
	subject Subject
	store   replica.LogStore
}

// open opens the log of a group.
func (p *probe) open(group uint64) *log {
	p.Helper()
	l, err := p.store.Open(group)
	p.must(err)
	return &log{Log: l, p: p}
}

func (p *probe) write(updates ...replica.Update) {
	p.Helper()
	p.must(p.store.Write(updates))
}

func (p *probe) groups() []uint64 {
	p.Helper()
	groups, err := p.store.Groups()
	p.must(err)
	return groups
}

// reopen closes the store and opens it again, or skips the rest of the check.
func (p *probe) reopen() {
	p.Helper()
	if p.subject.Reopen == nil {
		p.Skip("the store cannot be opened again")
	}
	p.store = p.subject.Reopen(p, p.store)
}

// crash has the store crash, or skips the rest of the check.
func (p *probe) crash() {
	p.Helper()
	if p.subject.Crash == nil {
		p.Skip("the store cannot crash")
	}
	p.store = p.subject.Crash(p, p.store)
}

func (p *probe) must(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

func (p *probe) equal(what string, got, want any) {
	p.Helper()
	if !reflect.DeepEqual(got, want) {
		p.Fatalf("%s\ngot  %+v\nwant %+v", what, got, want)
	}
}

func (p *probe) empty(what string, n int) {
	p.Helper()
	if n != 0 {
		p.Fatalf("%s: there are %d", what, n)
	}
}

// same wants an error that callers may compare with ==.
func (p *probe) same(what string, got, want error) {
	p.Helper()
	if got != want {
		p.Fatalf("%s\ngot error  %v\nwant error %v, not wrapped", what, got, want)
	}
}

func (p *probe) fails(what string, err error) {
	p.Helper()
	if err == nil {
		p.Fatalf("%s: this must be an error", what)
	}
}

// log is the log of a group, with errors reported to the test.
type log struct {
	replica.Log
	p *probe
}

// An image is what a log shows.
type image struct {
	Hard     pb.HardState
	Conf     pb.ConfState
	Before   uint64 // the term before the first entry
	First    uint64
	Entries  []string
	Snapshot pb.SnapshotMetadata
}

func (l *log) bounds() (first, last uint64) {
	l.p.Helper()
	first, err := l.FirstIndex()
	l.p.must(err)
	last, err = l.LastIndex()
	l.p.must(err)
	return first, last
}

func (l *log) term(index uint64) uint64 {
	l.p.Helper()
	term, err := l.Term(index)
	l.p.must(err)
	return term
}

func (l *log) entries(lo, hi, maxSize uint64) []pb.Entry {
	l.p.Helper()
	entries, err := l.Log.Entries(lo, hi, maxSize)
	l.p.must(err)
	return entries
}

func (l *log) image() image {
	l.p.Helper()
	var m image
	var err error
	m.Hard, m.Conf, err = l.InitialState()
	l.p.must(err)
	first, last := l.bounds()
	m.First, m.Before = first, l.term(first-1)
	if last >= first {
		m.Entries = describe(l.entries(first, last+1, noLimit))
	}
	for i, e := range m.Entries {
		if term := l.term(first + uint64(i)); e[:len(fmt.Sprint(term))+1] != fmt.Sprint(term)+"/" {
			l.p.Fatalf("entry %s, but Term says %d", e, term)
		}
	}
	snapshot, err := l.Snapshot()
	l.p.must(err)
	l.p.empty("bytes in Data of Snapshot", len(snapshot.Data))
	m.Snapshot = snapshot.Metadata
	return m
}

const noLimit = 1 << 62

// describe shows entries as term/index type data.
func describe(entries []pb.Entry) []string {
	var list []string
	for i := range entries {
		e := &entries[i]
		list = append(list, fmt.Sprintf("%d/%d %v %q", e.Term, e.Index, e.Type, e.Data))
	}
	return list
}

// run returns entries from first up to and including last, of a term, of several types and sizes.
func run(term, first, last uint64) []pb.Entry {
	var entries []pb.Entry
	for index := first; index <= last; index++ {
		e := pb.Entry{Term: term, Index: index, Data: []byte(fmt.Sprintf("entry %d of term %d", index, term))}
		switch index % 4 {
		case 1:
			e.Data = nil
		case 2:
			e.Type = pb.EntryConfChangeV2
		}
		entries = append(entries, e)
	}
	return entries
}

func hard(term, vote, commit uint64) pb.HardState {
	return pb.HardState{Term: term, Vote: vote, Commit: commit}
}

func meta(index, term uint64, voters ...uint64) pb.SnapshotMetadata {
	return pb.SnapshotMetadata{Index: index, Term: term, ConfState: pb.ConfState{Voters: voters}}
}

// isNew wants a log of which nothing was ever written.
func (l *log) isNew() {
	l.p.Helper()
	l.p.equal("a log of which nothing was written", l.image(), image{First: 1})
	_, err := l.Log.Entries(1, 2, noLimit)
	l.p.same("Entries of an empty log", err, raft.ErrUnavailable)
	_, err = l.OpenSnapshot()
	l.p.fails("OpenSnapshot where there is no snapshot", err)
}
