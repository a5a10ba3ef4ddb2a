package main

// This file prints the report.

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	root := flag.String("root", "../..", "directory of this library")
	flag.Parse()
	if err := report(os.Stdout, *root); err != nil {
		fmt.Fprintln(os.Stderr, "apidiff:", err)
		os.Exit(1)
	}
}

// report writes what the comparison of each package has found. It is an error if there is an incompatible change.
func report(w io.Writer, root string) error {
	t, err := newTree(root, nil)
	if err != nil {
		return err
	}
	found := 0
	for _, dir := range packages() {
		r, err := compare(t, dir)
		if err != nil {
			return err
		}
		found += len(r.problems)
		fmt.Fprintf(w, "%s: %d names, %d incompatible changes\n", join(theirModule, dir), r.names, len(r.problems))
		for _, problem := range r.problems {
			fmt.Fprintf(w, "- %s\n", problem)
		}
		for _, change := range allowed(dir) {
			fmt.Fprintf(w, "  allowed: %s\n", change)
		}
	}
	if found > 0 {
		return errors.New("there are incompatible changes")
	}
	return nil
}
