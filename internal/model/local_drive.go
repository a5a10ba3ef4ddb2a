package model

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
)

// What each input does to a member, and the commands of a script that do the same.

// perform has the input happen, and then lets the member come to rest. It reports whether the input is possible; if
// not, the member is of no further use, as time may have passed. msg is the message of InputDeliver.
func (m *member) perform(in Input, msg *pb.Message) (possible bool) {
	defer func() {
		if p := recover(); p != nil {
			m.fail("nothing panics", "%v", p)
			m.dead = true
			possible = true
		}
	}()
	m.sent = nil
	if m.rn == nil {
		if in.Kind != InputRestart {
			return false
		}
		m.say("restart %d", m.id)
		m.restart()
	} else if !m.performUp(in, msg) {
		return false
	}
	m.settle()
	m.remember()
	return true
}

// performUp is perform for a member that runs, without what follows.
func (m *member) performUp(in Input, msg *pb.Message) bool {
	switch in.Kind {
	case InputDeliver:
		return m.deliver(msg)
	case InputTimeout:
		return m.timeOut()
	case InputSilence:
		return m.hearNothing()
	case InputHeartbeat:
		return m.beat()
	case InputPass:
		return m.pass(uint64(in.Arg))
	case InputPropose, InputChange, InputRead, InputTransfer, InputCampaign:
		return m.request(in)
	case InputStored:
		return m.work(len(m.appendQueue), m.runAppendThread)
	case InputApplied:
		return m.work(len(m.applyQueue), m.runApplyThread)
	case InputCrash:
		return m.crashAfter(int(in.Arg))
	case InputCompact:
		return m.compact()
	case InputReportSnapshot:
		return m.reportSnapshot(uint64(in.Arg)/2, in.Arg%2 == 0)
	default:
		return false
	}
}

func (m *member) deliver(msg *pb.Message) bool {
	if msg.To != m.id {
		return false
	}
	m.take(msg)
	return true
}

// pass lets so many ticks pass, one by one, as the command does.
func (m *member) pass(ticks uint64) bool {
	if g := m.prints.sight.of(m.rn); !g.leads {
		m.say("timeout %d %d", m.id, electionTimeout)
	}
	m.say("tick %d %d", m.id, ticks)
	for i := uint64(0); i < ticks; i++ {
		m.rn.Tick()
	}
	return ticks > 0
}

// timeOut lets time pass until the member campaigns, or, on a leader, until it has checked its quorum. It is not
// possible on a member that may not campaign, unless reads that it awaits are given up meanwhile.
func (m *member) timeOut() bool {
	g := m.prints.sight.of(m.rn)
	if g.leads {
		return m.pass(g.electionTick - g.elapsed())
	}
	left := uint64(1)
	if g.elapsed() < g.electionTimeout {
		left = g.electionTimeout - g.elapsed()
	}
	m.pass(left)
	after := m.prints.sight.of(m.rn)
	return after.elapsed() < after.electionTimeout || g.reads > 0
}

// hearNothing lets an election timeout pass since the member last heard from a leader, after which it no longer
// ignores candidates. It is possible where it does.
func (m *member) hearNothing() bool {
	g := m.prints.sight.of(m.rn)
	ignores := g.checkQuorum && (g.lead != raft.None || g.now < g.silentUntil)
	if g.leads || !ignores || g.elapsed() >= g.electionTick {
		return false
	}
	return m.pass(g.electionTick - g.elapsed())
}

func (m *member) beat() bool {
	g := m.prints.sight.of(m.rn)
	return g.leads && m.pass(heartbeatTick)
}

