package model

import (
	"fmt"
	"slices"
	"strings"
)

// The bounds that are searched, by name. "short" are those that a machine with two cores goes through in about two
// minutes; "long" takes longer, and several gigabytes. The numbers are data: where the core changes, the counts of states do.

// shortBounds are searched at every change, the quickest first. Those with a depth are about one way to go wrong, which
// takes fewer events than that.
func shortBounds() []Bounds {
	return slices.Concat(quickBounds(), growthBounds(), wideBounds())
}

// quickBounds are those of them that together take a third of the time. Mutants are tried on these.
func quickBounds() []Bounds {
	return slices.Concat(leaseBounds(), narrowBounds(), changeBounds(), lagBounds(), readBounds(), serviceBounds())
}

// led begins with member 1 as leader, and goes on with the lines given.
func led(then ...string) []string { return append([]string{"timeout 1"}, then...) }

// leased is led where leases are relied on: the promises that members keep when they start have to run out first.
func leased(then ...string) []string { return append([]string{"pass 10", "timeout 1"}, then...) }

// leaseBounds are about reads by lease. Elections come about as all clocks go on.
func leaseBounds() []Bounds {
	return []Bounds{
		{
			Name: "lease-request", About: "no member whose silence a lease rests on campaigns because it is asked to",
			Voters: 3, Lease: true, Prelude: leased("pass 9 without 2", "pass 1 without 2"), Ticks: []uint8{1}, MaxInFlight: 6,
			Budget: Budget{Passes: 1, Campaigns: 1, Reads: 1},
		},
		{
			Name: "lease-slow", About: "a lease ends in time by a clock that is slow",
			Voters: 3, Lease: true, Slow: 1, Prelude: leased("pass 1", "pass 10 without 2"), Ticks: []uint8{10}, MaxInFlight: 8,
			Budget: Budget{Passes: 1, Reads: 1},
		},
		{
			Name: "lease-stray", About: "a promise of silence outlives a stray answer of a later term",
			Voters: 3, Lease: true, Ticks: []uint8{1}, MaxInFlight: 8, Budget: Budget{Passes: 1, Reads: 1},
			Prelude: []string{
				"timeout 3 holding 3-2 without 1", "timeout 1 holding 3-2", "timeout 1 holding 3-2",
				"pass 9 holding 3-2 without 2", "pass 9 holding 3-2 without 2",
			},
		},
		{
			Name: "lease-restart", About: "a promise of silence outlives a restart",
			Voters: 3, Lease: true, Prelude: leased("pass 9 without 2", "pass 9 without 2"), Ticks: []uint8{1}, MaxInFlight: 8,
			Budget: Budget{Passes: 1, Crashes: 1, Reads: 1},
		},
		{
			Name: "lease", About: "reads by lease, from the first election on, with clocks that agree",
			Voters: 3, CheckQuorum: true, Lease: true, MaxInFlight: 3, Ticks: []uint8{1, 9, 10},
			Budget: Budget{Timeouts: 1, Passes: 4, Proposals: 1, Reads: 1},
		},
		{
			Name: "lease-transfer", About: "no lease while leadership is handed over, nor while the order to take it is on its way",
			Voters: 3, Lease: true, Prelude: leased("pass 1"), Ticks: []uint8{10}, MaxInFlight: 7, MaxDepth: 13,
			Budget: Budget{Transfers: 1, Passes: 1, Reads: 1},
		},
	}
}

// narrowBounds are about elections and commits that take many messages, and little else.
func narrowBounds() []Bounds {
	return []Bounds{
		{
			Name: "votes", About: "votes of an earlier term on their way when the next is voted on",
			Voters: 3, MaxInFlight: 6, MaxDepth: 12, Budget: Budget{Timeouts: 3}, PerMember: Budget{Timeouts: 2},
		},
		{
			Name: "prevotes", About: "pre-votes and votes of two candidates at once",
			Voters: 3, PreVote: true, MaxInFlight: 6, MaxDepth: 16, Budget: Budget{Timeouts: 2}, PerMember: Budget{Timeouts: 1},
		},
		{
			Name: "older-terms", About: "an entry of an older term on two members of three (Raft Fig. 8), an entry an append",
			Voters: 3, SmallAppends: true, Prelude: led("propose 1 without 2 3", "timeout 3 losing MsgApp"), MaxInFlight: 4,
			Budget: Budget{Timeouts: 2}, PerMember: Budget{Timeouts: 1},
		},
		{
			Name: "alone", About: "one voter, whose storage lags and who crashes",
			Voters: 1, Async: true, MaxInFlight: 1,
			Budget: Budget{Timeouts: 2, Proposals: 1, Crashes: 1, Reads: 1, Compactions: 1},
		},
		{
			Name: "threads", About: "storage threads that lag, of two voters",
			Voters: 2, Async: true, MaxInFlight: 4,
			Budget: Budget{Timeouts: 2, Proposals: 1, Crashes: 1},
		},
		{
			Name: "terms", About: "three elections, in which entries of older terms are left over",
			Voters: 3, MaxInFlight: 3, Budget: Budget{Timeouts: 3, Proposals: 2}, PerMember: Budget{Timeouts: 2},
		},
		{
			Name: "lost-writes", About: "a leader or follower loses what it was writing, and what was said of it arrives late",
			Voters: 3, Async: true, EagerApply: true, Prelude: led(), MaxInFlight: 3, MaxDepth: 18,
			Budget: Budget{Timeouts: 1, Proposals: 1, Crashes: 1},
		},
	}
}

