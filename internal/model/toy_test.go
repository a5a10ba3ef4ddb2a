package model

import (
	"fmt"
	"hash/fnv"
	"slices"
	"sync"

	pb "github.com/seed695671cb/raft/raftpb"
	"github.com/seed695671cb/raft/rafttest/trace"
)

// toy is a Machine that runs a toy of a consensus protocol, small enough for a search that keeps everything in the
// plainest form to go through the same space: a leader sends its whole log, and everything is durable at once. It can
// be broken in ways that the checks must find.
type toy struct {
	bounds    *Bounds
	breakage  toyBreakage
	renamings [][]uint64

	mu       sync.Mutex
	locals   []toyLocal
	localID  map[string]LocalID
	messages []toyMessage
	msgID    map[string]MessageID
	steps    map[string]*Outcome
}

type toyBreakage string

const (
	sound            toyBreakage = ""
	votesTwice       toyBreakage = "votes twice in a term"
	ignoresLogs      toyBreakage = "votes without looking at logs"
	commitsAlone     toyBreakage = "commits without a quorum"
	commitsOld       toyBreakage = "commits by counting entries of older terms"
	forgetsLog       toyBreakage = "loses its log in a crash"
	readsAtOnce      toyBreakage = "answers reads without a quorum"
	sameTermOtherLog toyBreakage = "appends entries that differ between members"
	ownMembership    toyBreakage = "has a configuration of its own"
	breaksByItself   toyBreakage = "breaks a property of its own step"
)

type toyLocal struct {
	ID        uint64
	Up        bool
	Role      int // 0 follower, 1 candidate, 2 leader
	Term      uint64
	Vote      uint64
	Votes     []uint64 // ascending
	Log       []EntryFact
	Match     []uint64 // by member, on a leader
	Commit    int
	Known     []EntryFact
	KnownIn   uint64
	Led       uint64
	Reads     []ReadFact
	Snapshots []uint64 // members to which a snapshot was sent
}

type toyMessage struct {
	Type     pb.MessageType
	From, To uint64
	Term     uint64
	Log      []EntryFact
	Commit   int
	Index    uint64
	LogTerm  uint64
	Granted  bool
}

func newToy(b *Bounds, breakage toyBreakage, symmetric bool) *toy {
	t := &toy{
		bounds: b, breakage: breakage, localID: map[string]LocalID{}, msgID: map[string]MessageID{},
		steps: map[string]*Outcome{},
	}
	var identity []uint64
	for id := 1; id <= b.Members(); id++ {
		identity = append(identity, uint64(id))
	}
	t.renamings = [][]uint64{identity}
	if symmetric {
		t.renamings = permutations(identity)
	}
	return t
}

// permutations returns all of them, in lexicographic order.
func permutations(of []uint64) [][]uint64 {
	if len(of) == 0 {
		return [][]uint64{nil}
	}
	var all [][]uint64
	for i := range of {
		rest := slices.Delete(slices.Clone(of), i, i+1)
		for _, p := range permutations(rest) {
			all = append(all, append([]uint64{of[i]}, p...))
		}
	}
	return all
}

func (t *toy) Members() int          { return t.bounds.Members() }
func (t *toy) Renamings() [][]uint64 { return t.renamings }

func (t *toy) Initial(member uint64) LocalID {
	return t.internLocal(toyLocal{ID: member, Up: true, Match: make([]uint64, t.Members())})
}

func (t *toy) internLocal(l toyLocal) LocalID {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := fmt.Sprint(l)
	id, ok := t.localID[key]
	if !ok {
		id = LocalID(len(t.locals))
		t.locals = append(t.locals, l)
		t.localID[key] = id
	}
	return id
}

func (t *toy) internMessage(m toyMessage) MessageID {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := fmt.Sprint(m)
	id, ok := t.msgID[key]
	if !ok {
		id = MessageID(len(t.messages))
		t.messages = append(t.messages, m)
		t.msgID[key] = id
	}
	return id
}

func (t *toy) local(id LocalID) toyLocal {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.locals[id]
}

func (t *toy) message(id MessageID) toyMessage {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.messages[id]
}

func (t *toy) Message(id MessageID) *pb.Message {
	m := t.message(id)
	return &pb.Message{
		Type: m.Type, From: m.From, To: m.To, Term: m.Term, Index: m.Index, LogTerm: m.LogTerm, Reject: !m.Granted,
		Commit: uint64(m.Commit),
	}
}

func (t *toy) Counts() (states, messages, steps int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.locals), len(t.messages), len(t.steps)
}

func (l toyLocal) renamed(r []uint64) toyLocal {
	name := func(id uint64) uint64 {
		if id == 0 {
			return 0
		}
		return r[id-1]
	}
	match := make([]uint64, len(l.Match))
	for i, m := range l.Match {
		match[r[i]-1] = m
	}
	var votes []uint64
	for _, id := range l.Votes {
		votes = append(votes, name(id))
	}
	slices.Sort(votes)
	l.ID, l.Vote, l.Match, l.Votes = name(l.ID), name(l.Vote), match, votes
	return l
}

func (m toyMessage) renamed(r []uint64) toyMessage {
	m.From, m.To = r[m.From-1], r[m.To-1]
	return m
}

func digest(text string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(text))
	return spread(h.Sum64())
}

func (t *toy) Names(s LocalID) []uint64 {
	var names []uint64
	for _, r := range t.renamings {
		names = append(names, digest(fmt.Sprint(t.local(s).renamed(r))))
	}
	return names
}

func (t *toy) MessageNames(id MessageID) []uint64 {
	var names []uint64
	for _, r := range t.renamings {
		names = append(names, digest(fmt.Sprint(t.message(id).renamed(r))))
	}
	return names
}

func (t *toy) Facts(s LocalID) *Facts {
	l := t.local(s)
	f := &Facts{
		Member: l.ID, Up: l.Up, Leader: l.Role == 2, Term: l.Term, Led: l.Led, Committed: l.Known, CommittedIn: l.KnownIn,
		Log: LogFact{First: 1, Entries: l.Log}, Durable: LogFact{First: 1, Entries: l.Log}, Reads: l.Reads,
	}
	for id := 1; id <= t.bounds.Voters; id++ {
		f.Voters = append(f.Voters, uint64(id))
	}
	for i := range l.Commit {
		f.Configs = append(f.Configs, uint64(i)+1)
		if t.breakage == ownMembership {
			f.Configs[i] += l.ID
		}
	}
	return f
}

// Describe implements Narrator.
func (t *toy) Describe(s LocalID) trace.MemberState {
	return trace.MemberState{ID: t.local(s).ID, Term: t.local(s).Term}
}

// Script implements Narrator. It cannot be run, but names the member and the input.
func (t *toy) Script(s LocalID, in Input) []string {
	return []string{fmt.Sprintf("input %d %d %d", in.Kind, t.local(s).ID, in.Arg)}
}

func (t *toy) Step(s LocalID, in Input) *Outcome {
	key := fmt.Sprint(s, in)
	t.mu.Lock()
	out, ok := t.steps[key]
	t.mu.Unlock()
	if ok {
		return out
	}
	out = t.run(s, in)
	t.mu.Lock()
	t.steps[key] = out
	t.mu.Unlock()
	return out
}
