package mutants

// This file keeps what the catchers found: one line of JSON for each mutant, sorted by name.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// ResultsFile is where the results are kept, from the root of the module.
const ResultsFile = Dir + "/results.jsonl"

// Outcome is what one catcher made of one mutant.
type Outcome struct {
	Caught bool `json:"caught"`
	// By is the first script that failed, or the property that was violated.
	By   string `json:"by,omitempty"`
	Work string `json:"work"`
}

// Result is what the catchers made of one mutant; nil for those that have not been run.
type Result struct {
	Mutant    string   `json:"mutant"`
	Edits     string   `json:"edits"` // the Fingerprint of the edits that were run
	Scripts   *Outcome `json:"scripts,omitempty"`
	Simulator *Outcome `json:"simulator,omitempty"`
	Model     *Outcome `json:"model,omitempty"`
}

// Caught reports whether any catcher caught the mutant.
func (r *Result) Caught() bool {
	return caught(r.Scripts) || caught(r.Simulator) || caught(r.Model)
}

func caught(o *Outcome) bool { return o != nil && o.Caught }

// Results are the results by the name of the mutant.
type Results map[string]Result

// ReadResults reads a file of results. One that does not exist holds none.
func ReadResults(path string) (Results, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Results{}, nil
	}
	if err != nil {
		return nil, err
	}
	results, err := parseResults(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return results, nil
}

func parseResults(data []byte) (Results, error) {
	results := Results{}
	for i, line := range strings.Split(strings.TrimSpace(string(data)), "\n") {
		if line == "" {
			continue
		}
		d := json.NewDecoder(strings.NewReader(line))
		d.DisallowUnknownFields()
		var r Result
		if err := d.Decode(&r); err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
		if _, twice := results[r.Mutant]; twice || r.Mutant == "" {
			return nil, fmt.Errorf("line %d: mutant %q has no name, or has a line already", i+1, r.Mutant)
		}
		results[r.Mutant] = r
	}
	return results, nil
}

// Write writes the results to a file.
func (rs Results) Write(path string) error {
	data, err := rs.encode()
	if err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o644)
}

func (rs Results) encode() ([]byte, error) {
	names := make([]string, 0, len(rs))
	for name := range rs {
		names = append(names, name)
	}
	slices.Sort(names)
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	for _, name := range names {
		if err := e.Encode(rs[name]); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}

// Merge takes over what was found now. Outcomes of other edits than the present ones, and of catchers that were not run
// now, are kept only if the edits are the same.
func (rs Results) Merge(now Result) {
	old, known := rs[now.Mutant]
	if known && old.Edits == now.Edits {
		now.Scripts = first(now.Scripts, old.Scripts)
		now.Simulator = first(now.Simulator, old.Simulator)
		now.Model = first(now.Model, old.Model)
	}
	rs[now.Mutant] = now
}

func first(a, b *Outcome) *Outcome {
	if a != nil {
		return a
	}
	return b
}

// Fit returns an error unless there is a result for each mutant as it is now, and no other.
func (rs Results) Fit(all []Mutant) error {
	known := map[string]bool{}
	for i := range all {
		m := &all[i]
		known[m.Name] = true
		r, found := rs[m.Name]
		if !found || r.Edits != m.Fingerprint() {
			return fmt.Errorf("%s has no results, or those of other edits: run it with -only %s", m.Name, m.Name)
		}
		if r.Caught() == (m.Equivalent != "") {
			return fmt.Errorf("%s is caught: %t, is said to be equivalent: %t; one of these must change",
				m.Name, r.Caught(), m.Equivalent != "")
		}
	}
	for name := range rs {
		if !known[name] {
			return fmt.Errorf("there are results for %s, which is not in the catalogue: remove its line", name)
		}
	}
	return nil
}