// changeBounds are about changes of the membership that members learn of at different times.
func changeBounds() []Bounds {
	return []Bounds{
		{
			Name: "learners", About: "two learners, and a voter, that lack what is committed",
			Voters: 3, Learners: 2, Prelude: []string{"timeout 2", "propose 2 without 1 4 5"}, MaxInFlight: 4,
			Budget: Budget{Timeouts: 2, Heartbeats: 1},
		},
		{
			Name: "unapplied", About: "a member that has not applied one of two removals, and campaigns",
			Voters: 3, Async: true, EagerStore: true, Prelude: led("change 1 stalling 2"), Changes: []string{"r3", "r2"},
			MaxInFlight: 4, Budget: Budget{Timeouts: 2, Crashes: 1},
		},
		{
			Name: "majorities", About: "two voters removed by way of a joint configuration, of which one member knows",
			Voters: 3, Prelude: led("change 1 holding 2-1 without 3"), Changes: []string{"r2 r3 transition=explicit"},
			MaxInFlight: 5, MaxDepth: 15, Budget: Budget{Timeouts: 2, Crashes: 1}, PerMember: Budget{Timeouts: 1},
		},
	}
}

// lagBounds are about members that need a snapshot.
func lagBounds() []Bounds {
	return []Bounds{
		{
			Name: "two-snapshots", About: "a snapshot that arrives while another is written, and a crash",
			Voters: 3, Async: true, EagerApply: true, MaxInFlight: 3, Budget: Budget{Heartbeats: 2, Crashes: 1},
			Prelude: []string{
				"crash 3", "timeout 1", "propose 1", "compact 1", "restart 3", "heartbeat 1 stalling 3", "propose 1 without 3",
				"compact 1 stalling 3",
			},
		},
		{
			Name: "superseded", About: "a snapshot in place of changes that are being applied",
			Voters: 3, Joining: 1, Async: true, EagerStore: true, Changes: []string{"l4", "r4"}, MaxInFlight: 3,
			Budget: Budget{Heartbeats: 3, Proposals: 1, Compactions: 1},
			Prelude: led("change 1 stalling 3", "change 1 stalling 3 without 3", "compact 1 stalling 3",
				"heartbeat 1 stalling 3"),
		},
		{
			Name: "reports", About: "a snapshot lost or late, whatever is reported of it",
			Voters: 3, MaxInFlight: 3, Budget: Budget{Heartbeats: 3, Drops: 1, Proposals: 1, Timeouts: 1},
			Prelude: []string{"crash 3", "timeout 1", "propose 1", "compact 1", "restart 3"},
		},
		{
			Name: "late-snapshot", About: "a snapshot that arrives after what lies beyond it",
			Voters: 3, MaxInFlight: 5, Budget: Budget{Heartbeats: 2, Compactions: 1},
			Prelude: []string{"crash 3", "timeout 1", "restart 3", "propose 1 holding 1-2", "propose 1 holding 1-2"},
		},
	}
}

// readBounds are about reads by rounds of heartbeats, and answers that are late.
func readBounds() []Bounds {
	return []Bounds{
		{
			Name: "rounds", About: "reads of a leader that is one no more, and answers to older heartbeats",
			Voters: 3, Prelude: led(), MaxInFlight: 6, MaxDepth: 13, Budget: Budget{Timeouts: 1, Heartbeats: 1, Reads: 2},
		},
		{
			Name: "forwarded", About: "reads that a follower passes on, before and after a crash",
			Voters: 2, Followers: true, Prelude: led(), MaxInFlight: 4,
			Budget: Budget{Proposals: 1, Crashes: 1, Reads: 2, Duplicates: 1},
		},
	}
}

