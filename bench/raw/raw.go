// Package raw keeps what was measured: every run of every workload on every library, and on what. Tables and plots are made
// from this alone, so that they can be made again without measuring.
package raw

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"

	"github.com/seed695671cb/raft/bench/measure"
)

// Results is one measurement of everything.
type Results struct {
	// Date is the day, as in 2006-01-02.
	Date string
	// CPU is the processor's name, Cores how many of them the process may use.
	CPU   string
	Cores int
	// Go is the version that the workers were built with.
	Go string
	// Rounds is how often each workload was run on each library, Scale what its number of operations was multiplied by.
	Rounds int
	Scale  float64
	// Libraries lists those that were measured, in the order of the tables.
	Libraries []Library
	// Failures lists the workloads that a library could not run to their end; they have no series.
	Failures []string `json:",omitempty"`
	// Series holds the runs, in the order of the tables.
	Series []Series `json:"-"`
}

// Library is one that was measured.
type Library struct {
	ID, Title, Version string
}

// Series is the runs of one workload on one library: element i of each slice belongs to round i. All are totals of a
// run, as in measure.Result.
type Series struct {
	Workload, Library, Unit string
	Operations              []int
	WallNs, CPUNs           []int64
	Objects, Bytes          []uint64
	LiveBytes, LiveObjects  []float64 `json:",omitempty"`
}

// Add appends a run. All runs of a series hold live memory, or none.
func (s *Series) Add(r measure.Result) {
	s.Operations = append(s.Operations, r.Operations)
	s.WallNs = append(s.WallNs, r.WallNs)
	s.CPUNs = append(s.CPUNs, r.CPUNs)
	s.Objects = append(s.Objects, r.Objects)
	s.Bytes = append(s.Bytes, r.Bytes)
	if r.LiveBytes != 0 || r.LiveObjects != 0 {
		s.LiveBytes = append(s.LiveBytes, r.LiveBytes)
		s.LiveObjects = append(s.LiveObjects, r.LiveObjects)
	}
}

// Find returns the series of a workload on a library, or nil.
func (r *Results) Find(workload, library string) *Series {
	for i := range r.Series {
		if s := &r.Series[i]; s.Workload == workload && s.Library == library {
			return s
		}
	}
	return nil
}

// Encode writes the results as JSON, with a line for each series, so that two files can be compared line by line.
func (r *Results) Encode() ([]byte, error) {
	head, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encoding results: %w", err)
	}
	var out bytes.Buffer
	out.Write(bytes.TrimSuffix(head, []byte("\n}")))
	out.WriteString(",\n  \"Series\": [")
	for i := range r.Series {
		line, err := json.Marshal(&r.Series[i])
		if err != nil {
			return nil, fmt.Errorf("encoding the runs of %s on %s: %w", r.Series[i].Workload, r.Series[i].Library, err)
		}
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteString("\n    ")
		out.Write(line)
	}
	out.WriteString("\n  ]\n}\n")
	return out.Bytes(), nil
}

// Decode reads what Encode has written.
func Decode(data []byte) (*Results, error) {
	file := struct {
		*Results
		Series []Series
	}{Results: &Results{}}
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, fmt.Errorf("decoding results: %w", err)
	}
	file.Results.Series = file.Series
	for _, s := range file.Series {
		if !s.whole() {
			return nil, fmt.Errorf("decoding results: %s on %s has columns of different lengths", s.Workload, s.Library)
		}
	}
	return file.Results, nil
}

func (s *Series) whole() bool {
	n := len(s.Operations)
	live := len(s.LiveBytes) == len(s.LiveObjects) && (len(s.LiveBytes) == 0 || len(s.LiveBytes) == n)
	return n > 0 && live && len(s.WallNs) == n && len(s.CPUNs) == n && len(s.Objects) == n && len(s.Bytes) == n
}

// Read reads results from a file.
func Read(name string) (*Results, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("reading results: %w", err)
	}
	return Decode(data)
}

// Write writes the results to a file.
func (r *Results) Write(name string) error {
	data, err := r.Encode()
	if err != nil {
		return err
	}
	if err := os.WriteFile(name, data, 0o644); err != nil {
		return fmt.Errorf("writing results: %w", err)
	}
	return nil
}
