package raft

import (
	"fmt"
	"slices"

	pb "github.com/seed695671cb/raft/raftpb"
)

// The commands of scripts that let time pass, have members act, and decide over messages.

type message = pb.Message

// messageFilter chooses messages by sender, receiver and type; what is not given matches all.
type messageFilter func(m message) bool

func matchesAny(filters []messageFilter, m message) bool {
	return slices.ContainsFunc(filters, func(f messageFilter) bool { return f(m) })
}

// filter takes from=, to= and type=. Each of from and to may be a list.
func (a *scriptArgs) filter() messageFilter {
	from, to := a.numbers("from"), a.numbers("to")
	t, typed := a.messageType()
	return func(m message) bool {
		return (len(from) == 0 || slices.Contains(from, m.From)) &&
			(len(to) == 0 || slices.Contains(to, m.To)) &&
			(!typed || m.Type == t)
	}
}

// cmdReady has a member hand out one Ready, which is printed, written, sent, applied and advanced; with async, handed
// to the storage threads.
func (s *script) cmdReady(a *scriptArgs) {
	id := a.id()
	s.c.brief = true
	if !s.c.ready(id) {
		fmt.Fprintf(&s.out, "nothing to do\n")
		return
	}
	if !s.quiet {
		s.out.WriteString(DescribeReady(s.c.members[id].lastReady, plainPayload))
	}
}

// cmdStabilize lets everything happen that can happen without time: stabilize [ids]. With IDs, only these members act,
// and messages to others stay in the network.
func (s *script) cmdStabilize(a *scriptArgs) { s.stabilize(a.ids()) }

func (s *script) stabilize(ids []uint64) {
	all := len(ids) == len(s.c.ids)
	stays := func(m message) bool {
		return matchesAny(s.held, m) || !all && !slices.Contains(ids, m.To)
	}
	for round := 0; ; round++ {
		if round > 10000 {
			s.fatalf("the group does not come to rest")
		}
		busy := false
		for _, id := range ids {
			busy = s.settle(id) || busy
		}
		if !s.deliverAll(stays) && !busy {
			return
		}
	}
}

// settle has one member and its storage threads do all that they can, and reports whether that was anything.
func (s *script) settle(id uint64) (busy bool) {
	for s.c.ready(id) {
		busy = true
	}
	for s.c.runAppendThread(id) || s.c.runApplyThread(id) {
		busy = true
	}
	return busy
}

// deliverAll delivers what is in the network except for what stays, and reports whether that was anything.
func (s *script) deliverAll(stays messageFilter) bool {
	all := s.c.network
	s.c.network = nil
	var kept []message
	for _, m := range all {
		if stays(m) {
			kept = append(kept, m)
		} else {
			s.c.deliverOne(m)
		}
	}
	s.c.network = append(kept, s.c.network...)
	return len(kept) < len(all)
}

// cmdTick lets time pass at a member, or at all: tick 1|all [n].
func (s *script) cmdTick(a *scriptArgs) {
	ids := slices.Clone(s.c.ids)
	if !a.flag("all") {
		ids = []uint64{a.id()}
	}
	n := uint64(1)
	if a.more() {
		n = a.number("a number of ticks")
	}
	s.c.tick(int(n), ids...)
}

// cmdBeat lets so many heartbeat intervals pass at a member, and everything come to rest after each: beat 1 [n].
func (s *script) cmdBeat(a *scriptArgs) {
	id := a.id()
	n := uint64(1)
	if a.more() {
		n = a.number("a number of intervals")
	}
	for i := uint64(0); i < n; i++ {
		s.c.tick(s.c.members[id].cfg.HeartbeatTick, id)
		s.stabilize(s.c.ids)
	}
}

// cmdTimeout sets a member's current election timeout, which is otherwise random: timeout 1 12.
func (s *script) cmdTimeout(a *scriptArgs) {
	r := s.c.raft(a.id())
	n := a.number("a number of ticks")
	if n < r.clock.electionTick || n >= 2*r.clock.electionTick {
		a.fatalf("want %d to %d ticks", r.clock.electionTick, 2*r.clock.electionTick-1)
	}
	r.clock.electionTimeout = n
	r.reschedule()
}

// cmdNetwork prints the messages on their way, numbered.
func (s *script) cmdNetwork(*scriptArgs) {
	for i, m := range s.c.network {
		fmt.Fprintf(&s.out, "%d. %s\n", i+1, DescribeMessage(m, plainPayload))
	}
	if len(s.c.network) == 0 {
		fmt.Fprintf(&s.out, "the network is empty\n")
	}
}

// pick takes messages out of the network: those that the filter chooses, of these only the first n=, or those at the
// positions at=(3,1) of the network, in that order. It fails if there are none.
func (s *script) pick(a *scriptArgs) []message {
	at := a.numbers("at")
	f := a.filter()
	limit := a.numberOr("n", noLimit)
	var picked, left []message
	for _, position := range at {
		if position == 0 || position > uint64(len(s.c.network)) {
			a.fatalf("no message at %d", position)
		}
		picked = append(picked, s.c.network[position-1])
	}
	for i, m := range s.c.network {
		switch {
		case slices.Contains(at, uint64(i)+1):
		case len(at) == 0 && f(m) && uint64(len(picked)) < limit:
			picked = append(picked, m)
		default:
			left = append(left, m)
		}
	}
	if len(picked) == 0 {
		a.fatalf("no such message in the network")
	}
	s.c.network = left
	return picked
}

// cmdDeliver delivers messages: deliver [from=] [to=] [type=] [n=] or deliver at=(3,1), in this order.
func (s *script) cmdDeliver(a *scriptArgs) {
	for _, m := range s.pick(a) {
		s.c.deliverOne(m)
	}
}

// cmdDrop loses messages: arguments as for deliver.
func (s *script) cmdDrop(a *scriptArgs) {
	for _, m := range s.pick(a) {
		s.c.tracef("lost: %s", DescribeMessage(m, plainPayload))
	}
}

// cmdDuplicate puts a second copy of messages at the end of the network: arguments as for deliver.
func (s *script) cmdDuplicate(a *scriptArgs) {
	before := slices.Clone(s.c.network)
	s.c.network = append(before, s.pick(a)...)
}

// cmdHold keeps messages in the network, also those sent later, until release: hold [from=] [to=] [type=].
func (s *script) cmdHold(a *scriptArgs) { s.held = append(s.held, a.filter()) }

// cmdRelease undoes hold. The messages are still in the network.
func (s *script) cmdRelease(*scriptArgs) { s.held = nil }

// cmdLose has messages lost, now and later, until heal: lose [from=] [to=] [type=].
func (s *script) cmdLose(a *scriptArgs) { s.lost = append(s.lost, a.filter()) }

// cmdIsolate cuts members off, until heal: isolate 3.
func (s *script) cmdIsolate(a *scriptArgs) {
	for a.more() {
		s.c.isolated[a.number("a member's ID")] = true
	}
}

// cmdPartition cuts the named members, who reach each other, off from all others, until heal: partition 1 2.
func (s *script) cmdPartition(a *scriptArgs) {
	var side []uint64
	for a.more() {
		side = append(side, a.number("a member's ID"))
	}
	s.lost = append(s.lost, func(m message) bool {
		return slices.Contains(side, m.From) != slices.Contains(side, m.To)
	})
}

// cmdHeal undoes isolate, partition and lose.
func (s *script) cmdHeal(*scriptArgs) {
	s.lost = nil
	clear(s.c.isolated)
}
