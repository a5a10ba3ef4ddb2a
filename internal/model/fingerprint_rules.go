package model

import "reflect"

// The fields that a fingerprint does not take as they are. The reason says why two members that differ only in what the
// rule leaves out answer every input alike, now and later.

func fingerprintRules() []rule {
	var all []rule
	for _, some := range [][]rule{skippedRules(), timeRules(), nameRules(), orderRules(), cacheRules()} {
		all = append(all, some...)
	}
	return all
}

// skippedRules name what does not act on what the member does.
func skippedRules() []rule {
	skip := func(field, why string) rule { return rule{field: field, how: "skipped", why: why} }
	return []rule{
		skip("raft.raft.logger", "nothing is read from it"),
		skip("raft.RawNode.checking", "the checks of invariants, which change nothing"),
		skip("raft.raft.rand", "a function of the number of lives, which counts as past.lives"),
		skip("raft.raftLog.storage", "the disk counts by itself"),
		skip("raft.entryRuns.block", "capacity of the next block"),
		skip("raft.blocks.size", "capacity of a block"),
		skip("raft.messageQueue.heavy", "whether a block is let go"),
		skip("raft.blocks.madeAt", "it decides the capacity of the next block"),
		skip("raft.readQueue.room", "an array to be used again"),
		skip("raft.forwardedReads.room", "an array to be used again"),
		skip("raft.reads.entries", "what is left of a block"),
		skip("raft.reads.bytes", "what is left of a block"),
		skip("raft.leadership.matched", "a cache of what the members' progress says"),
		skip("raft.leadership.acked", "a cache of what the members' progress says"),
		skip("raft.leadership.scratch", "written before it is read"),
		skip("raft.leadership.proposal", "written before it is read"),
		skip("raft.LostRead.Reason", "an error value; each Ready takes all lost reads away"),
		skip("raft.clock.now", "all times are taken relative to it"),
		skip("tracker.Inflights.start", "the ring is read from there"),
	}
}

// timeRules take times relative to the present: the core only ever takes differences of them, or compares them with
// the present. One difference of the present to zero there is, in beginRound, which only avoids an underflow.
func timeRules() []rule {
	return []rule{
		{
			field: "raft.clock.electionStart", how: "age",
			why: "beyond the election timeout a member that may not campaign has waited long enough, however long it was",
			add: func(w *walk, f field) {
				age := w.at.now - f.value.Uint()
				if !w.at.leads {
					age = min(age, w.at.electionTimeout)
				}
				w.add(age)
			},
		},
		{
			field: "raft.clock.heartbeatStart", how: "age on a leader",
			why: "read on a leader only, and set by becomeLeader",
			add: func(w *walk, f field) {
				if w.at.leads {
					w.add(w.at.now - f.value.Uint())
				}
			},
		},
		{field: "raft.clock.due", how: "time left", why: "compared with the present", add: timeLeft},
		{field: "raft.raft.silentUntil", how: "time left", why: "compared with the present", add: timeLeft},
		{field: "raft.forwardedRead.deadline", how: "time left", why: "compared with the present", add: timeLeft},
		{
			field: "raft.leadership.transferDeadline", how: "time left in a transfer",
			why: "when it has passed, abortTransfer does nothing unless there is a transferee",
			add: func(w *walk, f field) {
				if w.at.transferee != 0 {
					timeLeft(w, f)
				}
			},
		},
		{
			field: "raft.rounds.confirmedAt", how: "age under leases, up to an election timeout",
			why: "a lease older than that has ended; without lease reads it is not read, nor is it before a round is confirmed",
			add: func(w *walk, f field) {
				if w.at.leaseReads && f.owner.FieldByName("confirmed").Uint() > 0 {
					leaseAge(w, f)
				}
			},
		},
		{
			field: "raft.rounds.began", how: "under leases",
			why: "it serves confirmedAt alone",
			add: func(w *walk, f field) {
				if w.at.leaseReads {
					f.whole(w, f.value)
				}
			},
		},
		{
			field: "raft.roundStart.tick", how: "age, up to an election timeout",
			why: "rounds forget starts of that age, and no lease follows from them", add: leaseAge,
		},
	}
}

func timeLeft(w *walk, f field) { w.add(max(f.value.Uint(), w.at.now) - w.at.now) }

func leaseAge(w *walk, f field) { w.add(min(w.at.now-f.value.Uint(), w.at.electionTick)) }

// nameRules take members under the names that a renaming gives them.
func nameRules() []rule {
	var rules []rule
	for _, name := range []string{
		"raft.raft.id", "raft.raft.vote", "raft.raft.lead", "raft.ballotPaper.vote", "raft.RawNode.prevLead",
		"raft.leadership.id", "raft.leadership.transferee", "raft.formerMember.id", "raft.readRequest.from",
		"tracker.Member.ID", "raftpb.HardState.Vote", "raftpb.Message.To", "raftpb.Message.From", "raftpb.Message.Vote",
	} {
		rules = append(rules, rule{
			field: name, how: "renamed", why: "a member's ID",
			add: func(w *walk, f field) { w.add(w.name(f.value.Uint())) },
		})
	}
	for _, name := range []string{"Voters", "Learners", "VotersOutgoing", "LearnersNext"} {
		rules = append(rules, rule{
			field: "raftpb.ConfState." + name, how: "set of renamed", why: "members' IDs, in an order that nobody minds",
			add: addNames,
		})
	}
	return rules
}

