// Traces for the tests: a small one made by hand, in which a vote that is not persisted lets a term have two leaders.
package trace

import (
	"fmt"
	"slices"
)

// recorder builds a trace event by event.
type recorder struct {
	t      *Trace
	now    map[uint64]*MemberState
	packet uint64
}

func newRecorder(title string, start ...MemberState) *recorder {
	r := &recorder{t: &Trace{Title: title, Start: start}, now: map[uint64]*MemberState{}}
	for i := range start {
		s := start[i]
		r.now[s.ID] = &s
		r.t.Members = append(r.t.Members, s.ID)
	}
	return r
}

// event adds an event and returns it; the pointer is good until the next.
func (r *recorder) event(kind Kind, member uint64, text, script string) *Event {
	n := len(r.t.Events) + 1
	r.t.Events = append(r.t.Events, Event{
		N: n, Time: uint64(n) * 730, Kind: kind, Member: member, Text: text, Script: script,
		Fault: kind == KindCrash || kind == KindLose || kind == KindDuplicate,
	})
	return &r.t.Events[n-1]
}

// set changes a member's state, and says so in the last event.
func (r *recorder) set(id uint64, change func(*MemberState)) {
	s := *r.now[id]
	s.Log = slices.Clone(s.Log)
	change(&s)
	r.now[id] = &s
	after := s
	r.t.Events[len(r.t.Events)-1].After = &after
}

// send has a packet leave in the last event.
func (r *recorder) send(from, to uint64, typ string, term uint64, rest string) uint64 {
	r.packet++
	e := &r.t.Events[len(r.t.Events)-1]
	text := fmt.Sprintf("%d->%d %s Term:%d", from, to, typ, term)
	if rest != "" {
		text += " " + rest
	}
	e.Sent = append(e.Sent, Packet{ID: r.packet, From: from, To: to, Type: typ, Term: term, Text: text})
	return r.packet
}

// find returns a packet that was sent.
func (r *recorder) find(id uint64) *Packet {
	for i := range r.t.Events {
		sent := r.t.Events[i].Sent
		for j := range sent {
			if sent[j].ID == id {
				return &sent[j]
			}
		}
	}
	return nil
}

func (r *recorder) deliver(id uint64) {
	p := r.find(id)
	r.event(KindDeliver, p.To, p.Text, fmt.Sprintf("deliver from=%d to=%d n=1", p.From, p.To)).Packet = id
}

func (r *recorder) lose(id uint64) {
	p := r.find(id)
	r.event(KindLose, 0, "lost: "+p.Text, fmt.Sprintf("drop from=%d to=%d n=1", p.From, p.To)).Packet = id
}

func (r *recorder) duplicate(id uint64) uint64 {
	p := *r.find(id)
	e := r.event(KindDuplicate, 0, "doubled: "+p.Text, fmt.Sprintf("duplicate from=%d to=%d n=1", p.From, p.To))
	e.Packet = id
	r.packet++
	p.ID = r.packet
	e.Sent = append(e.Sent, p)
	return p.ID
}

func (r *recorder) ready(id uint64, text string) {
	r.event(KindReady, id, text, fmt.Sprintf("ready %d", id))
}

func fresh(id uint64) MemberState {
	return MemberState{
		ID: id, Role: "follower", Term: 1, Commit: 1, Applied: 1, Last: 1, Durable: 1,
		Snapshot: TermRun{Term: 1, First: 1}, Membership: "Voters:[1 2 3]",
	}
}

// splitBrain is a run of three members that ends with two leaders in term 2.
func splitBrain() *Trace {
	r := newRecorder("raftsim -seed=1 -nodes=3 -events=20000 -mutant=vote-not-persisted, minimised", fresh(1), fresh(2), fresh(3))
	r.t.Setup = []string{"voters 3"}
	r.firstElection()
	r.firstProposal()
	r.forgottenVote()
	r.t.Violation = &Violation{
		Property: "election safety",
		Detail:   "members 1 and 3 both lead term 2: member 2 voted for 1 at event 4 and for 3 at event 26",
		Members:  []uint64{1, 3},
		Evidence: []string{
			"1: leader term=2 vote=1, elected at event 7 with the votes of 1 and 2",
			"3: leader term=2 vote=3, elected at event 28 with the votes of 2 and 3",
			"index 2: 1 and 2 hold 2/2 of leader 1, 3 holds 2/2 of leader 3",
		},
	}
	return r.t
}

