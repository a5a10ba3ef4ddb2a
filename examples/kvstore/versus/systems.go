package main

// The clusters: three members each, on one machine and one disk.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/seed695671cb/raft/examples/kvstore/internal/ports"
	"github.com/seed695671cb/raft/examples/kvstore/internal/process"
)

// The systems, as they are named in reports and to the clients.
const (
	systemKvstore = "kvstore"
	systemEtcd    = "etcd"
)

// members is how many a cluster has.
const members = 3

// A cluster runs.
type cluster struct {
	system    string
	endpoints []string
	processes []*process.Process
	dir       string
}

// clusters are the two, with what they run on.
type clusters struct {
	nursery *process.Nursery
	self    string // this program
	program string // kvstore
	dir     string
	all     map[string]*cluster
}

func startClusters(ctx context.Context, s settings) (*clusters, error) {
	dir, err := os.MkdirTemp(s.dir, "kvstore-versus-")
	if err != nil {
		return nil, err
	}
	c := &clusters{nursery: process.NewNursery(), program: s.program, dir: dir, all: map[string]*cluster{}}
	if err := c.start(ctx); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

func (c *clusters) start(ctx context.Context) error {
	var err error
	if c.self, err = os.Executable(); err != nil {
		return fmt.Errorf("find this program, to start it as a member: %w", err)
	}
	if c.program == "" {
		c.program = filepath.Join(c.dir, "kvstore-program")
		build := exec.CommandContext(ctx, "go", "build", "-o", c.program, ".")
		build.Dir = ".."
		if output, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("build kvstore in the directory above, or name it with -program: %w\n%s", err, output)
		}
	}
	return errors.Join(c.startKvstore(), c.startEtcd())
}

func (c *clusters) startKvstore() error {
	addresses, err := freeAddresses(members)
	if err != nil {
		return err
	}
	k := c.add(systemKvstore)
	var peers []string
	for i, address := range addresses {
		k.endpoints = append(k.endpoints, "http://"+address)
		peers = append(peers, fmt.Sprintf("%d=http://%s", i+1, address))
	}
	for i, address := range addresses {
		err := c.run(k, c.program, "serve", "--id", fmt.Sprint(i+1), "--listen", address, "--peers", strings.Join(peers, ","),
			"--cluster", "versus", "--data", filepath.Join(k.dir, fmt.Sprint(i+1)), "--log-level", "warn")
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *clusters) startEtcd() error {
	addresses, err := freeAddresses(2 * members)
	if err != nil {
		return err
	}
	forClients, forPeers := addresses[:members], addresses[members:]
	e := c.add(systemEtcd)
	var all []string
	for i := range members {
		e.endpoints = append(e.endpoints, "http://"+forClients[i])
		all = append(all, fmt.Sprintf("m%d=http://%s", i+1, forPeers[i]))
	}
	for i := range members {
		name := fmt.Sprintf("m%d", i+1)
		err := c.run(e, c.self, roleMember, "-name", name, "-data", filepath.Join(e.dir, name), "-client", e.endpoints[i],
			"-peer", "http://"+forPeers[i], "-cluster", strings.Join(all, ","))
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *clusters) add(system string) *cluster {
	added := &cluster{system: system, dir: filepath.Join(c.dir, system)}
	c.all[system] = added
	return added
}

// run starts the next member of a cluster.
func (c *clusters) run(of *cluster, program string, args ...string) error {
	if err := os.MkdirAll(of.dir, 0o755); err != nil {
		return err
	}
	p, err := c.nursery.Start(program, args, filepath.Join(of.dir, fmt.Sprintf("%d.log", len(of.processes)+1)))
	if err != nil {
		return fmt.Errorf("a member of %s: %w", of.system, err)
	}
	of.processes = append(of.processes, p)
	return nil
}

// close ends all members and removes what they have written.
func (c *clusters) close() error {
	for _, system := range [...]string{systemKvstore, systemEtcd} {
		if of := c.all[system]; of != nil {
			of.stop()
		}
	}
	c.nursery.Close()
	return os.RemoveAll(c.dir)
}

func (c *cluster) stop() {
	for _, p := range c.processes {
		p.Stop()
	}
}

// ended says which member has ended by itself, and what it wrote last.
func (c *cluster) ended() error {
	for i, p := range c.processes {
		select {
		case <-p.Gone():
			output, _ := os.ReadFile(filepath.Join(c.dir, fmt.Sprintf("%d.log", i+1))) // the error is told without it as well
			return fmt.Errorf("member %d of %s has ended: %s", i+1, c.system, output[max(0, len(output)-2000):])
		default:
		}
	}
	return nil
}

// whenEnded calls a function if a member ends by itself before ctx does.
func (c *cluster) whenEnded(ctx context.Context, do func()) {
	for _, p := range c.processes {
		go func() {
			select {
			case <-p.Gone():
				do()
			case <-ctx.Done():
			}
		}()
	}
}

func (c *cluster) pids() []int {
	var pids []int
	for _, p := range c.processes {
		pids = append(pids, p.PID())
	}
	return pids
}

// freeAddresses finds different ports that nobody listens on.
func freeAddresses(n int) ([]string, error) {
	addresses := make([]string, n)
	for i := range addresses {
		var err error
		if addresses[i], err = ports.Free(); err != nil {
			return nil, err
		}
	}
	return addresses, nil
}

// serveTime bounds how long a cluster may take until it serves.
const serveTime = 90 * time.Second
