package model

import (
	"fmt"
	"strings"
)

// Bounds make the space of states finite: the shape of the group, and how often what need not happen may happen.
// Within them everything is explored: each order of deliveries, each moment for a crash.

// Limit names something that may happen so many times.
type Limit uint8

// What is limited. What is not named here happens whenever it can: deliveries, the work of storage threads, restarts,
// reports of snapshots.
const (
	Timeouts Limit = iota
	Silences
	Heartbeats
	Proposals
	Reads
	Transfers
	Drops
	Duplicates
	Crashes
	Compactions
	// Passes are ticks that pass at all members alike, as Bounds.Ticks says.
	Passes
	// Changes is set from Bounds.Changes.
	Changes
	// Campaigns are those that the application asks for.
	Campaigns

	limits // the number of limits
)

// maxBudget is the largest budget: four bits of a state hold what is left of it.
const maxBudget = 15

// maxReads is the largest budget of reads: eight bits of a word of the state belong to each.
const maxReads = 4

// Budget says how often each may happen, up to 15 times; reads up to 4 times.
type Budget [limits]uint8

// Bounds are what one search covers.
type Bounds struct {
	// Name names the bounds, About says in a line what they are for.
	Name, About string

	// Voters are members 1 to Voters; the Learners and then the Joining, who begin with an empty disk, follow them.
	Voters, Learners, Joining int
	// Async and the like are the settings of all members, as in Config.
	Async, PreVote, CheckQuorum, Lease, NoForwarding bool

	// EagerStore and EagerApply have the storage threads do their work at once, as a part of what causes it.
	EagerStore, EagerApply bool
	// Followers are asked for proposals, changes, reads and transfers too, not leaders only.
	Followers bool

	// Budget is for the group as a whole; PerMember holds for each member besides, zero for no further limit.
	Budget, PerMember Budget
	// Changes are the membership changes that are asked for, in this order, as in "change 1 v4 l5 transition=explicit";
	// only what follows the member's ID is given.
	Changes []string

	// Ticks are how many ticks may pass at all members at once; each of them is tried. Leases rely on clocks that agree,
	// so with Lease no Timeouts happen once there has been a leader; Silences and Heartbeats, which are the time of one
	// member too, are refused.
	Ticks []uint8

	// Slow is a member whose clock makes one tick less than the others' whenever ticks pass; zero if all agree.
	Slow int
	// SmallAppends has each append carry one entry.
	SmallAppends bool

	// Prelude leads to where the search begins, see prelude.go: an event a line, such as "timeout 1", "propose 1 without 3",
	// "crash 3", "transfer 1 2", "pass 9". It counts towards no budget, but proposals and changes are numbered on, and
	// the Changes that it asks for are the first of the list.
	Prelude []string

	// MaxInFlight is how many messages may be on their way; what would send more is not explored. At most 255.
	MaxInFlight int
	// MaxDepth is how many events may follow each other; zero for no limit.
	MaxDepth int
}

// Members returns the number of members that can ever be.
func (b *Bounds) Members() int { return b.Voters + b.Learners + b.Joining }

// Validate reports what is wrong with the bounds.
func (b *Bounds) Validate() error {
	n := b.Members()
	if n < 1 || n > 7 {
		return fmt.Errorf("bounds %s: %d members: want 1 to 7", b.Name, n)
	}
	for l := Limit(0); l < limits; l++ {
		if b.limit(l) > maxBudget || b.PerMember[l] > maxBudget {
			return fmt.Errorf("bounds %s: a budget of %d %s: want at most %d", b.Name, b.limit(l), l, maxBudget)
		}
		if b.PerMember[l] > 0 && b.PerMember[l] > b.limit(l) {
			return fmt.Errorf("bounds %s: more %s for a member than for the group", b.Name, l)
		}
	}
	if b.Budget[Reads] > maxReads {
		return fmt.Errorf("bounds %s: %d reads: want at most %d", b.Name, b.Budget[Reads], maxReads)
	}
	if b.Budget[Changes] != 0 {
		return fmt.Errorf("bounds %s: a budget of changes: list the changes instead", b.Name)
	}
	if b.Budget[Passes] > 0 && len(b.Ticks) == 0 {
		return fmt.Errorf("bounds %s: passes, but no ticks that pass", b.Name)
	}
	if b.PerMember[Passes] > 0 || b.PerMember[Drops] > 0 || b.PerMember[Duplicates] > 0 {
		return fmt.Errorf("bounds %s: passes, drops and duplicates are of the group, not of a member", b.Name)
	}
	if b.Lease && b.Budget[Silences]+b.Budget[Heartbeats] > 0 {
		return fmt.Errorf("bounds %s: silences or heartbeats, which are the time of one member, with leases: use passes", b.Name)
	}
	if _, err := b.given(); err != nil {
		return err
	}
	if b.MaxInFlight < 1 || b.MaxInFlight > 255 {
		return fmt.Errorf("bounds %s: %d messages in flight: want 1 to 255", b.Name, b.MaxInFlight)
	}
	return nil
}

// limit returns the budget of the group.
func (b *Bounds) limit(l Limit) uint8 {
	if l == Changes {
		return uint8(min(len(b.Changes), maxBudget+1)) - min(b.preludeUses(Changes), uint8(len(b.Changes)))
	}
	return b.Budget[l]
}

// String names the limit.
func (l Limit) String() string {
	return [limits]string{
		"timeouts", "silences", "heartbeats", "proposals", "reads", "transfers", "drops", "duplicates", "crashes",
		"compactions", "passes", "changes",
		"campaigns",
	}[l]
}

// String returns the bounds in one line.
func (b *Bounds) String() string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s: %d voters", b.Name, b.Voters)
	add := func(n int, what string) {
		if n > 0 {
			fmt.Fprintf(&s, ", %d %s", n, what)
		}
	}
	add(b.Learners, "learners")
	add(b.Joining, "joining")
	for l := Limit(0); l < limits; l++ {
		add(int(b.limit(l)), l.String())
		if b.PerMember[l] > 0 {
			fmt.Fprintf(&s, " (%d a member)", b.PerMember[l])
		}
	}
	add(b.MaxInFlight, "in flight")
	add(b.MaxDepth, "deep")
	if len(b.Prelude) > 0 {
		s.WriteString(", after " + strings.Join(b.Prelude, "; "))
	}
	for _, option := range b.options() {
		s.WriteString(", " + option)
	}
	return s.String()
}

// options returns the settings as a script names them, and how storage works.
func (b *Bounds) options() []string {
	options := strings.Fields(b.scriptOptions())
	if b.EagerStore {
		options = append(options, "eager store")
	}
	if b.EagerApply {
		options = append(options, "eager apply")
	}
	if b.Followers {
		options = append(options, "requests to followers")
	}
	return options
}
