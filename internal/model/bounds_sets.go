package model

import (
	"fmt"
	"slices"
	"strings"
)

// The bounds that are searched, by name. "short" are those that a machine with two cores goes through in about two
// minutes; "long" takes longer, and several gigabytes. The numbers are data: where the core changes, the counts of states do.

// shortBounds are searched at every change.
func shortBounds() []Bounds { return slices.Concat(faultBounds(), memberBounds(), serviceBounds()) }

// faultBounds are about elections and replication, and what the network and crashes do to them.
func faultBounds() []Bounds {
	return []Bounds{
		{
			Name: "elections", About: "two elections, a proposal, messages lost, doubled and overtaken",
			Voters: 3, MaxInFlight: 4, Budget: Budget{Timeouts: 2, Proposals: 1, Drops: 1, Duplicates: 1},
		},
		{
			Name: "terms", About: "three elections, in which entries of older terms are left over",
			Voters: 3, MaxInFlight: 3, Budget: Budget{Timeouts: 3, Proposals: 2}, PerMember: Budget{Timeouts: 2},
		},
		{
			Name: "crash", About: "a crash between the steps of a write, with asynchronous storage",
			Voters: 3, Async: true, EagerApply: true, MaxInFlight: 2,
			Budget: Budget{Timeouts: 2, Proposals: 1, Crashes: 1},
		},
		{
			Name: "threads", About: "storage threads that lag, of two voters",
			Voters: 2, Async: true, MaxInFlight: 4,
			Budget: Budget{Timeouts: 2, Proposals: 1, Crashes: 1},
		},
	}
}

// memberBounds are about changes of the membership.
func memberBounds() []Bounds {
	return []Bounds{
		{
			Name: "growth", About: "from one voter to two to three",
			Voters: 1, Joining: 2, MaxInFlight: 3, Budget: Budget{Timeouts: 3, Heartbeats: 1, Proposals: 1, Drops: 1},
			Changes: []string{"v2", "v3"},
		},
		{
			Name: "joint", About: "two voters at once, by way of a joint configuration",
			Voters: 1, Joining: 2, MaxInFlight: 3, Budget: Budget{Timeouts: 3, Heartbeats: 1, Crashes: 1, Drops: 1},
			Changes: []string{"v2 v3"},
		},
		{
			Name: "removal", About: "a voter of three is removed, whoever leads",
			Voters: 3, MaxInFlight: 3, Budget: Budget{Timeouts: 2, Heartbeats: 1, Proposals: 1}, Changes: []string{"r1"},
		},
	}
}

// serviceBounds are about all else that an application may ask for or set.
func serviceBounds() []Bounds {
	return []Bounds{
		{
			Name: "reads", About: "reads of every member, while leaders change",
			Voters: 3, Followers: true, MaxInFlight: 4, Budget: Budget{Timeouts: 2, Proposals: 1, Reads: 1},
			PerMember: Budget{Timeouts: 1},
		},
		{
			Name: "transfer", About: "leadership is passed on, while another campaigns",
			Voters: 3, MaxInFlight: 4, Budget: Budget{Timeouts: 2, Proposals: 1, Transfers: 1},
			PerMember: Budget{Timeouts: 1},
		},
		{
			Name: "prevote", About: "pre-votes and the check of the quorum",
			Voters: 3, PreVote: true, CheckQuorum: true, MaxInFlight: 3,
			Budget: Budget{Timeouts: 3, Silences: 1, Proposals: 1, Heartbeats: 1}, PerMember: Budget{Timeouts: 2},
		},
		{
			Name: "lease", About: "reads by lease, with clocks that agree",
			Voters: 3, CheckQuorum: true, Lease: true, MaxInFlight: 3, Ticks: []uint8{1, 9, 10},
			Budget: Budget{Timeouts: 1, Passes: 4, Proposals: 1, Reads: 1},
		},
		{
			Name: "snapshot", About: "a log compacted under a follower that lags",
			Voters: 3, MaxInFlight: 3, Budget: Budget{Timeouts: 2, Proposals: 1, Heartbeats: 1, Compactions: 1, Drops: 1},
			PerMember: Budget{Timeouts: 1},
		},
	}
}

// longBounds are searched now and then.
func longBounds() []Bounds {
	return []Bounds{{
		Name: "everything", About: "two elections, two proposals, loss, duplication, reordering, and a crash",
		Voters: 3, MaxInFlight: 4, Budget: Budget{Timeouts: 2, Proposals: 2, Drops: 1, Duplicates: 1, Crashes: 1},
	}}
}

// BoundsNamed returns the bounds of a set, "short" or "long", or of one part of them.
func BoundsNamed(name string) ([]Bounds, error) {
	switch name {
	case "short":
		return shortBounds(), nil
	case "long":
		return longBounds(), nil
	}
	all := slices.Concat(shortBounds(), longBounds())
	names := []string{"short", "long"}
	for _, b := range all {
		if b.Name == name {
			return []Bounds{b}, nil
		}
		names = append(names, b.Name)
	}
	return nil, fmt.Errorf("no bounds %q: want one of %s", name, strings.Join(names, ", "))
}