func addNames(w *walk, f field) {
	var sum uint64
	for i := 0; i < f.value.Len(); i++ {
		sum += spread(w.name(f.value.Index(i).Uint()) + walkStep)
	}
	w.add(uint64(f.value.Len()))
	w.add(sum)
}

// orderRules take lists whose order follows the members' IDs without it.
func orderRules() []rule {
	set := "the order is that of the IDs, and each element is found by its ID"
	parallel := "parallel to the members"
	return []rule{
		{field: "tracker.Membership.Members", how: "set", why: set, add: addSet},
		{field: "raft.leadership.members", how: "set", why: set, add: addSet},
		{field: "raft.leadership.former", how: "set", why: "each element is found by its ID", add: addSet},
		{field: "raft.raft.ballots", how: "by member", why: parallel, add: addByMember},
		{field: "raft.leadership.progress", how: "by member", why: parallel, add: addByMember},
		{field: "raft.leadership.owedAppend", how: "by member", why: parallel, add: addByMember},
		{
			field: "raftpb.Message.Responses", how: "by receiver",
			why: "only the order of those to one receiver counts: the network does not keep any other",
			add: addByReceiver,
		},
		{
			field: "tracker.Inflights.buf", how: "from start, as many as there are",
			why: "a ring: the rest is written before it is read", add: addRing,
		},
	}
}

func addSet(w *walk, f field) {
	var sum uint64
	n := f.value.Len()
	for i := 0; i < n; i++ {
		saved := w.begin()
		f.element(w, f.value.Index(i))
		sum += w.finish(saved)
	}
	w.add(uint64(n))
	w.add(sum)
}

func addByMember(w *walk, f field) {
	n := f.value.Len()
	if n != len(w.at.members) {
		f.whole(w, f.value) // candidates and leaders only: otherwise it is empty
		return
	}
	var sum uint64
	for i := 0; i < n; i++ {
		saved := w.begin()
		w.add(w.name(w.at.members[i]))
		f.element(w, f.value.Index(i))
		sum += w.finish(saved)
	}
	w.add(uint64(n))
	w.add(sum)
}

func addByReceiver(w *walk, f field) {
	var sum uint64
	n := f.value.Len()
	before := map[uint64]uint64{}
	for i := 0; i < n; i++ {
		to := f.value.Index(i).FieldByName("To").Uint()
		rank := before[to]
		before[to]++
		saved := w.begin()
		w.add(rank)
		f.element(w, f.value.Index(i))
		sum += w.finish(saved)
	}
	w.add(uint64(n))
	w.add(sum)
}

func addRing(w *walk, f field) {
	n := int(f.owner.FieldByName("count").Int())
	if n == 0 {
		return
	}
	start := int(f.owner.FieldByName("start").Int())
	for i := 0; i < n; i++ {
		f.element(w, f.value.Index((start+i)%f.value.Len()))
	}
}

// cacheRules take of what is remembered only what still counts.
func cacheRules() []rule {
	return []rule{
		{
			field: "raft.RawNode.oldest", how: "while waiting",
			why: "otherwise it is written before it is read",
			add: func(w *walk, f field) {
				if f.owner.FieldByName("waiting").Bool() {
					f.whole(w, f.value)
				}
			},
		},
		{
			field: "raft.entryRuns.runs", how: "one after the other",
			why: "what is handed out of a list does not depend on where the borders of its runs are; count says how many",
			add: func(w *walk, f field) {
				for k := range f.value.Len() {
					run := f.value.Index(k)
					for i := range run.Len() {
						f.inner(w, run.Index(i))
					}
				}
			},
		},
		{
			field: "raft.raft.reads", how: "as empty where there are none",
			why: "it is made when it is first needed",
			add: func(w *walk, f field) {
				reads := f.value
				if reads.IsNil() {
					reads = reflect.New(reads.Type().Elem())
				}
				f.whole(w, reads)
			},
		},
		{
			field: "raft.changeScan.to", how: "from the applied index on",
			why: "a search begins after it or after the applied index, whichever is higher, and applied never falls in a life",
			add: func(w *walk, f field) { w.add(max(f.value.Uint(), w.at.applied)) },
		},
		{
			field: "raft.changeScan.last", how: "above the applied index",
			why: "it is only asked whether it is higher than that",
			add: func(w *walk, f field) {
				if last := f.value.Uint(); last > w.at.applied {
					w.add(last)
					return
				}
				w.add(0)
			},
		},
	}
}
