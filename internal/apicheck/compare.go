// Package apicheck compares what the public packages export with the lists in testdata, which hold the API of version
// 3.6 of the etcd raft lineage: a program written for it compiles against this library only while every line is there
// and unchanged. The notation is that of the Go project's own api files.
//
// Names of parameters and results are part of the lists for the reader's sake and are not compared: no caller depends
// on them. Packages may export more than the lists say, with one exception: an interface that is listed holds the
// listed methods and no others, because users implement it.
package apicheck

import (
	"fmt"
	"strings"
)

// compare returns one text for each line of want that got lacks or has otherwise, and for each method that a listed
// interface has beyond the list.
func compare(want, got []declaration) []string {
	found := map[string]declaration{}
	for _, d := range got {
		found[d.name] = d
	}
	var problems []string
	for _, w := range want {
		g, exists := found[w.name]
		switch {
		case !exists:
			problems = append(problems, fmt.Sprintf("missing: %s\nnearest: %s", w.line, nearest(w, got)))
		case g.shape != w.shape:
			problems = append(problems, fmt.Sprintf("changed: %s\n  found: %s", w.line, g.line))
		}
	}
	return append(problems, surplus(want, got)...)
}

// surplus reports methods that a listed interface has and its list does not.
func surplus(want, got []declaration) []string {
	listed := map[string]bool{}
	var interfaces []string
	for _, w := range want {
		listed[w.name] = true
		if w.shape == "interface" {
			interfaces = append(interfaces, w.name+" interface, ")
		}
	}
	var problems []string
	for _, g := range got {
		if listed[g.name] {
			continue
		}
		for _, prefix := range interfaces {
			if strings.HasPrefix(g.name, prefix) {
				problems = append(problems, "surplus: "+g.line+"\n    why: users implement this interface")
			}
		}
	}
	return problems
}

// nearest returns the line whose declared name takes the fewest edits to become the wanted one.
func nearest(w declaration, got []declaration) string {
	best, line := -1, "nothing is exported"
	for _, g := range got {
		d := editDistance(w.name, g.name)
		if best < 0 || d < best {
			best, line = d, g.line
		}
	}
	return line
}

// editDistance counts the bytes to insert, delete or replace to turn a into b.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1) // distances from the part of a seen so far to each beginning of b
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
