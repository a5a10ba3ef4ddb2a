// Package report writes what was measured as Markdown: on what, which goals are met, and a table for each kind of
// workload.
package report

import (
	"fmt"
	"strings"

	"github.com/seed695671cb/raft/bench/contender"
	"github.com/seed695671cb/raft/bench/raw"
)

// Markdown returns the whole report.
func Markdown(r *raw.Results) string {
	var b strings.Builder
	conditions(&b, r)
	goals(&b, r)
	for _, section := range sections(r) {
		section.write(&b, r)
	}
	return b.String()
}

// conditions says what was measured, on what, and how to read the numbers.
func conditions(b *strings.Builder, r *raw.Results) {
	fmt.Fprintf(b, "Measured on %s with %s: %s, %d cores.\n", r.Date, r.Go, r.CPU, r.Cores)
	b.WriteString("Versions:")
	for i, l := range r.Libraries {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(b, " %s %s", l.Title, l.Version)
	}
	b.WriteString(".\n\n")
	fmt.Fprintf(b, "Every number is the median of %d rounds for one operation, with the quartiles in brackets; CPU time includes\n"+
		"garbage collection. \"Ours to it\" is the median, with quartiles, of the ratios of each round: ours divided by the\n"+
		"other library, below 1 where ours is cheaper.\n", r.Rounds)
	if r.Scale != 1 {
		fmt.Fprintf(b, "Every run has %s times the operations that its workload asks for.\n", number(r.Scale))
	}
	for _, failure := range r.Failures {
		fmt.Fprintf(b, "\nFailed: %s\n", strings.ReplaceAll(strings.TrimSpace(failure), "\n", " "))
	}
	b.WriteByte('\n')
}

// goals says how many goals are met, and names those that are not.
func goals(b *strings.Builder, r *raw.Results) {
	all := Outcomes(r)
	if len(all) == 0 {
		return
	}
	var missed []Outcome
	for _, o := range all {
		if !o.Met() {
			missed = append(missed, o)
		}
	}
	fmt.Fprintf(b, "Goals met: %d of %d.", len(all)-len(missed), len(all))
	if len(missed) > 0 {
		b.WriteString(" Not met:\n")
	}
	for _, o := range missed {
		fmt.Fprintf(b, "\n- %s: %s; measured %s", o.Workload, o.Goal, spread(o.Value, 1, ""))
	}
	b.WriteString("\n\n")
}

// A section is one table.
type section struct {
	title     string
	memory    bool
	workloads []string
}

// sections groups the workloads by kind, what is in front of the first slash; those that measure memory stand apart.
func sections(r *raw.Results) []section {
	var all []section
	at := map[string]int{}
	seen := map[string]bool{}
	for i := range r.Series {
		s := &r.Series[i]
		if seen[s.Workload] {
			continue
		}
		seen[s.Workload] = true
		kind, _, _ := strings.Cut(s.Workload, "/")
		title := heading(kind, s.MeasuresMemory())
		if _, known := at[title]; !known {
			at[title] = len(all)
			all = append(all, section{title: title, memory: s.MeasuresMemory()})
		}
		all[at[title]].workloads = append(all[at[title]].workloads, s.Workload)
	}
	return all
}

// heading is the title of the table of a kind.
func heading(kind string, memory bool) string {
	if memory {
		return kind + ": memory held"
	}
	what := map[string]string{
		"W1":  "three RawNodes in one goroutine",
		"W2":  "three RawNodes with asynchronous storage writes",
		"W3":  "three Nodes, proposers that wait for their commit",
		"W4":  "one Node, proposers that do not wait",
		"W5":  "reads",
		"W6":  "idle groups",
		"W7":  "many members",
		"W8":  "encoding",
		"W9":  "long logs",
		"W10": "restart over unapplied entries",
	}[kind]
	if what == "" {
		return kind
	}
	return kind + ": " + what
}

// library is the title of a library in the results.
func library(r *raw.Results, id string) string {
	for _, l := range r.Libraries {
		if l.ID == id {
			return l.Title
		}
	}
	return contender.Title(id)
}
