// The generator of the files of compat/etcd that do nothing but point at this library: aliases, constants, variables
// and thin functions. It knows what to write from the lists of internal/apicheck, so it needs neither the lineage's
// source nor a network. Run it by scripts/generate.sh.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/seed695671cb/raft/internal/apicheck"
)

// The names of the generated files in the directory of each package.
const (
	fileName = "generated.go"
	testName = "generated_test.go"
)

func main() {
	lists := flag.String("lists", "internal/apicheck/testdata", "directory of the lists")
	out := flag.String("out", "compat/etcd", "directory to write to, one directory a package below it")
	flag.Parse()
	if err := run(*lists, *out); err != nil {
		fmt.Fprintln(os.Stderr, "compatgen:", err)
		os.Exit(1)
	}
}

// run reads the lists and writes the generated files of every package.
func run(lists, out string) error {
	declared, err := readLists(lists)
	if err != nil {
		return err
	}
	for _, p := range packages() {
		if err := writePackage(p, declared, filepath.Join(out, filepath.FromSlash(p.dir))); err != nil {
			return fmt.Errorf("package %s: %w", p.name, err)
		}
	}
	return nil
}

func writePackage(p target, declared []apicheck.Declared, dir string) error {
	source, err := render(p, declared)
	if err != nil {
		return err
	}
	test, err := renderTest(p, declared)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, fileName), source, 0o644); err != nil || test == nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, testName), test, 0o644)
}

// readLists returns what all lists declare.
func readLists(dir string) ([]apicheck.Declared, error) {
	var all []apicheck.Declared
	for _, name := range [...]string{"raft.txt", "raftpb.txt", "quorum.txt", "tracker.txt", "beyond.txt"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		declared, err := apicheck.TopLevel(string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, declared...)
	}
	return all, nil
}
