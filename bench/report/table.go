package report

import (
	"fmt"
	"strings"

	"github.com/seed695671cb/raft/bench/contender"
	"github.com/seed695671cb/raft/bench/raw"
	"github.com/seed695671cb/raft/bench/stats"
)

// write writes the section's heading and table: for each workload a row for each library that has it. The goals stand in
// the row of the library that they are for.
func (s section) write(b *strings.Builder, r *raw.Results) {
	fmt.Fprintf(b, "### %s\n\n", s.title)
	if s.memory {
		b.WriteString("| workload | library | bytes held | objects held | ours to it | goals |\n")
		b.WriteString("| --- | --- | --: | --: | --: | --- |\n")
	} else {
		b.WriteString("| workload | library | CPU time | wall time | objects | bytes | ours to it | goals |\n")
		b.WriteString("| --- | --- | --: | --: | --: | --: | --: | --- |\n")
	}
	verdicts := verdicts(r)
	for _, workload := range s.workloads {
		label := workload
		for _, l := range r.Libraries {
			series := r.Find(workload, l.ID)
			if series == nil {
				continue
			}
			cells := append([]string{label, library(r, l.ID)}, s.costs(series)...)
			if l.ID == contender.Ours {
				cells = append(cells, "", verdicts[workload])
			} else {
				cells = append(cells, comparison(r, series), "")
			}
			fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | "))
			label = ""
		}
	}
	b.WriteByte('\n')
}

// costs are the cells of what an operation costs.
func (s section) costs(series *raw.Series) []string {
	summary := func(m raw.Metric) stats.Summary { return stats.Of(series.Values(m)) }
	if s.memory {
		return []string{spread(summary(raw.LiveBytes), 1, ""), count(summary(raw.LiveObjects))}
	}
	return []string{
		duration(summary(raw.CPU)) + " / " + series.Unit,
		duration(summary(raw.Wall)),
		count(summary(raw.Objects)),
		count(summary(raw.Bytes)),
	}
}

// comparison is the cell of the ratio of ours to the series' library.
func comparison(r *raw.Results, series *raw.Series) string {
	ours := r.Find(series.Workload, contender.Ours)
	if ours == nil {
		return absent
	}
	m := series.Main()
	return spread(stats.Of(stats.Ratios(ours.Values(m), series.Values(m))), 1, "")
}

// verdicts is the cell of goals for each workload.
func verdicts(r *raw.Results) map[string]string {
	cells := map[string]string{}
	for _, o := range Outcomes(r) {
		verdict := "met"
		if !o.Met() {
			verdict = "**not met**"
		}
		cell := fmt.Sprintf("%s: %s", o.Goal, verdict)
		if before := cells[o.Workload]; before != "" {
			cell = before + "; " + cell
		}
		cells[o.Workload] = cell
	}
	return cells
}
