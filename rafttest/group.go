package rafttest

import (
	"fmt"

	"github.com/seed695671cb/raft"
	"github.com/seed695671cb/raft/internal/linear"
	pb "github.com/seed695671cb/raft/raftpb"
	"github.com/seed695671cb/raft/rafttest/trace"
)

// maxMembers is the highest ID that a member of a simulated group has.
const maxMembers = 9

// maxFirstMembers is how many a group may begin with.
const maxFirstMembers = 7

// group is a run: the members, the network between them, their clients, and what the checks know.
type group struct {
	opt Options
	// runSeed decides what members draw at random.
	runSeed uint64
	common  groupSettings
	members []*member // those that ever lived, by ID
	byID    [maxMembers + 1]*member
	network network
	clients [maxClients]client
	// upgrades counts the upgrades of each member, of those to come too.
	upgrades [maxMembers + 1]int
	// history is what clients have seen of their commands and reads.
	history []linear.Operation
	// online looks at the operations as they end.
	online linear.Online
	// biggest is the size of the largest proposal so far, membership changes included.
	biggest uint64

	// event numbers the events; hash sums them up.
	event uint64
	hash  trace.Hash
	known known

	// driver is told of what will want to be done; nil in a replay.
	driver *driver
	// recorder keeps what happens; nil unless it is wanted.
	recorder *recorder
	stats    Stats
}

// violation is what a check panics with.
type violation struct{ trace.Violation }

// fail ends the run.
func (g *group) fail(property string, members []uint64, format string, args ...any) {
	panic(violation{trace.Violation{Property: property, Members: members, Detail: fmt.Sprintf(format, args...)}})
}

// failWith ends the run with evidence beside the sentence.
func (g *group) failWith(property string, members []uint64, evidence []string, format string, args ...any) {
	panic(violation{trace.Violation{
		Property: property, Members: members, Detail: fmt.Sprintf(format, args...), Evidence: evidence,
	}})
}

// explain adds to what was found how all members stand, unless there is evidence of another kind.
func (g *group) explain(found *trace.Violation) *trace.Violation {
	if found != nil && len(found.Evidence) == 0 {
		_ = guard(func() { found.Evidence = g.describe() })
	}
	return found
}

// guard calls f, and returns what a check found, or what panicked.
func guard(f func()) (found *trace.Violation) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case violation:
			found = &r.Violation
		default:
			found = &trace.Violation{
				Property: "no panic, no refusal", Detail: fmt.Sprint(r), Evidence: stackOfPanic(),
			}
		}
	}()
	f()
	return nil
}

// begin makes the first members: n of them, of which the last learners do not vote. Their disks hold a snapshot at
// index 1 of term 1.
func (g *group) begin(n, learners int, settings []memberSettings) {
	var cs pb.ConfState
	for id := uint64(1); id <= uint64(n); id++ {
		if int(id) > n-learners {
			cs.Learners = append(cs.Learners, id)
		} else {
			cs.Voters = append(cs.Voters, id)
		}
	}
	g.known.begin(entryID{term: 1, index: 1})
	for i := range settings {
		m := g.create(uint64(i+1), settings[i])
		first := Write{
			Snapshot:  pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 1, Term: 1, ConfState: cs}},
			HardState: pb.HardState{Term: 1, Commit: 1},
		}
		m.write(first)
		m.sync()
		m.start()
	}
	g.membershipApplied(g.members[0])
}

// create makes a member with an empty disk, which is not started.
func (g *group) create(id uint64, settings memberSettings) *member {
	m := &member{g: g, id: id, settings: settings}
	m.app.machine = g.newStateMachine(id)
	m.disk = g.newDisk(id)
	g.byID[id] = m
	g.members = append(g.members, m)
	for i := len(g.members) - 1; i > 0 && g.members[i-1].id > id; i-- {
		g.members[i-1], g.members[i] = g.members[i], g.members[i-1]
	}
	return m
}

func (g *group) newDisk(id uint64) Disk {
	if g.opt.NewDisk != nil {
		return g.opt.NewDisk(id)
	}
	return NewMemoryDisk()
}

func (g *group) newStateMachine(id uint64) StateMachine {
	if g.opt.NewStateMachine != nil {
		return g.opt.NewStateMachine(id)
	}
	return nil
}

// send checks messages that leave a member, and puts them on their way, or into the queues of its storage threads.
func (g *group) send(m *member, msgs []pb.Message) {
	for i := range msgs {
		msg := &msgs[i]
		switch msg.To {
		case raft.LocalAppendThread:
			m.append.queue = append(m.append.queue, *msg)
			continue
		case raft.LocalApplyThread:
			m.apply.queue = append(m.apply.queue, *msg)
			continue
		}
		g.checkSent(m, msg)
		digest := messageDigest(msg)
		slot := g.network.put(m.id, msg, digest)
		g.hash.Add(digest)
		g.stats.Messages++
		if g.recorder != nil {
			g.recorder.sent(&g.network.slots[slot])
		}
		if g.driver != nil {
			g.driver.onSent(slot)
		}
	}
}

// leader returns the running leader of the highest term, or nil.
func (g *group) leader() *member {
	var lead *member
	for _, m := range g.members {
		if m.up() && m.seen.status.RaftState == raft.StateLeader &&
			(lead == nil || m.seen.status.Term > lead.seen.status.Term) {
			lead = m
		}
	}
	return lead
}

// membershipApplied is called when a member's application has a new membership: others may have to be started.
func (g *group) membershipApplied(m *member) {
	g.known.noteMembers(m)
	if g.driver == nil || m.outdated {
		return
	}
	for _, ids := range [][]uint64{m.app.membership.Voters, m.app.membership.Learners} {
		for _, id := range ids {
			if other := g.byID[id]; other == nil || !other.up() {
				g.driver.onAdded(id, m.app.applied)
			}
		}
	}
}
