package chaos

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/seed695671cb/raft/examples/kvstore/internal/ports"
	"github.com/seed695671cb/raft/examples/kvstore/internal/process"
	"github.com/seed695671cb/raft/examples/kvstore/proxy"
)

// A member is a member of the cluster and, while it runs, its process. The cluster's lock guards it.
type member struct {
	slot    int
	id      uint64
	addr    string
	dir     string
	args    []string
	process *process.Process
	life    int
	frozen  bool
	excused bool // it may end by itself: its disk fails, or it is being removed
	told    bool // its ending by itself has been reported
}

func (m *member) url() string       { return "http://" + m.addr }
func (m *member) faultFile() string { return filepath.Join(m.dir, "fault") }
func (m *member) logFile() string   { return filepath.Join(m.dir, "log.txt") }

// A cluster runs the members, each in a process of its own, with a proxy between them. Its methods may be called from
// any goroutine.
type cluster struct {
	program         string
	dir             string
	snapshotEntries int
	extra           []string // further arguments of each member
	nursery         *process.Nursery
	network         *proxy.Proxy

	mu       sync.Mutex
	members  []*member // by slot
	retired  []*member
	nextID   uint64
	restarts int
	deaths   []string // members that ended by themselves, without excuse
}

// newCluster makes a cluster of so many members, whose processes are yet to be started.
func newCluster(program, dir string, members, snapshotEntries int, extra []string) (*cluster, error) {
	network, err := proxy.Listen("127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	c := &cluster{program: program, dir: dir, snapshotEntries: snapshotEntries, extra: extra, nursery: process.NewNursery(), network: network}
	for slot := range members {
		m, err := c.newMember(slot)
		if err != nil {
			return nil, errors.Join(err, c.close())
		}
		c.members = append(c.members, m)
	}
	for _, m := range c.members {
		m.args = c.arguments(m, "--peers", peersOf(c.members))
	}
	return c, nil
}

// peersOf lists members in the form of --peers.
func peersOf(members []*member) string {
	var peers []string
	for _, m := range members {
		peers = append(peers, fmt.Sprintf("%d=%s", m.id, m.url()))
	}
	return strings.Join(peers, ",")
}

// newMember gives a member an identity, an address and an empty directory.
func (c *cluster) newMember(slot int) (*member, error) {
	c.nextID++
	m := &member{slot: slot, id: c.nextID, dir: filepath.Join(c.dir, "members", strconv.FormatUint(c.nextID, 10))}
	if err := os.MkdirAll(m.dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the directory of member %d: %w", m.id, err)
	}
	if err := os.WriteFile(m.faultFile(), nil, 0o644); err != nil {
		return nil, fmt.Errorf("make the fault file of member %d: %w", m.id, err)
	}
	addr, err := ports.Free()
	if err != nil {
		return nil, fmt.Errorf("member %d: %w", m.id, err)
	}
	m.addr = addr
	c.network.Register(m.id, m.addr)
	return m, nil
}

func (c *cluster) arguments(m *member, more ...string) []string {
	args := []string{
		"serve", "--id", strconv.FormatUint(m.id, 10), "--listen", m.addr, "--url", m.url(),
		"--data", filepath.Join(m.dir, "data"), "--peer-proxy", c.network.URL(m.id), "--fault-file", m.faultFile(),
		"--snapshot-entries", strconv.Itoa(c.snapshotEntries),
	}
	return append(append(args, more...), c.extra...)
}

// slots and at make the cluster the clients' directory.
func (c *cluster) slots() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.members)
}

func (c *cluster) at(slot int) endpoint {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.members[slot]
	return endpoint{slot: slot, id: m.id, url: m.url(), life: m.life}
}

// start starts the process in a slot if it does not run.
func (c *cluster) start(slot int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.startMember(c.members[slot])
}

func (c *cluster) startMember(m *member) error {
	if m.process.Running() {
		return nil
	}
	p, err := c.nursery.Start(c.program, m.args, m.logFile())
	if err != nil {
		return err
	}
	if m.life > 0 {
		c.restarts++
	}
	m.process, m.frozen, m.excused, m.told = p, false, false, false
	m.life++
	return nil
}

