// Package contender says which libraries are measured, and builds the worker of each: a program of its own with the
// command line of package command, because two versions of one module path do not fit into one binary.
package contender

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Contender is a library under measurement.
type Contender struct {
	// ID names the library on the command line and in raw results.
	ID string
	// Title names it in tables and plots.
	Title string
	// Module is the module path to which its version belongs; empty for the library of this repository.
	Module string
	// Dir is where its worker is built, relative to the module bench.
	Dir string
	// Package is the worker's package, relative to Dir.
	Package string
	// ModFile and Tags choose the library if Dir alone does not.
	ModFile, Tags string
}

// Ours is the ID of the library of this repository: what the others are compared with.
const Ours = "ours"

// Baseline is the ID of the library that most goals are stated against.
const Baseline = "etcd36"

// All lists the libraries, in the order of the tables.
func All() []Contender {
	return []Contender{
		{ID: Ours, Title: "ours", Dir: ".", Package: "./cmd/worker"},
		{ID: Baseline, Title: "etcd 3.6", Module: "go.etcd.io/raft/v3", Dir: ".", Package: "./cmd/worker",
			ModFile: "peers/etcd36.mod", Tags: "etcd36"},
		{ID: "etcd37", Title: "etcd 3.7", Module: "go.etcd.io/raft/v3", Dir: ".", Package: "./cmd/worker",
			ModFile: "peers/etcd37.mod", Tags: "etcd37"},
		{ID: "hashicorp", Title: "hashicorp", Module: "github.com/hashicorp/raft", Dir: "peers/hashicorp", Package: "."},
		{ID: "dragonboat", Title: "dragonboat", Module: "github.com/lni/dragonboat/v4", Dir: "peers/dragonboat", Package: "."},
	}
}

// Choose returns the libraries that a list of IDs with commas between them names, in the order of All. An empty list
// means all of them.
func Choose(list string) ([]Contender, error) {
	if list == "" {
		return All(), nil
	}
	wanted := map[string]bool{}
	for id := range strings.SplitSeq(list, ",") {
		wanted[strings.TrimSpace(id)] = true
	}
	var chosen []Contender
	var known []string
	for _, c := range All() {
		known = append(known, c.ID)
		if wanted[c.ID] {
			chosen = append(chosen, c)
		}
		delete(wanted, c.ID)
	}
	for id := range wanted {
		return nil, fmt.Errorf("no library %q: choose from %s", id, strings.Join(known, ", "))
	}
	return chosen, nil
}

// Title is the title of the library with the ID, or the ID itself if none has it.
func Title(id string) string {
	for _, c := range All() {
		if c.ID == id {
			return c.Title
		}
	}
	return id
}

// Build builds the worker as a file in dir, and returns the file. Module files are never rewritten: if one lacks a
// requirement, the build says so.
func (c Contender) Build(bench, dir string) (string, error) {
	file := filepath.Join(dir, c.ID)
	cmd := exec.Command("go", c.arguments(file)...)
	cmd.Dir = filepath.Join(bench, c.Dir)
	cmd.Env = append(os.Environ(), "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the worker of %s: %w\n%s", c.ID, err, out)
	}
	return file, nil
}

func (c Contender) arguments(file string) []string {
	args := []string{"build", "-mod=readonly", "-o", file}
	if c.ModFile != "" {
		args = append(args, "-modfile="+c.ModFile)
	}
	if c.Tags != "" {
		args = append(args, "-tags="+c.Tags)
	}
	return append(args, c.Package)
}
