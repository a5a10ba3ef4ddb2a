package main

// Figures of all rounds, and how they are shown.

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// A report is all that was measured.
type report struct {
	Rounds   int       `json:"rounds"`
	Duration string    `json:"duration"`
	Began    time.Time `json:"began"`
	CPUs     int       `json:"cpus"`
	Go       string    `json:"go"`
	Results  []*result `json:"results"`
}

// A result is one load, on both systems, in all rounds.
type result struct {
	trial
	Kvstore []sample `json:"kvstore"`
	Etcd    []sample `json:"etcd"`
}

func newReport(s settings) *report {
	r := &report{Rounds: s.rounds, Duration: s.duration.String(), Began: time.Now().UTC(), CPUs: runtime.NumCPU(), Go: runtime.Version()}
	for _, n := range s.clients {
		r.Results = append(r.Results, &result{trial: trial{opPut, n}}, &result{trial: trial{opPlain, n}})
	}
	if s.readers > 0 {
		r.Results = append(r.Results, &result{trial: trial{opGet, s.readers}})
	}
	return r
}

func (r *report) trials() []trial {
	var trials []trial
	for _, of := range r.Results {
		trials = append(trials, of.trial)
	}
	return trials
}

func (r *report) add(t trial, system string, s sample) {
	at := slices.IndexFunc(r.Results, func(of *result) bool { return of.trial == t })
	of := r.Results[at]
	if system == systemKvstore {
		of.Kvstore = append(of.Kvstore, s)
		return
	}
	of.Etcd = append(of.Etcd, s)
}

// rate is operations in a second.
func (s sample) rate() float64 { return float64(s.Ops) / s.Seconds }

// perOp is the members' processor time for one operation, in microseconds.
func (s sample) perOp() float64 { return float64(s.CPU.Microseconds()) / float64(s.Ops) }

// kilobytes is what the members wrote to disk for one operation, in 1000 bytes.
func (s sample) kilobytes() float64 { return float64(s.Written) / 1e3 / float64(s.Ops) }

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// A figure is something that is measured. Ratios are of kvstore to etcd, round by round.
type figure struct {
	name   string
	format string
	of     func(sample) float64
}

func figures() []figure {
	return []figure{
		{"ops/s", "%.0f", sample.rate},
		{"p50 ms", "%.2f", func(s sample) float64 { return ms(s.P50) }},
		{"p99 ms", "%.2f", func(s sample) float64 { return ms(s.P99) }},
		{"CPU us/op", "%.0f", sample.perOp},
		{"disk kB/op", "%.2f", sample.kilobytes},
	}
}

// quartiles returns the median and the quartiles around it, interpolated.
func quartiles(values []float64) (lower, median, upper float64) {
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	at := func(part float64) float64 {
		position := part * float64(len(sorted)-1)
		i := int(position)
		if i+1 >= len(sorted) {
			return sorted[len(sorted)-1]
		}
		return sorted[i] + (position-float64(i))*(sorted[i+1]-sorted[i])
	}
	return at(0.25), at(0.5), at(0.75)
}

// show writes a median with its quartiles.
func show(format string, values []float64) string {
	lower, median, upper := quartiles(values)
	return fmt.Sprintf(format+" ("+format+" to "+format+")", median, lower, upper)
}

// markdown is the table.
func (r *report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d rounds of %s, %d processors, %s, %s. Medians, with the quartiles in parentheses.\n\n",
		r.Rounds, r.Duration, r.CPUs, r.Go, r.Began.Format(time.DateOnly))
	b.WriteString("| load | figure | kvstore | etcd 3.6 | kvstore / etcd |\n| --- | --- | --- | --- | --- |\n")
	for _, of := range r.Results {
		for _, f := range figures() {
			fmt.Fprintf(&b, "| %s, %d clients | %s | %s | %s | %s |\n", of.Op, of.Clients, f.name,
				show(f.format, each(of.Kvstore, f.of)), show(f.format, each(of.Etcd, f.of)), show("%.2f", of.ratios(f.of)))
		}
	}
	return b.String()
}

func each(samples []sample, of func(sample) float64) []float64 {
	var values []float64
	for _, s := range samples {
		values = append(values, of(s))
	}
	return values
}

// ratios compares the two of each round, which were measured one right after the other.
func (of *result) ratios(f func(sample) float64) []float64 {
	var ratios []float64
	for i := range of.Kvstore {
		if below := f(of.Etcd[i]); below > 0 {
			ratios = append(ratios, f(of.Kvstore[i])/below)
		}
	}
	if len(ratios) == 0 {
		return []float64{0}
	}
	return ratios
}

// publish shows the table, and writes it and all figures to a directory, if one is named.
func (r *report) publish(dir string, stdout io.Writer) error {
	table := r.markdown()
	if _, err := io.WriteString(stdout, table); err != nil || dir == "" {
		return err
	}
	figures, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "versus.md"), []byte(table), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "versus.json"), append(figures, '\n'), 0o644)
}