// kill ends the process in a slot by SIGKILL.
func (c *cluster) kill(slot int) {
	p := c.excuse(slot)
	p.Kill()
}

// stop ends the process in a slot by SIGTERM.
func (c *cluster) stop(slot int) {
	p := c.excuse(slot)
	p.Stop()
}

// excuse lets the process in a slot end.
func (c *cluster) excuse(slot int) *process.Process {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.members[slot].excused = true
	return c.members[slot].process
}

// freeze pauses the process in a slot, or lets it go on.
func (c *cluster) freeze(slot int, stop bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.members[slot]
	if !m.process.Running() {
		return nil
	}
	m.frozen = stop
	if err := freeze(m.process.Handle(), stop); err != nil {
		return fmt.Errorf("member %d: %w", m.id, err)
	}
	return nil
}

// breakDisk writes the fault file of a slot; empty text heals the disk. A member whose disk is broken may end.
func (c *cluster) breakDisk(slot int, fault string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.members[slot]
	if fault != "" {
		m.excused = true
	}
	if err := os.WriteFile(m.faultFile(), []byte(fault), 0o644); err != nil {
		return fmt.Errorf("break the disk of member %d: %w", m.id, err)
	}
	return nil
}

// join puts a new member, which waits to be added, into a slot, and returns who was there: that one keeps running, and
// is no longer asked by clients.
func (c *cluster) join(slot int) (joined endpoint, left *member, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m, err := c.newMember(slot)
	if err != nil {
		return endpoint{}, nil, err
	}
	m.args = c.arguments(m, "--join")
	if err := c.startMember(m); err != nil {
		return endpoint{}, nil, err
	}
	left, c.members[slot] = c.members[slot], m
	left.excused = true
	c.retired = append(c.retired, left)
	return endpoint{slot: slot, id: m.id, url: m.url(), life: m.life}, left, nil
}

// retire ends a member that is no longer part of the cluster.
func (c *cluster) retire(m *member) {
	m.process.Kill()
	c.network.Unregister(m.id)
}

// heal ends every fault: the network, disks and frozen processes. Processes that are gone are started again, and so are
// those whose disk was broken, whether they have noticed or not.
func (c *cluster) heal(suspects []int) error {
	c.network.HealAll()
	var errs []error
	for slot := range c.slots() {
		errs = append(errs, c.breakDisk(slot, ""), c.freeze(slot, false))
	}
	for _, slot := range suspects {
		c.kill(slot)
	}
	for slot := range c.slots() {
		errs = append(errs, c.start(slot))
	}
	return errors.Join(errs...)
}

// reap notes members that ended by themselves, and starts them again.
func (c *cluster) reap() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range c.members {
		if m.life == 0 || m.process.Running() || m.excused || m.told {
			continue
		}
		m.told = true
		c.deaths = append(c.deaths, fmt.Sprintf("member %d, life %d, ended by itself (%v), see %s\n%s", m.id, m.life, m.process.Err(), m.logFile(), tail(m.logFile())))
		if err := c.startMember(m); err != nil {
			return err
		}
	}
	return nil
}

// tail returns the end of a file.
func tail(path string) string {
	const most = 2000
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-most):])
}

// supervise reaps until stop is closed.
func (c *cluster) supervise(stop <-chan struct{}, failed func(error)) {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return
		case <-ticker.C:
		}
		if err := c.reap(); err != nil {
			failed(err)
		}
	}
}

// unexcused returns what is known of members that ended by themselves.
func (c *cluster) unexcused() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.deaths...)
}

// close kills all processes and ends the proxy.
func (c *cluster) close() error {
	c.mu.Lock()
	members := append(append([]*member(nil), c.members...), c.retired...)
	for _, m := range members {
		m.excused = true
	}
	c.mu.Unlock()
	for _, m := range members {
		m.process.Kill()
	}
	c.nursery.Close()
	return c.network.Close()
}
