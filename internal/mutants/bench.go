package mutants

// This file builds a program with a mutant in it.

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// bench is a temporary directory with the overlay of one mutant.
type bench struct {
	root    string // of the module, absolute
	dir     string
	changed map[string]string
	overlay string
	limit   time.Duration // of each program
}

// newBench prepares the mutant. The caller closes the bench.
func newBench(root string, m *Mutant, limit time.Duration) (*bench, error) {
	changed, err := m.Apply(root)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "mutant-")
	if err != nil {
		return nil, err
	}
	b := &bench{root: root, dir: dir, changed: changed, limit: limit}
	if b.overlay, err = writeOverlay(dir, "overlay.json", root, changed, nil); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

// close removes the directory. What cannot be removed is left to the system's care of temporary files.
func (b *bench) close() { _ = os.RemoveAll(b.dir) }

// compiles returns an error unless the packages of the core compile.
func (b *bench) compiles(ctx context.Context) error {
	return b.goCommand(ctx, b.overlay, "build", ".", "./tracker", "./quorum", "./confchange")
}

// build compiles the command of the given directory and returns the path of the program.
func (b *bench) build(ctx context.Context, dir, tags string) (string, error) {
	out := filepath.Join(b.dir, filepath.Base(dir))
	return out, b.goCommand(ctx, b.overlay, "build", "-buildvcs=false", "-ldflags=-w", "-tags="+tags, "-o", out, "./"+dir)
}

// buildScripts compiles the test that runs the scripts, and returns the path of the program. It is built without the
// other tests of the root package, because that is several times as quick; with them, should it ever need more of them
// than the list says.
func (b *bench) buildScripts(ctx context.Context) (string, error) {
	out := filepath.Join(b.dir, "root.test")
	tests, err := filepath.Glob(filepath.Join(b.root, "*_test.go"))
	if err != nil {
		return "", err
	}
	var without []string
	for _, path := range tests {
		if name := filepath.Base(path); name != "harness_test.go" && !strings.HasPrefix(name, "script_") {
			without = append(without, name)
		}
	}
	few, err := writeOverlay(b.dir, "scripts.json", b.root, b.changed, without)
	if err != nil {
		return "", err
	}
	args := []string{"-c", "-gcflags=-N -l", "-ldflags=-w", "-o", out, "."}
	if b.goCommand(ctx, few, "test", args...) == nil {
		return out, nil
	}
	return out, b.goCommand(ctx, b.overlay, "test", args...)
}

// goCommand runs the go command with an overlay. The limit is that of building, which knows no schedules.
func (b *bench) goCommand(ctx context.Context, overlay, verb string, args ...string) error {
	const limit = 5 * time.Minute
	args = append([]string{verb, "-overlay", overlay}, args...)
	end, err := runLimited(ctx, b.root, limit, "go", args...)
	if err == nil && (end.timedOut || end.code != 0) {
		err = end.failure("go " + strings.Join(args, " "))
	}
	return err
}
