package raft

import (
	"encoding/hex"
	"fmt"
	"strings"

	pb "github.com/seed695671cb/raft/raftpb"
)

// The commands of scripts that do what an application and its storage do.

// printError prints an error, if there is one.
func (s *script) printError(err error) {
	if err != nil {
		fmt.Fprintf(&s.out, "error: %v\n", err)
	}
}

func (s *script) member(a *scriptArgs) *testMember { return s.c.members[a.id()] }

// cmdCampaign has a member campaign.
func (s *script) cmdCampaign(a *scriptArgs) { s.printError(s.member(a).rn.Campaign()) }

// cmdElect has a member campaign, lets all come to rest without printing it, and fails unless the member leads.
func (s *script) cmdElect(a *scriptArgs) {
	id := a.id()
	s.c.trace, s.quiet = nil, true
	s.printError(s.c.members[id].rn.Campaign())
	s.stabilize(s.c.ids)
	if s.c.raft(id).state != StateLeader {
		a.fatalf("member %d does not lead", id)
	}
}

// cmdPropose proposes each word: propose 1 a b; or one proposal of so many bytes: propose 1 size=100; or the one word
// several times, numbered: propose 1 x n=3.
func (s *script) cmdPropose(a *scriptArgs) {
	m := s.member(a)
	n := a.numberOr("n", 0)
	var data []string
	if size, given := a.valueNumber("size"); given {
		data = append(data, strings.Repeat("x", int(size)))
	}
	for _, word := range a.rest() {
		if n == 0 {
			data = append(data, word)
		}
		for i := uint64(1); i <= n; i++ {
			data = append(data, fmt.Sprintf("%s%d", word, i))
		}
	}
	if len(data) == 0 {
		a.fatalf("nothing to propose")
	}
	for _, d := range data {
		s.printError(m.rn.Propose([]byte(d)))
	}
}

// cmdChange proposes a membership change: change 1 v4 l5 [transition=auto|implicit|explicit]; change 1 leave; with
// form=v1, a single change in the older form.
func (s *script) cmdChange(a *scriptArgs) {
	m := s.member(a)
	form := a.value("form", "v2")
	transition := a.value("transition", "auto")
	var cc pb.ConfChangeV2
	if !a.flag("leave") {
		var err error
		if cc.Changes, err = pb.ConfChangesFromString(strings.Join(a.rest(), " ")); err != nil {
			a.fatalf("%v", err)
		}
	}
	switch transition {
	case "auto":
	case "implicit":
		cc.Transition = pb.ConfChangeTransitionJointImplicit
	case "explicit":
		cc.Transition = pb.ConfChangeTransitionJointExplicit
	default:
		a.fatalf("unknown transition %q", transition)
	}
	switch {
	case form == "v2":
		s.printError(m.rn.ProposeConfChange(cc))
	case form == "v1" && len(cc.Changes) == 1:
		s.printError(m.rn.ProposeConfChange(pb.ConfChange{Type: cc.Changes[0].Type, NodeID: cc.Changes[0].NodeID}))
	default:
		a.fatalf("form=v1 wants one change, any other form is unknown")
	}
}

// onOff takes the word on or off.
func (a *scriptArgs) onOff() bool {
	switch w := a.word("on or off"); w {
	case "on":
		return true
	case "off":
		return false
	default:
		a.fatalf("want on or off, not %q", w)
		return false
	}
}

// cmdVeto has every application reject committed membership changes, by applying them with zero IDs: veto on|off.
func (s *script) cmdVeto(a *scriptArgs) { s.c.vetoed = a.onOff() }

// cmdRead asks for linearizable reads: read 1 ctx...
func (s *script) cmdRead(a *scriptArgs) {
	m := s.member(a)
	for _, context := range a.rest() {
		m.rn.ReadIndex([]byte(context))
	}
}

// cmdLeaseRead asks a member for a read by its lease alone: lease-read 1.
func (s *script) cmdLeaseRead(a *scriptArgs) {
	index, ok := s.member(a).rn.LeaseRead()
	if !ok {
		s.printf("no lease to read by")
		return
	}
	s.printf("read by lease at %d", index)
}

// cmdTransfer asks a member to have leadership transferred: transfer 1 2.
func (s *script) cmdTransfer(a *scriptArgs) {
	m := s.member(a)
	m.rn.TransferLeader(a.number("the transferee"))
}

// cmdForgetLeader has a member forget its leader.
func (s *script) cmdForgetLeader(a *scriptArgs) { s.printError(s.member(a).rn.ForgetLeader()) }

// cmdReportUnreachable tells a member that another could not be reached: report-unreachable 1 2.
func (s *script) cmdReportUnreachable(a *scriptArgs) {
	m := s.member(a)
	m.rn.ReportUnreachable(a.number("a member's ID"))
}

// cmdReportSnapshot tells a member how sending its snapshot ended: report-snapshot 1 2 finish|failure.
func (s *script) cmdReportSnapshot(a *scriptArgs) {
	m := s.member(a)
	to := a.number("a member's ID")
	switch status := a.word("finish or failure"); status {
	case "finish":
		m.rn.ReportSnapshot(to, SnapshotFinish)
	case "failure":
		m.rn.ReportSnapshot(to, SnapshotFailure)
	default:
		a.fatalf("want finish or failure, not %q", status)
	}
}

// cmdReportsByHand says that delivered snapshots are reported by report-snapshot only: reports-by-hand on|off.
func (s *script) cmdReportsByHand(a *scriptArgs) { s.c.reportsByHand = a.onOff() }

