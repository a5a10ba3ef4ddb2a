package raft

import (
	"fmt"
	"slices"
	"strings"

	pb "github.com/seed695671cb/raft/raftpb"
)

// The commands of scripts that make and unmake members, and that say what is printed.

// cmdVoters begins a group: voters 3 [learners=(4,5)] [options].
func (s *script) cmdVoters(a *scriptArgs) {
	s.reset()
	n := a.number("the number of voters")
	var cs pb.ConfState
	for id := uint64(1); id <= n; id++ {
		cs.Voters = append(cs.Voters, id)
	}
	cs.Learners = a.numbers("learners")
	opts := append(a.options(), s.withLogger)
	for _, id := range slices.Concat(cs.Voters, cs.Learners) {
		s.c.add(id, cs, opts...)
	}
}

// cmdNewGroup begins a group without members, to be made by add.
func (s *script) cmdNewGroup(*scriptArgs) { s.reset() }

// cmdAdd starts a member:
//
//	add 4                                    that joins, with an empty disk
//	add 4 bootstrap=(1,2,3,4)                that begins a group, with an empty disk
//	add 1 voters=(1,2,3) log=(1,2,2) ...     whose disk holds a snapshot 1/1 of that membership, then entries of these terms
func (s *script) cmdAdd(a *scriptArgs) {
	id := a.number("a member's ID")
	if s.c.members[id] != nil || s.down[id] != nil {
		a.fatalf("there is a member %d", id)
	}
	cs := pb.ConfState{
		Voters:         a.numbers("voters"),
		Learners:       a.numbers("learners"),
		VotersOutgoing: a.numbers("outgoing"),
	}
	terms := a.numbers("log")
	last := uint64(1)
	if len(terms) > 0 {
		last = terms[len(terms)-1]
	}
	hs := pb.HardState{
		Term:   a.numberOr("term", last),
		Vote:   a.numberOr("vote", None),
		Commit: a.numberOr("commit", 1),
	}
	peers := a.numbers("bootstrap")
	opts := append(a.options(), s.withLogger)
	if len(cs.Voters) > 0 {
		opts = append(opts, func(c *Config) { s.fill(c.Storage.(*testDisk), terms, hs) })
	}
	m := s.c.add(id, cs, opts...)
	slices.Sort(s.c.ids)
	if len(peers) == 0 {
		return
	}
	var first []Peer
	for _, peer := range peers {
		first = append(first, Peer{ID: peer})
	}
	s.printError(m.rn.Bootstrap(first))
}

// fill writes entries from index 2 on, each with its own name as its data.
func (s *script) fill(disk *testDisk, terms []uint64, hs pb.HardState) {
	var ents []pb.Entry
	for i, term := range terms {
		id := entryID{term: term, index: uint64(i) + 2}
		ents = append(ents, pb.Entry{Term: id.term, Index: id.index, Data: []byte(id.String())})
	}
	if err := disk.Append(ents); err != nil {
		s.fatalf("%v", err)
	}
	if err := disk.SetHardState(hs); err != nil {
		s.fatalf("%v", err)
	}
}

// cmdCrash stops a member, which loses what it has not written: crash 1 [torn=2]. What it has sent is still on its way.
// torn is how many steps of the oldest write of its append thread have been made: the snapshot, each entry, the hard
// state.
func (s *script) cmdCrash(a *scriptArgs) {
	id := a.id()
	m := s.c.members[id]
	m.cfg.Applied = m.rn.raft.log.applied
	if torn, ok := a.valueNumber("torn"); ok {
		s.tear(m, int(torn))
	}
	s.down[id] = m
	s.remove(id)
}

// tear writes the first steps of the oldest write.
func (s *script) tear(m *testMember, steps int) {
	if len(m.appendQueue) == 0 {
		s.fatalf("there is no write to be torn")
	}
	msg := m.appendQueue[0]
	var snap pb.Snapshot
	if msg.Snapshot != nil && steps > 0 {
		snap = *msg.Snapshot
		steps--
	}
	ents := msg.Entries[:min(steps, len(msg.Entries))]
	var hs pb.HardState
	if steps > len(msg.Entries) {
		hs = pb.HardState{Term: msg.Term, Vote: msg.Vote, Commit: msg.Commit}
	}
	s.c.write(m, hs, ents, snap)
}

