package mutants

// This file has the first catcher, the scripts of testdata.

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

const scriptTest = "TestScripts"

// hangs is how long all scripts together may take, as the flag -test.timeout has it. They take less than a second.
const hangs = "20s"

// runScripts runs every script against the mutant. A script in which the mutant panics ends the others too; they are
// run again without it, and so after the first script that hangs.
func runScripts(ctx context.Context, b *bench) (Outcome, error) {
	program, err := b.buildScripts(ctx)
	if err != nil {
		return Outcome{}, err
	}
	all, err := filepath.Glob(filepath.Join(b.root, "testdata", "*.txt"))
	if err != nil {
		return Outcome{}, err
	}
	var failed, ended []string
	hung := ""
	for hung == "" {
		run, err := runLimited(ctx, b.root, b.limit, program, scriptArgs("", ended)...)
		if err != nil {
			return Outcome{}, err
		}
		failed = append(failed, failedScripts(run.stdout)...)
		last := lastScript(run.stdout)
		switch {
		case run.timedOut || strings.Contains(run.stdout+run.stderr, "panic: test timed out"):
			hung = last
		case run.code > 1 && last != "" && !slices.Contains(ended, last):
			ended = append(ended, last)
			failed = append(failed, last)
			continue
		case run.code > 1:
			return Outcome{}, run.failure(scriptTest)
		}
		break
	}
	return scriptOutcome(failed, hung, len(all)), nil
}

func scriptOutcome(failed []string, hung string, all int) Outcome {
	slices.Sort(failed)
	failed = slices.Compact(failed)
	o := Outcome{Caught: len(failed) > 0, Work: fmt.Sprintf("%d of %d scripts", len(failed), all)}
	if o.Caught {
		o.By = failed[0]
	}
	if hung != "" {
		o.Work += ", and no end of " + hung
	}
	return o
}

// runScript runs one script against the mutant, and reports whether it fails.
func runScript(ctx context.Context, b *bench, name string) (bool, error) {
	program, err := b.buildScripts(ctx)
	if err != nil {
		return false, err
	}
	run, err := runLimited(ctx, b.root, b.limit, program, scriptArgs(name, nil)...)
	if err != nil {
		return false, err
	}
	if !slices.Contains(allScripts(run.stdout), name) {
		return false, fmt.Errorf("there is no script %s any more", name)
	}
	return run.code != 0 && !run.timedOut, nil
}

// scriptArgs are the flags to run one script, or all but some.
func scriptArgs(only string, without []string) []string {
	args := []string{"-test.v", "-test.timeout=" + hangs, "-test.run=^" + scriptTest + "$"}
	if only != "" {
		args[2] += "/^" + only + "$"
	}
	if len(without) > 0 {
		args = append(args, "-test.skip=^"+scriptTest+"$/^("+strings.Join(without, "|")+")$")
	}
	return args
}

func failedScripts(output string) []string {
	return submatches(`(?m)^\s*--- FAIL: `+scriptTest+`/(\S+)`, output)
}

// allScripts returns the scripts that were begun, in order.
func allScripts(output string) []string {
	return submatches(`(?m)^=== RUN\s+`+scriptTest+`/(\S+)`, output)
}

func lastScript(output string) string {
	all := allScripts(output)
	if len(all) == 0 {
		return ""
	}
	return all[len(all)-1]
}

func submatches(pattern, text string) []string {
	var all []string
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		all = append(all, m[1])
	}
	return all
}