// cmdStep gives a member a message made by hand: step 1 type=MsgAppResp from=2 term=2 index=3 [logterm=] [commit=]
// [hint=] [vote=] [reject] [context=] [entries=(2/4,2/5)] [data=0xff] [snapshot=2/9 voters=(1,2)].
func (s *script) cmdStep(a *scriptArgs) {
	id := a.id()
	t, given := a.messageType()
	if !given {
		a.fatalf("type= is missing")
	}
	m := pb.Message{
		Type: t, To: a.numberOr("to", id), From: a.numberOr("from", None), Term: a.numberOr("term", 0),
		Index: a.numberOr("index", 0), LogTerm: a.numberOr("logterm", 0), Commit: a.numberOr("commit", 0),
		RejectHint: a.numberOr("hint", 0), Vote: a.numberOr("vote", 0), Reject: a.flag("reject"),
	}
	if context := a.value("context", ""); context != "" {
		m.Context = []byte(context)
	}
	for _, text := range a.list("entries") {
		at := a.parseEntryID(text)
		m.Entries = append(m.Entries, pb.Entry{Term: at.term, Index: at.index, Data: []byte(text)})
	}
	if text := a.value("data", ""); text != "" {
		m.Entries = append(m.Entries, pb.Entry{Data: a.parseHex(text)})
	}
	if text := a.value("snapshot", ""); text != "" {
		at := a.parseEntryID(text)
		m.Snapshot = &pb.Snapshot{Metadata: pb.SnapshotMetadata{
			Term: at.term, Index: at.index, ConfState: pb.ConfState{Voters: a.numbers("voters")},
		}}
	}
	s.printError(s.c.members[id].rn.Step(m))
}

// parseHex reads bytes in hexadecimal.
func (a *scriptArgs) parseHex(text string) []byte {
	b, err := hex.DecodeString(strings.TrimPrefix(text, "0x"))
	if err != nil {
		a.fatalf("%q is not hexadecimal: %v", text, err)
	}
	return b
}

// parseEntryID reads term/index.
func (a *scriptArgs) parseEntryID(text string) entryID {
	term, index, ok := strings.Cut(text, "/")
	if !ok {
		a.fatalf("%q is not of the form term/index", text)
	}
	return entryID{term: a.parse(term), index: a.parse(index)}
}

// cmdSnapshot has a member's application make a snapshot, at its applied index unless another is given, and compact the
// log up to it, or to compact=: snapshot 1 [5] [compact=3].
func (s *script) cmdSnapshot(a *scriptArgs) {
	m := s.member(a)
	index := m.rn.raft.log.applied
	if a.more() {
		index = a.number("an index")
	}
	_, err := m.storage.CreateSnapshot(index, &m.conf, []byte(fmt.Sprintf("state at %d", index)))
	s.printError(err)
	if err == nil {
		s.printError(m.storage.Compact(a.numberOr("compact", index)))
	}
}

// cmdCompact has a member's application remove the log up to an index that its snapshot covers: compact 1 5.
func (s *script) cmdCompact(a *scriptArgs) {
	m := s.member(a)
	s.printError(m.storage.Compact(a.number("an index")))
}

// cmdSnapshots says whether a member's storage has a snapshot to hand out: snapshots 1 pending|ready.
func (s *script) cmdSnapshots(a *scriptArgs) {
	m := s.member(a)
	switch state := a.word("pending or ready"); state {
	case "pending", "ready":
		m.disk.snapshotPending = state == "pending"
	default:
		a.fatalf("want pending or ready, not %q", state)
	}
}

// setStalled stops or starts a member's storage thread: append, or apply, or both if neither is named.
func (s *script) setStalled(a *scriptArgs, stalled bool) {
	m := s.member(a)
	if !a.more() {
		m.appendStalled, m.applyStalled = stalled, stalled
		return
	}
	switch thread := a.word("append or apply"); thread {
	case "append":
		m.appendStalled = stalled
	case "apply":
		m.applyStalled = stalled
	default:
		a.fatalf("want append or apply, not %q", thread)
	}
}

// cmdStall keeps a storage thread from working by itself: stall 1 [append|apply].
func (s *script) cmdStall(a *scriptArgs) { s.setStalled(a, true) }

// cmdResume undoes stall: resume 1 [append|apply].
func (s *script) cmdResume(a *scriptArgs) { s.setStalled(a, false) }

// cmdAppendThread does so many pieces of the append thread's work, all of it unless a number is given:
// append-thread 1 [n].
func (s *script) cmdAppendThread(a *scriptArgs) {
	id := a.id()
	m := s.c.members[id]
	stalled := m.appendStalled
	m.appendStalled = false
	s.work(a, "append thread", func() bool { return s.c.runAppendThread(id) })
	m.appendStalled = stalled
}

// cmdApplyThread does so many pieces of the apply thread's work, all of it unless a number is given: apply-thread 1
// [n].
func (s *script) cmdApplyThread(a *scriptArgs) {
	id := a.id()
	m := s.c.members[id]
	stalled := m.applyStalled
	m.applyStalled = false
	s.work(a, "apply thread", func() bool { return s.c.runApplyThread(id) })
	m.applyStalled = stalled
}

func (s *script) work(a *scriptArgs, thread string, once func() bool) {
	limit := uint64(noLimit)
	if a.more() {
		limit = a.number("a number")
	}
	done := uint64(0)
	for done < limit && once() {
		done++
	}
	if done == 0 {
		fmt.Fprintf(&s.out, "the %s has nothing to do\n", thread)
	}
}
