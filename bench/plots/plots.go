package plots

import (
	"strconv"
	"strings"

	"github.com/seed695671cb/raft/bench/raw"
	"github.com/seed695671cb/raft/bench/stats"
)

// series says which workloads make up a figure: those whose names are the prefix and a number.
type series struct {
	name, title, prefix string
	x, y                string
}

// all lists the figures.
func all() []series {
	const perEntry = "CPU time per entry"
	return []series{
		{"batch", "W1: three RawNodes in one goroutine", "W1/batch=", "entries proposed for each Ready", perEntry},
		{"batch-async", "W2: three RawNodes, asynchronous storage writes", "W2/batch=", "entries proposed for each Ready", perEntry},
		{"proposers", "W3: three Nodes, proposers that wait for their commit", "W3/proposers=", "proposers", perEntry},
		{"voters-leader", "W7: the leader alone, one entry for each Ready", "W7/leader/batch=1/voters=", "voters", perEntry},
		{"voters-leader-16", "W7: the leader alone, 16 entries for each Ready", "W7/leader/batch=16/voters=", "voters", perEntry},
		{"voters-group", "W7: a whole group of many voters", "W7/group/voters=", "voters", perEntry},
		{"log-append", "W9: 16 entries appended to a MemoryStorage", "W9/append/log=", "entries in the log", perEntry},
		{"log-compact", "W9: 16 entries appended, 16 compacted", "W9/compact/log=", "entries in the log", "CPU time per call"},
		{"log-overlap", "W9: the last 16 entries replaced", "W9/overlap/log=", "entries in the log", "CPU time per call"},
		{"groups", "W6: idle groups of three while a second passes", "W6/groups=", "groups", "CPU time per group and second"},
	}
}

// Figures returns the figures for which something was measured.
func Figures(r *raw.Results) []Figure {
	var figures []Figure
	for _, s := range all() {
		f := Figure{Name: s.name, Title: s.title, X: s.x, Y: s.y}
		for _, l := range r.Libraries {
			if points := s.points(r, l.ID); len(points) > 0 {
				f.Lines = append(f.Lines, Line{Library: l.ID, Label: l.Title, Points: points})
			}
		}
		if len(f.Lines) > 0 {
			figures = append(figures, f)
		}
	}
	return figures
}

// points are those of one library, in the order in which its workloads are listed. A run too short for the clock to tell
// has no place on a logarithmic axis.
func (s series) points(r *raw.Results, library string) []Point {
	var points []Point
	for i := range r.Series {
		one := &r.Series[i]
		number, found := strings.CutPrefix(one.Workload, s.prefix)
		x, err := strconv.Atoi(number)
		if !found || err != nil || one.Library != library {
			continue
		}
		cost := stats.Of(one.Values(raw.CPU))
		if cost.Low > 0 {
			points = append(points, Point{float64(x), cost.Low, cost.Median, cost.High})
		}
	}
	return points
}
