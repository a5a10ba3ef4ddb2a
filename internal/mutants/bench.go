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
	overlay string
	limit   time.Duration // of each command
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
	b := &bench{root: root, dir: dir, limit: limit}
	if b.overlay, err = writeOverlay(dir, root, changed); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

// close removes the directory. What cannot be removed is left to the system's care of temporary files.
func (b *bench) close() { _ = os.RemoveAll(b.dir) }

// compiles returns an error unless the packages of the core compile.
func (b *bench) compiles(ctx context.Context) error {
	return b.goCommand(ctx, "build", ".", "./tracker", "./quorum", "./confchange")
}

// build compiles the command of the given directory and returns the path of the program.
func (b *bench) build(ctx context.Context, dir, tags string) (string, error) {
	out := filepath.Join(b.dir, filepath.Base(dir))
	return out, b.goCommand(ctx, "build", "-buildvcs=false", "-ldflags=-w", "-tags="+tags, "-o", out, "./"+dir)
}

// buildTests compiles the tests of the root package and returns the path of the program.
func (b *bench) buildTests(ctx context.Context) (string, error) {
	out := filepath.Join(b.dir, "root.test")
	return out, b.goCommand(ctx, "test", "-c", "-ldflags=-w", "-o", out, ".")
}

// goCommand runs the go command with the overlay. The limit is that of building, which knows no schedules.
func (b *bench) goCommand(ctx context.Context, verb string, args ...string) error {
	const limit = 5 * time.Minute
	args = append([]string{verb, "-overlay", b.overlay}, args...)
	end, err := runLimited(ctx, b.root, limit, "go", args...)
	if err == nil && (end.timedOut || end.code != 0) {
		err = end.failure("go " + strings.Join(args, " "))
	}
	return err
}
