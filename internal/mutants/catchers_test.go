package mutants

import (
	"context"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRunLimited(t *testing.T) {
	ctx := context.Background()
	end, err := runLimited(ctx, ".", time.Minute, "sh", "-c", "echo out; echo err >&2; exit 3")
	require.NoError(t, err)
	require.Equal(t, ended{stdout: "out\n", stderr: "err\n", code: 3}, end)
	require.ErrorContains(t, end.failure("it"), "it ended with code 3")

	_, err = runLimited(ctx, ".", time.Minute, "no-such-program")
	require.Error(t, err)

	stopped, cancel := context.WithCancel(ctx)
	cancel()
	_, err = runLimited(stopped, ".", time.Minute, "sh", "-c", "true")
	require.ErrorIs(t, err, context.Canceled)
}

// TestRunLimitedKillsChildren starts a child that holds the output open and outlives its parent.
func TestRunLimitedKillsChildren(t *testing.T) {
	// A child that is not killed is waited for each time. A machine that stands still for seconds does not do so each time.
	var took time.Duration
	for range 5 {
		began := time.Now()
		end, err := runLimited(context.Background(), ".", 200*time.Millisecond, "sh", "-c", "sleep 60 & sleep 60")
		took = time.Since(began)
		require.NoError(t, err)
		require.True(t, end.timedOut)
		if took < 4*time.Second {
			return
		}
	}
	require.Failf(t, "the child was not killed, but waited for", "it took %v, and that five times", took)
}

const scriptOutput = `=== RUN   TestScripts
=== RUN   TestScripts/a_b
=== RUN   TestScripts/c
    c: wrong
=== RUN   TestScripts/d
--- FAIL: TestScripts (0.06s)
    --- PASS: TestScripts/a_b (0.00s)
    --- FAIL: TestScripts/c (0.00s)
    --- FAIL: TestScripts/d (0.00s)
FAIL
`

func TestReadingWhatScriptsPrint(t *testing.T) {
	require.Equal(t, []string{"c", "d"}, failedScripts(scriptOutput))
	require.Equal(t, []string{"a_b", "c", "d"}, allScripts(scriptOutput))
	require.Equal(t, "d", lastScript(scriptOutput))
	require.Empty(t, lastScript("panic: at the start"))
	require.Equal(t, []string{"-test.v", "-test.timeout=20s", "-test.run=^TestScripts$/^a$"}, scriptArgs("a", nil))
	require.Equal(t, []string{"-test.v", "-test.timeout=20s", "-test.run=^TestScripts$", "-test.skip=^TestScripts$/^(a|b)$"},
		scriptArgs("", []string{"a", "b"}))
}

func TestScriptOutcome(t *testing.T) {
	require.Equal(t, Outcome{Work: "0 of 9 scripts"}, scriptOutcome(nil, "", 9))
	require.Equal(t, Outcome{Caught: true, By: "a", Work: "2 of 9 scripts"}, scriptOutcome([]string{"b", "a", "b"}, "", 9))
	require.Equal(t, Outcome{Work: "0 of 9 scripts, and no end of c"}, scriptOutcome(nil, "c", 9),
		"a script that does not end has caught nothing")
}

func TestParseReport(t *testing.T) {
	o, err := parseReport("progress\n{\"violation\": null, \"work\": \"12 seeds\", \"seconds\": 1.2}\n")
	require.NoError(t, err)
	require.Equal(t, Outcome{Work: "12 seeds"}, o)

	o, err = parseReport(`{"violation": {"property": "log matching", "detail": "..."}, "work": "3 seeds"}`)
	require.NoError(t, err)
	require.Equal(t, Outcome{Caught: true, By: "log matching", Work: "3 seeds"}, o)

	_, err = parseReport("panic: runtime error\n")
	require.ErrorContains(t, err, "no report")
	_, err = parseReport("")
	require.ErrorContains(t, err, "no report")
	_, err = parseReport("{}")
	require.ErrorContains(t, err, "names no work")
}

// TestExploreReadsTheReportAndTheCode runs small programs in the place of the simulator.
func TestExploreReadsTheReportAndTheCode(t *testing.T) {
	within := func(limit time.Duration, script string) (Outcome, error) {
		return explore(context.Background(), &bench{root: ".", limit: limit}, "sh", "-c", script)
	}
	run := func(script string) (Outcome, error) { return within(time.Minute, script) }

	o, err := run(`echo '{"violation": {"property": "p"}, "work": "w"}'; exit 1`)
	require.NoError(t, err)
	require.Equal(t, Outcome{Caught: true, By: "p", Work: "w"}, o)

	o, err = within(time.Second, `sleep 60`)
	require.NoError(t, err)
	require.Equal(t, Outcome{Work: "stopped after 1s"}, o)

	_, err = run(`echo '{"violation": null, "work": "w"}'; exit 1`)
	require.ErrorContains(t, err, "do not agree")
	_, err = run(`echo oops >&2; exit 2`)
	require.ErrorContains(t, err, "oops")
}

func TestParseCatchers(t *testing.T) {
	c, err := ParseCatchers("scripts,model")
	require.NoError(t, err)
	require.Equal(t, Catchers{Scripts: true, Model: true}, c)
	_, err = ParseCatchers("fuzzing")
	require.ErrorContains(t, err, `no catcher "fuzzing"`)
}

// TestABenchBuildsTheCoreWithTheMutant builds the quorum arithmetic, which is quick, with and without a mistake that
// the compiler sees.
func TestABenchBuildsTheCoreWithTheMutant(t *testing.T) {
	for _, tc := range []struct{ line, want string }{
		{"	return (n + 1) / 2", ""},
		{"	return", "not enough return values"},
	} {
		abs := absoluteRoot(t)
		m := Mutant{Name: "m", Edits: []Edit{
			{File: "quorum/arithmetic.go", Old: []string{"	return n/2 + 1"}, New: []string{tc.line}},
		}}
		b, err := newBench(abs, &m, time.Minute)
		require.NoError(t, err)
		defer b.close()
		err = b.goCommand(context.Background(), b.overlay, "build", "./quorum")
		if tc.want == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, tc.want)
	}
}

// TestTheScriptsAreBuiltAlone makes sure that the test of the scripts needs no other files than buildScripts keeps, and
// catches a mutant with it.
func TestTheScriptsAreBuiltAlone(t *testing.T) {
	if testing.Short() {
		t.Skip("it compiles the root package")
	}
	all := load(t)
	i := slices.IndexFunc(all, func(m Mutant) bool { return m.Name == "commit-older-term-by-count" })
	b, err := newBench(absoluteRoot(t), &all[i], time.Minute)
	require.NoError(t, err)
	defer b.close()
	o, err := runScripts(context.Background(), b)
	require.NoError(t, err)
	require.True(t, o.Caught, "%+v", o)
	listed, err := runLimited(context.Background(), b.root, time.Minute, filepath.Join(b.dir, "root.test"), "-test.list=.")
	require.NoError(t, err)
	require.Equal(t, "TestScripts\n", listed.stdout)
	again, err := runScript(context.Background(), b, o.By)
	require.NoError(t, err)
	require.True(t, again)
	_, err = runScript(context.Background(), b, "no_such_script")
	require.ErrorContains(t, err, "there is no script no_such_script any more")
}
