package mutants

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func absoluteRoot(t *testing.T) string {
	t.Helper()
	abs, err := filepath.Abs(root)
	require.NoError(t, err)
	return abs
}

func edits(text string) []Edit {
	return []Edit{{File: "a.go", Old: []string{"old"}, New: []string{text}}}
}

func mutant(name string) Mutant {
	return Mutant{Name: name, Endangers: "order | peace", History: "It goes wrong.", Edits: edits(name)}
}

func result(m Mutant, scripts, simulator, model *Outcome) Result {
	return Result{Mutant: m.Name, Edits: m.Fingerprint(), Scripts: scripts, Simulator: simulator, Model: model}
}

func TestResultsAreReadAsTheyWereWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "results.jsonl")
	none, err := ReadResults(path)
	require.NoError(t, err)
	require.Empty(t, none)

	rs := Results{}
	rs.Merge(result(mutant("b"), &Outcome{Work: "0 of 9 scripts"}, nil, nil))
	rs.Merge(result(mutant("a"), &Outcome{Caught: true, By: "x<y", Work: "1 of 9 scripts"}, nil, &Outcome{Work: "5 states"}))
	require.NoError(t, rs.Write(path))
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	a, b := mutant("a"), mutant("b")
	require.Equal(t, `{"mutant":"a","edits":"`+a.Fingerprint()+`","scripts":{"caught":true,"by":"x<y","work":"1 of 9 scripts"},`+
		`"model":{"caught":false,"work":"5 states"}}`+"\n"+
		`{"mutant":"b","edits":"`+b.Fingerprint()+`","scripts":{"caught":false,"work":"0 of 9 scripts"}}`+"\n", string(data))

	again, err := ReadResults(path)
	require.NoError(t, err)
	require.Equal(t, rs, again)
}

func TestParseResultsSaysWhatIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		`{"mutant":"a","edits":"1"}` + "\n" + `{"mutant":"a","edits":"1"}`: "line 2: mutant \"a\" has no name, or has a line already",
		`{"edits":"1"}`:             "line 1: mutant \"\" has no name",
		`{"mutant":"a","script":1}`: "line 1: json: unknown field",
		`a`:                         "line 1: invalid character",
	} {
		_, err := parseResults([]byte(text))
		require.ErrorContains(t, err, want)
	}
}

func TestMergeKeepsWhatWasNotRunNow(t *testing.T) {
	m := mutant("a")
	scripts, model := &Outcome{Work: "s"}, &Outcome{Caught: true, By: "p", Work: "m"}
	rs := Results{}
	rs.Merge(result(m, scripts, nil, nil))
	rs.Merge(result(m, nil, nil, model))
	require.Equal(t, result(m, scripts, nil, model), rs["a"])

	newer := &Outcome{Work: "more"}
	rs.Merge(result(m, newer, nil, nil))
	require.Equal(t, result(m, newer, nil, model), rs["a"])

	m.Edits = edits("something else")
	rs.Merge(result(m, scripts, nil, nil))
	require.Equal(t, result(m, scripts, nil, nil), rs["a"], "results of other edits are dropped")
}

func TestFit(t *testing.T) {
	a, b := mutant("a"), mutant("b")
	good := &Outcome{Caught: true, By: "p", Work: "w"}
	fits := func() Results {
		return Results{"a": result(a, good, nil, nil), "b": result(b, nil, good, nil)}
	}
	require.NoError(t, fits().Fit([]Mutant{a, b}))

	require.ErrorContains(t, fits().Fit([]Mutant{a}), "results for b, which is not in the catalogue")
	require.ErrorContains(t, fits().Fit([]Mutant{a, b, mutant("c")}), "c has no results")
	changed := b
	changed.Edits = edits("something else")
	require.ErrorContains(t, fits().Fit([]Mutant{a, changed}), "b has no results, or those of other edits")
	uncaught := fits()
	uncaught["b"] = result(b, &Outcome{Work: "w"}, nil, nil)
	require.ErrorContains(t, uncaught.Fit([]Mutant{a, b}), "b is caught: false")
	b.Equivalent = "nobody looks"
	require.NoError(t, uncaught.Fit([]Mutant{a, b}))
	require.ErrorContains(t, fits().Fit([]Mutant{a, b}), "b is caught: true, is said to be equivalent: true")
}

