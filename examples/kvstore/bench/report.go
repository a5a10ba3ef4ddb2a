package bench

// The report of a run, as JSON and as text.

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Report is the outcome of a run.
type Report struct {
	Clients     int              `json:"clients"`
	Size        int              `json:"size"`
	Keys        int              `json:"keys"`
	Rate        float64          `json:"rate,omitempty"`   // requests a second that were due, 0 in a closed loop
	Missed      int64            `json:"missed,omitempty"` // requests that were due and for which no client was free
	Seed        uint64           `json:"seed"`
	Elapsed     float64          `json:"elapsed"` // seconds of load
	Put         OpReport         `json:"put"`
	Get         OpReport         `json:"get"`
	Errors      map[string]int64 `json:"errors"`      // by code
	Interrupted bool             `json:"interrupted"` // the load was ended before its time
	Complete    bool             `json:"verified"`    // verification was made to its end
	Verified    int64            `json:"verified_keys"`
	Faults      map[string]int64 `json:"faults"`   // by kind
	Examples    []Fault          `json:"examples"` // of faults, the first that were found
}

func (r *run) report(elapsed time.Duration) *Report {
	report := &Report{
		Clients: r.Clients, Size: r.Size, Keys: r.Keys, Rate: r.Rate, Seed: r.Seed, Elapsed: elapsed.Seconds(),
		Put: r.puts.report(elapsed), Get: r.gets.report(elapsed), Errors: maps.Clone(r.errors.counts),
	}
	if r.Rate > 0 && r.Duration > 0 {
		report.Missed = max(0, int64(r.Rate*r.Duration.Seconds())-r.done.Load())
	}
	r.faults.fill(report)
	return report
}

// OK tells whether the store held everything that it acknowledged, as far as that was looked at.
func (r *Report) OK() bool {
	return len(r.Faults) == 0
}

// NothingSucceeded tells whether requests were made and all of them failed. There is then nothing that was measured, nor anything
// that a verification could have found wanting.
func (r *Report) NothingSucceeded() bool {
	return r.Put.Count+r.Get.Count == 0 && r.Put.Errors+r.Get.Errors > 0
}

// Text writes the report for people.
func (r *Report) Text(out io.Writer) error {
	var b strings.Builder
	loop := "closed loop"
	if r.Rate > 0 {
		loop = fmt.Sprintf("%.0f requests/s due", r.Rate)
	}
	fmt.Fprintf(&b, "%d clients, %d keys, values of %d bytes, %s, %.1f s, seed %d\n\n", r.Clients, r.Keys, r.Size, loop, r.Elapsed, r.Seed)
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "\tops\terrors\tops/s\tMiB/s\tp50 ms\tp90 ms\tp99 ms\tp99.9 ms\tmax ms\t")
	for _, row := range []struct {
		name string
		op   OpReport
	}{{"put", r.Put}, {"get", r.Get}} {
		if row.op.Count+row.op.Errors == 0 {
			continue
		}
		l := row.op.Latency
		fmt.Fprintf(table, "%s\t%d\t%d\t%.0f\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t\n", row.name, row.op.Count, row.op.Errors,
			row.op.Rate, row.op.Rate*float64(r.Size)/(1<<20), l.P50, l.P90, l.P99, l.P999, l.Max)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if len(r.Errors) > 0 {
		fmt.Fprintf(&b, "\nerrors: %s\n", counts(r.Errors))
	}
	if r.Missed > 0 {
		fmt.Fprintf(&b, "\nmissed: %d requests were due and not sent, since all clients were waiting for answers\n", r.Missed)
	}
	fmt.Fprintf(&b, "\n%s\n", r.outcome())
	for _, fault := range r.Examples {
		fmt.Fprintf(&b, "  %s: %s: %s\n", fault.Key, fault.Kind, fault.Detail)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func (r *Report) outcome() string {
	switch {
	case !r.OK():
		return "VERIFICATION FAILED: " + counts(r.Faults)
	case r.NothingSucceeded():
		return "not one request has succeeded"
	case r.Complete:
		return fmt.Sprintf("verified: each of %d keys holds the last value that was acknowledged, or a later one", r.Verified)
	case r.Interrupted:
		return "interrupted, not verified"
	default:
		return "not verified"
	}
}

// counts writes a tally, sorted by name.
func counts(by map[string]int64) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(by)) {
		parts = append(parts, fmt.Sprintf("%d %s", by[name], name))
	}
	return strings.Join(parts, ", ")
}