// request makes a request of the application. One that is refused changes nothing.
func (m *member) request(in Input) bool {
	switch in.Kind {
	case InputPropose:
		data := ProposalData(in.Arg)
		m.say("propose %d %s", m.id, data)
		_ = m.rn.Propose([]byte(data))
	case InputChange:
		if int(in.Arg) >= len(m.bounds.Changes) {
			return false
		}
		text := m.bounds.Changes[in.Arg]
		change, err := parseChange(text)
		if err != nil {
			return false
		}
		m.say("change %d %s", m.id, text)
		_ = m.rn.ProposeConfChange(change)
	case InputRead:
		context := ReadContext(in.Arg)
		m.say("read %d %s", m.id, context)
		m.rn.ReadIndex([]byte(context))
	case InputCampaign:
		m.say("campaign %d", m.id)
		_ = m.rn.Campaign()
	case InputTransfer:
		m.say("transfer %d %d", m.id, in.Arg)
		m.rn.TransferLeader(uint64(in.Arg))
	}
	return true
}

// numberOf returns the number of the read with the context, see ReadContext.
func numberOf(context []byte) uint32 {
	n, err := strconv.ParseUint(strings.TrimPrefix(string(context), "r"), 10, 32)
	if err != nil {
		panic(fmt.Sprintf("a read was answered that was never asked: %q", context))
	}
	return uint32(n)
}

// work does a piece of a storage thread's work, if it has any.
func (m *member) work(pieces int, do func()) bool {
	if pieces == 0 {
		return false
	}
	do()
	return true
}

// crashAfter stops the member after so many steps of the oldest write under way.
func (m *member) crashAfter(steps int) bool {
	if steps > 0 {
		if len(m.appendQueue) == 0 || steps > stepsOf(&m.appendQueue[0]) {
			return false
		}
		m.say("crash %d torn=%d", m.id, steps)
		m.write(&m.appendQueue[0], steps)
	} else {
		m.say("crash %d", m.id)
	}
	m.crash()
	return true
}

// compact has the application make a snapshot of what it has applied, and compacts the log up to it.
func (m *member) compact() bool {
	index := m.rn.BasicStatus().Applied
	if held, _ := m.storage.Snapshot(); index <= held.Metadata.Index || index > uint64(len(m.past.committed)) {
		return false
	}
	m.say("snapshot %d", m.id)
	state := encodeState(m.past.committed[:index])
	if _, err := m.storage.CreateSnapshot(index, &m.app.membership, state); err != nil {
		m.fail("what is applied is on disk", "no snapshot at %d: %v", index, err)
		return true
	}
	if err := m.storage.Compact(index); err != nil {
		m.fail("what is applied is on disk", "no compaction up to %d: %v", index, err)
	}
	return true
}

func (m *member) reportSnapshot(to uint64, arrived bool) bool {
	status, word := raft.SnapshotFailure, "failure"
	if arrived {
		status, word = raft.SnapshotFinish, "finish"
	}
	m.say("report-snapshot %d %d %s", m.id, to, word)
	m.rn.ReportSnapshot(to, status)
	return true
}

// parseChange reads a membership change as the command "change" does.
func parseChange(text string) (pb.ConfChangeI, error) {
	var cc pb.ConfChangeV2
	var singles []string
	v1 := false
	for _, word := range strings.Fields(text) {
		switch word {
		case "leave", "form=v2", "transition=auto":
		case "form=v1":
			v1 = true
		case "transition=implicit":
			cc.Transition = pb.ConfChangeTransitionJointImplicit
		case "transition=explicit":
			cc.Transition = pb.ConfChangeTransitionJointExplicit
		default:
			singles = append(singles, word)
		}
	}
	var err error
	if cc.Changes, err = pb.ConfChangesFromString(strings.Join(singles, " ")); err != nil {
		return nil, fmt.Errorf("membership change %q: %w", text, err)
	}
	if !v1 {
		return cc, nil
	}
	if len(cc.Changes) != 1 {
		return nil, fmt.Errorf("membership change %q: form=v1 takes one change", text)
	}
	return pb.ConfChange{Type: cc.Changes[0].Type, NodeID: cc.Changes[0].NodeID}, nil
}