// smallTable is a catalogue of three with results, two of them caught.
func smallTable() ([]Topic, Results) {
	a, b, c := mutant("a-one"), mutant("b-two"), mutant("c-three")
	c.Equivalent = "Nobody looks."
	topics := []Topic{{Title: "One", Intro: "First.", Mutants: []Mutant{a}}, {Title: "Two", Intro: "Second.", Mutants: []Mutant{b, c}}}
	missed := &Outcome{Work: "w"}
	return topics, Results{
		"a-one":   result(a, &Outcome{Caught: true, By: "s", Work: "1 of 9 scripts"}, &Outcome{Caught: true, By: "p", Work: "2 seeds"}, nil),
		"b-two":   result(b, missed, missed, &Outcome{Caught: true, By: "q|r", Work: "3 states"}),
		"c-three": result(c, missed, missed, missed),
	}
}

func TestTable(t *testing.T) {
	text := Table(smallTable())
	require.Contains(t, text, "do not edit")
	require.Contains(t, text, `
| of 2 mutants | caught | by nothing else |
| --- | --- | --- |
| by the scripts | 1 | 0 |
| by the simulator | 1 | 0 |
| by the model checker | 1 | 1 |
| by none | 0 | |

## One

First.

| mutant | what goes wrong | scripts | simulator | model checker |
| --- | --- | --- | --- | --- |
| `+"`a-one`"+` | It goes wrong. Endangers: order \| peace. | caught after 1 of 9 scripts: s | caught after 2 seeds: p | ? |

## Two

Second.

| mutant | what goes wrong | scripts | simulator | model checker |
| --- | --- | --- | --- | --- |
| `+"`b-two`"+` | It goes wrong. Endangers: order \| peace. | - | - | caught after 3 states: q\|r |

## Edits that change nothing

None of the catchers can find these, for the reason given.

`+"`c-three`"+`: It goes wrong.

Nobody looks.
`)
}

func TestVerifyWantsTheTableCurrent(t *testing.T) {
	topics, results := smallTable()
	dir := module(t, map[string]string{TableFile: Table(topics, results)})
	require.NoError(t, Verify(dir, topics, results))

	topics[0].Intro = "Changed."
	require.ErrorContains(t, Verify(dir, topics, results), "is not current")
	delete(results, "a-one")
	require.ErrorContains(t, Verify(dir, topics, results), "a-one has no results")
	require.Error(t, Verify(t.TempDir(), nil, nil), "there is no table")
}

func TestEachReportsEveryFailure(t *testing.T) {
	var out bytes.Buffer
	o := Options{Workers: 2, Progress: &out}
	err := o.each(context.Background(), []Mutant{{Name: "a"}, {Name: "b"}, {Name: "c"}}, func(m *Mutant) (string, error) {
		if m.Name == "b" {
			return "", nil
		}
		return "", errors.New("no " + m.Name)
	})
	require.ErrorContains(t, err, "no a")
	require.ErrorContains(t, err, "no c")
	require.Contains(t, out.String(), "3/3")
	require.Contains(t, out.String(), "3 mutants in")

	stopped, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorIs(t, o.each(stopped, []Mutant{{Name: "a"}}, nil), context.Canceled)
}

// TestWhatIsKnownIsNotRunAgain has results for all three catchers, and so builds nothing.
func TestWhatIsKnownIsNotRunAgain(t *testing.T) {
	done := &Outcome{Caught: true, By: "p", Work: "w"}
	m := mutant("a")
	o := Options{
		Root:     module(t, map[string]string{"a.go": "old\n"}),
		Catchers: Catchers{Scripts: true, Simulator: true, Model: true},
		Have:     Results{"a": result(m, done, done, done)},
	}
	r, err := o.catch(context.Background(), &m)
	require.NoError(t, err)
	require.Equal(t, result(m, nil, nil, nil), r)
	require.Equal(t, "nothing to be run", r.summary())

	m.Edits = edits("something else")
	_, err = o.catch(context.Background(), &m)
	require.Error(t, err, "the scripts of a module that has none were run")
}