func (s *script) remove(id uint64) {
	delete(s.c.members, id)
	s.c.ids = slices.DeleteFunc(s.c.ids, func(other uint64) bool { return other == id })
}

// cmdRestart starts a crashed member, or crashes a running one first: restart 1 [options]. Its application has kept
// what it had applied.
func (s *script) cmdRestart(a *scriptArgs) {
	id := a.number("a member's ID")
	if s.c.members[id] != nil {
		s.cmdCrash(newWordArgs(s, a.cmd, id))
	}
	m, ok := s.down[id]
	if !ok {
		a.fatalf("there is no member %d", id)
	}
	delete(s.down, id)
	for _, set := range a.options() {
		set(m.cfg)
	}
	s.c.members[id] = m
	s.c.ids = append(s.c.ids, id)
	slices.Sort(s.c.ids)
	s.c.restart(id)
	s.ledger.forget(id)
}

func newWordArgs(s *script, cmd string, words ...any) *scriptArgs {
	a := &scriptArgs{s: s, cmd: cmd}
	for _, w := range words {
		a.words = append(a.words, fmt.Sprint(w))
	}
	return a
}

// cmdDestroy takes a member away together with its disk.
func (s *script) cmdDestroy(a *scriptArgs) {
	id := a.number("a member's ID")
	if s.c.members[id] == nil && s.down[id] == nil {
		a.fatalf("there is no member %d", id)
	}
	s.remove(id)
	delete(s.down, id)
	s.ledger.forget(id)
}

// logLevel orders the levels of a Logger.
type logLevel int

const (
	levelNone logLevel = iota
	levelError
	levelWarn
	levelInfo
	levelDebug
)

// cmdLogLevel says which of the members' messages to their logger are printed: log-level none|error|warn|info|debug.
func (s *script) cmdLogLevel(a *scriptArgs) {
	level := slices.Index([]string{"none", "error", "warn", "info", "debug"}, a.word("a level"))
	if level < 0 {
		a.fatalf("want none, error, warn, info or debug")
	}
	s.level = logLevel(level)
}

// cmdTrace says what is printed of the things that happen: trace none|messages|all.
func (s *script) cmdTrace(a *scriptArgs) {
	what := slices.Index([]string{"none", "messages", "all"}, a.word("what to trace"))
	if what < 0 {
		a.fatalf("want none, messages or all")
	}
	s.tracing = tracing(what)
}

func (s *script) withLogger(c *Config) { c.Logger = scriptLogger{s} }

// scriptLogger prints what is logged among the output of the commands.
type scriptLogger struct{ s *script }

func (l scriptLogger) print(level logLevel, name, text string) {
	if level <= l.s.level && !l.s.quiet {
		fmt.Fprintf(&l.s.out, "%s %s\n", name, strings.TrimSpace(text))
	}
}

func (l scriptLogger) Debug(v ...any)            { l.print(levelDebug, "DEBUG", fmt.Sprint(v...)) }
func (l scriptLogger) Debugf(f string, v ...any) { l.print(levelDebug, "DEBUG", fmt.Sprintf(f, v...)) }
func (l scriptLogger) Info(v ...any)             { l.print(levelInfo, "INFO", fmt.Sprint(v...)) }
func (l scriptLogger) Infof(f string, v ...any)  { l.print(levelInfo, "INFO", fmt.Sprintf(f, v...)) }
func (l scriptLogger) Warning(v ...any)          { l.print(levelWarn, "WARN", fmt.Sprint(v...)) }
func (l scriptLogger) Warningf(f string, v ...any) {
	l.print(levelWarn, "WARN", fmt.Sprintf(f, v...))
}
func (l scriptLogger) Error(v ...any)            { l.print(levelError, "ERROR", fmt.Sprint(v...)) }
func (l scriptLogger) Errorf(f string, v ...any) { l.print(levelError, "ERROR", fmt.Sprintf(f, v...)) }
func (l scriptLogger) Fatal(v ...any)            { panic(fmt.Sprint(v...)) }
func (l scriptLogger) Fatalf(f string, v ...any) { panic(fmt.Sprintf(f, v...)) }
func (l scriptLogger) Panic(v ...any)            { panic(fmt.Sprint(v...)) }
func (l scriptLogger) Panicf(f string, v ...any) { panic(fmt.Sprintf(f, v...)) }
