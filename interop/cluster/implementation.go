// Package cluster runs groups whose members are processes of different implementations of the etcd raft lineage, with
// the simulator of package rafttest for a driver: it owns disks, network, clocks and faults, decides all from one seed,
// and checks the properties of the protocol after every event.
package cluster

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Implementation is a library that members may run.
type Implementation struct {
	// ID names it in mixes.
	ID string
	// Title names it to people.
	Title string
	// tags choose it when the worker is built, with the module file of the same name in peers. Empty: this library.
	tags string
}

// The implementations.
var (
	Ours   = Implementation{ID: "ours", Title: "this library"}
	Etcd36 = Implementation{ID: "etcd36", Title: "go.etcd.io/raft v3.6.0", tags: "etcd36"}
	Etcd37 = Implementation{ID: "etcd37", Title: "go.etcd.io/raft v3.7.0", tags: "etcd37"}
)

// Workers is where the workers are, the programs that members are processes of.
type Workers struct{ dir string }

// Build builds the workers of all implementations. module is the directory of module interop; dir is where they go.
func Build(module, dir string) (Workers, error) {
	for _, im := range []Implementation{Ours, Etcd36, Etcd37} {
		args := []string{"build", "-o", filepath.Join(dir, im.ID)}
		if im.tags != "" {
			args = append(args, "-mod=readonly", "-modfile="+filepath.Join("peers", im.tags+".mod"), "-tags", im.tags)
		}
		build := exec.Command("go", append(args, "./worker")...)
		build.Dir = module
		build.Env = append(os.Environ(), "GOWORK=off")
		if out, err := build.CombinedOutput(); err != nil {
			return Workers{}, fmt.Errorf("building the worker of %s: %w\n%s", im.Title, err, out)
		}
	}
	return Workers{dir: dir}, nil
}

func (w Workers) path(im Implementation) string { return filepath.Join(w.dir, im.ID) }