// firstElection makes 1 the leader of term 2, by its own vote and that of 2.
func (r *recorder) firstElection() {
	r.event(KindRequest, 1, "1 campaigns", "campaign 1")
	r.set(1, func(s *MemberState) { s.Role, s.Term, s.Vote = "candidate", 2, 1 })
	r.ready(1, "1 persists its vote and asks for others")
	to2 := r.send(1, 2, "MsgVote", 2, "Log:1/1")
	to3 := r.send(1, 3, "MsgVote", 2, "Log:1/1")
	r.lose(to3)
	r.deliver(to2)
	r.set(2, func(s *MemberState) { s.Term, s.Vote = 2, 1 })
	r.ready(2, "2 votes for 1 without having persisted it")
	yes := r.send(2, 1, "MsgVoteResp", 2, "")
	again := r.duplicate(yes)
	r.deliver(yes)
	r.set(1, func(s *MemberState) {
		s.Role, s.Lead, s.Last, s.Log = "leader", 1, 2, []TermRun{{Term: 2, First: 2}}
	})
	r.deliver(again)
	r.ready(1, "1 opens its term")
	r.set(1, func(s *MemberState) { s.Durable = 2 })
	r.deliver(r.send(1, 2, "MsgApp", 2, `Log:1/1 Entries:[2/2 EntryNormal ""]`))
	r.set(2, func(s *MemberState) { s.Lead, s.Last, s.Log = 1, 2, []TermRun{{Term: 2, First: 2}} })
}

// firstProposal lets 1 propose an entry, which 2 refuses at first, and commit the one that opened its term.
func (r *recorder) firstProposal() {
	r.event(KindRequest, 1, `1 is asked to propose "x" and "y"`, "propose 1 x y")
	r.set(1, func(s *MemberState) { s.Last = 4 })
	r.ready(2, "2 writes 2/2 and acknowledges it")
	r.set(2, func(s *MemberState) { s.Durable = 2 })
	ack := r.send(2, 1, "MsgAppResp", 2, "Index:2")
	r.ready(1, "1 writes 2/3 and 2/4")
	r.set(1, func(s *MemberState) { s.Durable = 4 })
	r.send(1, 2, "MsgApp", 2, `Log:2/2 Entries:[2/3 EntryNormal "x"]`)
	app := r.send(1, 2, "MsgApp", 2, `Log:2/3 Entries:[2/4 EntryNormal "y"]`)
	r.deliver(ack)
	r.set(1, func(s *MemberState) { s.Commit = 2 })
	r.event(KindTick, 1, "time passes at 1", "tick 1")
	r.ready(1, "1 applies 2/2")
	r.set(1, func(s *MemberState) { s.Applied = 2 })
	beat := r.send(1, 3, "MsgHeartbeat", 2, "")
	r.lose(beat)
	r.deliver(app)
	r.ready(2, "2 refuses what does not follow its log")
	no := r.send(2, 1, "MsgAppResp", 2, "Reject:3 Hint:2/2")
	r.find(no).Reject = true
	r.deliver(no)
}

// forgottenVote lets 2 forget its vote and give it to 3.
func (r *recorder) forgottenVote() {
	r.event(KindNote, 0, "partition: 1 | 2 3", "isolate 1").Fault = true
	r.event(KindCrash, 2, "2 crashes; what it had not persisted is gone", "crash 2")
	r.set(2, func(s *MemberState) { s.Down, s.Term, s.Vote, s.Lead = true, 1, 0, 0 })
	r.event(KindStart, 2, "2 starts again, in term 1 without a vote", "restart 2")
	r.set(2, func(s *MemberState) { s.Down = false })
	r.event(KindRequest, 3, "3 campaigns", "campaign 3")
	r.set(3, func(s *MemberState) { s.Role, s.Term, s.Vote = "candidate", 2, 3 })
	r.ready(3, "3 persists its vote and asks for others")
	ask := r.send(3, 2, "MsgVote", 2, "Log:1/1")
	r.send(3, 1, "MsgVote", 2, "Log:1/1")
	r.deliver(ask)
	r.set(2, func(s *MemberState) { s.Term, s.Vote = 2, 3 })
	r.ready(2, "2 votes for 3")
	yes := r.send(2, 3, "MsgVoteResp", 2, "")
	r.deliver(yes)
	r.set(3, func(s *MemberState) {
		s.Role, s.Lead, s.Last, s.Log = "leader", 3, 2, []TermRun{{Term: 2, First: 2}}
	})
}