// growthBounds are about a membership that changes while leaders do.
func growthBounds() []Bounds {
	return []Bounds{
		{
			Name: "joint", About: "two voters at once, by way of a joint configuration",
			Voters: 1, Joining: 2, Prelude: led(), MaxInFlight: 3, Budget: Budget{Timeouts: 2, Heartbeats: 1, Crashes: 1},
			PerMember: Budget{Timeouts: 1}, Changes: []string{"v2 v3"},
		},
		{
			Name: "removal", About: "a voter of three is removed, whoever leads",
			Voters: 3, MaxInFlight: 3, Budget: Budget{Timeouts: 2, Heartbeats: 1, Proposals: 1}, Changes: []string{"r1"},
		},
		{
			Name: "growth", About: "from one voter to two to three",
			Voters: 1, Joining: 2, Prelude: led(), MaxInFlight: 3, Budget: Budget{Timeouts: 2, Heartbeats: 1, Proposals: 1},
			PerMember: Budget{Timeouts: 1}, Changes: []string{"v2", "v3"},
		},
	}
}

// serviceBounds are about all else that an application may ask for or set, while leaders change.
func serviceBounds() []Bounds {
	return []Bounds{
		{
			Name: "prevote", About: "pre-votes and the check of the quorum",
			Voters: 3, PreVote: true, CheckQuorum: true, MaxInFlight: 3,
			Budget: Budget{Timeouts: 3, Silences: 1, Proposals: 1, Heartbeats: 1}, PerMember: Budget{Timeouts: 2},
		},
		{
			Name: "snapshot", About: "a log compacted under a follower that lags",
			Voters: 3, MaxInFlight: 3, Budget: Budget{Timeouts: 2, Proposals: 1, Heartbeats: 1, Compactions: 1, Drops: 1},
			PerMember: Budget{Timeouts: 1},
		},
		{
			Name: "lease-answers", About: "answers that took long give no lease beyond the promise",
			Voters: 3, Lease: true, Prelude: leased(), Ticks: []uint8{1, 18}, MaxInFlight: 8,
			Budget: Budget{Passes: 2, Reads: 1},
		},
		{
			Name: "transfer", About: "leadership is passed on, while another campaigns",
			Voters: 3, MaxInFlight: 4, Budget: Budget{Timeouts: 2, Proposals: 1, Transfers: 1},
			PerMember: Budget{Timeouts: 1},
		},
		{
			Name: "reads", About: "reads of every member, while leaders change",
			Voters: 3, Followers: true, MaxInFlight: 4, Budget: Budget{Timeouts: 2, Proposals: 1, Reads: 1},
			PerMember: Budget{Timeouts: 1},
		},
	}
}

// wideBounds are about elections and replication, and what the network and crashes do to them.
func wideBounds() []Bounds {
	return []Bounds{
		{
			Name: "crash", About: "a crash between the steps of a write, with asynchronous storage",
			Voters: 3, Async: true, EagerApply: true, MaxInFlight: 2,
			Budget: Budget{Timeouts: 2, Proposals: 1, Crashes: 1},
		},
		{
			Name: "elections", About: "two elections, a proposal, messages lost, doubled and overtaken",
			Voters: 3, MaxInFlight: 4, Budget: Budget{Timeouts: 2, Proposals: 1, Drops: 1, Duplicates: 1},
		},
	}
}

// longBounds are searched now and then.
func longBounds() []Bounds {
	return []Bounds{
		{
			Name: "everything", About: "two elections, two proposals, loss, duplication, reordering, and a crash",
			Voters: 3, MaxInFlight: 3, Budget: Budget{Timeouts: 2, Proposals: 2, Drops: 2, Duplicates: 2, Crashes: 1},
		},
		{
			Name: "everything-async", About: "the same with writes that take their time, and that a crash may tear",
			Voters: 3, Async: true, EagerApply: true, MaxInFlight: 4,
			Budget: Budget{Timeouts: 2, Proposals: 1, Drops: 1, Duplicates: 1, Crashes: 1},
		},
	}
}

// BoundsNamed returns the bounds of a set, "quick", "short" or "long", or of one part of them.
func BoundsNamed(name string) ([]Bounds, error) {
	switch name {
	case "quick":
		return quickBounds(), nil
	case "short":
		return shortBounds(), nil
	case "long":
		return longBounds(), nil
	}
	all := slices.Concat(shortBounds(), longBounds())
	names := []string{"quick", "short", "long"}
	for _, b := range all {
		if b.Name == name {
			return []Bounds{b}, nil
		}
		names = append(names, b.Name)
	}
	return nil, fmt.Errorf("no bounds %q: want one of %s", name, strings.Join(names, ", "))
}
