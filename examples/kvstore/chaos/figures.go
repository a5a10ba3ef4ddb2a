package chaos

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/seed695671cb/raft/examples/kvstore/chaos/check"
	"github.com/seed695671cb/raft/examples/kvstore/chaos/history"
)

// Figures are what a run comes to. Durations are in nanoseconds.
type Figures struct {
	Seed     uint64        `json:"seed"`
	Members  int           `json:"members"`
	Duration time.Duration `json:"duration_ns"` // of the work, from the first operation to the last fault healed

	Operations int                       `json:"operations"`
	PerSecond  float64                   `json:"operations_per_second"`
	Outcomes   map[string]map[string]int `json:"outcomes"` // by kind and then outcome
	Replays    int                       `json:"replays"`  // acknowledged writes that were sent again

	Faults           map[string]int  `json:"faults"` // steps by act
	LeaderChanges    int             `json:"leader_changes"`
	Transfers        int             `json:"transfers"` // leaderships handed over on request
	Elections        []time.Duration `json:"elections_ns"`
	Recoveries       []time.Duration `json:"recoveries_ns"`
	MembersReplaced  int             `json:"members_replaced"`
	Restarts         int             `json:"restarts"`
	SnapshotRestores int             `json:"snapshots_restored"`
	DisksFailed      int             `json:"disks_failed"`          // or full
	DisksNoticed     int             `json:"disk_failures_noticed"` // by the member, before the disk was healed

	Outages      []Outage      `json:"outages"`
	Unavailable  time.Duration `json:"unavailable_ns"`   // in all
	Stalls       int           `json:"stalls"`           // of 200 ms and more in which the test itself did not run
	LongestStall time.Duration `json:"longest_stall_ns"` // the machine was busy with something else, or hung
	WatchEvents  int           `json:"watch_events"`
	WatchResumes int           `json:"watch_resumes"`

	Check      check.Report `json:"check"`
	Failures   []string     `json:"failures"`   // what went wrong apart from the history: crashes, no recovery
	Unexpected []string     `json:"unexpected"` // answers that no fault explains
	Verdict    string       `json:"verdict"`
}

// OK reports whether nothing at all went wrong.
func (f *Figures) OK() bool { return f.Check.OK() && len(f.Failures) == 0 && len(f.Unexpected) == 0 }

func (f *Figures) countOps(ops []*history.Op) {
	f.Outcomes = map[string]map[string]int{}
	for _, op := range ops {
		kind := string(op.Kind)
		if op.Consistency != "" {
			kind += " " + op.Consistency
		}
		if f.Outcomes[kind] == nil {
			f.Outcomes[kind] = map[string]int{}
		}
		f.Outcomes[kind][string(op.Outcome)]++
	}
	f.Operations = len(ops)
	f.PerSecond = float64(len(ops)) / f.Duration.Seconds()
}

// longest returns the longest outage.
func (f *Figures) longest() Outage {
	var longest Outage
	for _, o := range f.Outages {
		if o.length() > longest.length() {
			longest = o
		}
	}
	return longest
}

// conclude says in a line what came of it.
func (f *Figures) conclude() {
	parts := []string{f.Check.Verdict()}
	if n := len(f.Failures); n > 0 {
		parts = append(parts, fmt.Sprintf("%d failures", n))
	}
	if n := len(f.Unexpected); n > 0 {
		parts = append(parts, fmt.Sprintf("%d unexpected answers", n))
	}
	f.Verdict = strings.Join(parts, "; ")
}

// Print writes the figures for people.
func (f *Figures) Print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(t, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	row("seed", "%d, %d members, %s", f.Seed, f.Members, round(f.Duration))
	row("operations", "%d, %.0f a second", f.Operations, f.PerSecond)
	for _, kind := range slices.Sorted(maps.Keys(f.Outcomes)) {
		row("  "+kind, "%s", counts(f.Outcomes[kind]))
	}
	row("repeated writes", "%d, under their idempotency keys", f.Replays)
	row("watch events", "%d, %d connections", f.WatchEvents, f.WatchResumes)
	row("faults", "%d", total(f.Faults))
	for _, act := range slices.Sorted(maps.Keys(f.Faults)) {
		row("  "+act, "%d", f.Faults[act])
	}
	row("leader changes", "%d, of them %d asked for", f.LeaderChanges, f.Transfers)
	row("restarts", "%d", f.Restarts)
	row("members replaced", "%d", f.MembersReplaced)
	row("snapshots restored", "%d", f.SnapshotRestores)
	row("disks failed", "%d, noticed %d", f.DisksFailed, f.DisksNoticed)
	row("time to a new leader", "%s", spread(f.Elections))
	row("time to recover", "%s", spread(f.Recoveries))
	longest := f.longest()
	row("unavailable", "%s in %d outages of %s and more, the longest %s (%s)", round(f.Unavailable), len(f.Outages), outageAfter, round(longest.length()), longest.During)
	row("stalls of this test", "%d of %s and more, the longest %s", f.Stalls, stallAfter, round(f.LongestStall))
	row("checked", "%d operations in %d groups of keys, up to %d each; the longest check took %s, all %s", f.Check.Checked, f.Check.Partitions,
		f.Check.Largest, round(f.Check.Longest), round(f.Check.Total))
	for _, v := range f.Check.Violations {
		row("VIOLATION", "%s", v)
	}
	for _, text := range f.Failures {
		row("FAILURE", "%s", text)
	}
	for _, text := range f.Unexpected {
		row("UNEXPECTED", "%s", text)
	}
	row("verdict", "%s", f.Verdict)
	return t.Flush()
}

func round(d time.Duration) time.Duration { return d.Round(time.Millisecond) }

func counts(byName map[string]int) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		parts = append(parts, fmt.Sprintf("%d %s", byName[name], name))
	}
	return strings.Join(parts, ", ")
}

func total(byName map[string]int) int {
	sum := 0
	for _, n := range byName {
		sum += n
	}
	return sum
}

// spread says where durations lie.
func spread(durations []time.Duration) string {
	if len(durations) == 0 {
		return "not measured"
	}
	sorted := slices.Sorted(slices.Values(durations))
	return fmt.Sprintf("median %s, longest %s, of %d", round(sorted[len(sorted)/2]), round(sorted[len(sorted)-1]), len(sorted))
}
