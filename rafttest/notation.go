package rafttest

import (
	"fmt"

	pb "github.com/seed695671cb/raft/raftpb"
)

// notation puts an action into words, and into the notation of the scripts in testdata as far as that goes: scripts
// handle a Ready in one step.
type notation struct {
	g   *group
	m   *member
	act *action
}

// script returns the commands, or nothing.
func (n notation) script() string {
	id, a := n.act.member, n.act.a
	switch n.act.kind {
	case actDeliver:
		return fmt.Sprintf("deliver at=(%d)", n.position())
	case actLose:
		return fmt.Sprintf("drop at=(%d)", n.position())
	case actDuplicate:
		return fmt.Sprintf("duplicate at=(%d)", n.position())
	case actTick:
		return fmt.Sprintf("tick %d %d", id, a)
	case actWork:
		return n.workScript(step(a))
	case actFinish:
		if n.m.async {
			return fmt.Sprintf("append-thread %d\napply-thread %d", id, id)
		}
		return fmt.Sprintf("ready %d", id)
	case actCrash, actWipe:
		return fmt.Sprintf("crash %d", id)
	case actStart, actUpgrade:
		return fmt.Sprintf("restart %d", id)
	case actJoin:
		return fmt.Sprintf("add %d", id)
	case actCompact:
		return fmt.Sprintf("snapshot %d", id)
	default:
		return n.requestScript()
	}
}

func (n notation) workScript(s step) string {
	switch s {
	case stepAdvance:
		return fmt.Sprintf("ready %d", n.act.member)
	case stepTake:
		if n.m.async {
			return fmt.Sprintf("ready %d", n.act.member)
		}
	case stepThreadRespond:
		return fmt.Sprintf("append-thread %d 1", n.act.member)
	case stepThreadApplied:
		return fmt.Sprintf("apply-thread %d 1", n.act.member)
	}
	return ""
}

func (n notation) requestScript() string {
	id, a, b := n.act.member, n.act.a, n.act.b
	switch n.act.kind {
	case actPropose:
		return fmt.Sprintf("propose %d c%d.%d", id, a, n.g.clients[a].number+1)
	case actRead:
		return fmt.Sprintf("read %d c%d", id, a)
	case actChange:
		return fmt.Sprintf("change %d %s", id, changeScript(unpackChange(a)))
	case actTransfer:
		return fmt.Sprintf("transfer %d %d", id, a)
	case actForget:
		return fmt.Sprintf("forget-leader %d", id)
	case actCampaign:
		return fmt.Sprintf("campaign %d", id)
	case actUnreachable:
		return fmt.Sprintf("report-unreachable %d %d", id, a)
	case actReport:
		return fmt.Sprintf("report-snapshot %d %d %s", id, a, []string{"failure", "finish"}[b&1])
	}
	return ""
}

// text says in a line what happens, apart from messages.
func (n notation) text() string {
	id, a, b := n.act.member, n.act.a, n.act.b
	switch n.act.kind {
	case actWork:
		return fmt.Sprintf("%d: %s", id, step(a))
	case actFinish:
		return fmt.Sprintf("%d does what is left to do", id)
	case actTick:
		return fmt.Sprintf("%d: %d tick", id, a)
	case actCrash:
		return fmt.Sprintf("%d crashes, %d steps of what it was writing are kept", id, a)
	case actWipe:
		return fmt.Sprintf("%d, which was removed, loses its disk", id)
	case actStart:
		return fmt.Sprintf("%d starts", id)
	case actUpgrade:
		return fmt.Sprintf("%d is upgraded", id)
	case actJoin:
		return fmt.Sprintf("%d joins with an empty disk", id)
	case actCompact:
		return fmt.Sprintf("%d makes a snapshot at %d, keeps %d entries before it", id, n.m.app.applied, a)
	case actBusy:
		return fmt.Sprintf("%d: snapshots are unavailable: %t", id, a != 0)
	case actPropose:
		c := command{client: int(a), number: n.g.clients[a].number + 1}
		return fmt.Sprintf("client %d writes %#x to register %d through %d", a, c.value(), b&0xff, id)
	case actRead:
		return fmt.Sprintf("client %d reads register %d through %d", a, b, id)
	case actGiveUp:
		return fmt.Sprintf("client %d gives up", a)
	case actNote:
		return n.note()
	default:
		return n.requestScript()
	}
}

func (n notation) note() string {
	switch n.act.a {
	case notePartition:
		return "partition: " + fmt.Sprintf([...]string{
			cutAlone: "%d is cut off", cutOneWay: "links in one direction are down%.0d", cutHalves: "two halves%.0d",
			cutBridge: "two halves, with %d as a bridge", cutIncoming: "nothing reaches %d",
		}[n.act.b>>8], n.act.b&0xff)
	case noteSlow:
		kinds := [...]string{
			workReady: "Ready loop", workDisk: "disk", workApply: "application", workAckDisk: "disk's answers",
			workAckApply: "application's answers",
		}
		return fmt.Sprintf("the %s of %d is slow for a while", kinds[n.act.b>>8], n.act.b&0xff)
	case noteHeal:
		return "the network heals"
	case noteCalm:
		return "faults stop"
	case noteRecovered:
		return "the group has recovered"
	default:
		return "faults begin"
	}
}

// position returns the position of the packet among those on their way, by age, from 1 on.
func (n notation) position() int {
	at := 1
	id := n.g.network.slots[n.act.packet].id
	for i := range n.g.network.slots {
		if other := n.g.network.slots[i].id; other != 0 && other < id {
			at++
		}
	}
	return at
}

// changeScript returns a membership change as the command change takes it.
func changeScript(change pb.ConfChangeI) string {
	v2 := change.AsV2()
	if len(v2.Changes) == 0 {
		return "leave"
	}
	s := ""
	for _, c := range v2.Changes {
		letter := map[pb.ConfChangeType]string{
			pb.ConfChangeAddNode: "v", pb.ConfChangeRemoveNode: "r", pb.ConfChangeAddLearnerNode: "l",
		}[c.Type]
		s += fmt.Sprintf("%s%d ", letter, c.NodeID)
	}
	if _, old := change.AsV1(); old {
		return s + "form=v1"
	}
	return s + "transition=" + []string{"auto", "implicit", "explicit"}[v2.Transition]
}
