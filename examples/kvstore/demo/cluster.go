package demo

// The members of the demo: where they listen, how their processes are started, adding one more.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/seed695671cb/raft/examples/kvstore/proxy"
)

// maxMembers bounds how many processes one demo runs.
const maxMembers = 9

// Errors that the controls turn into statuses.
var (
	errUnknownMember = errors.New("there is no such member")
	errWrongState    = errors.New("the member's state does not allow it")
)

// A member is one place in the cluster; processes come and go in it.
type member struct {
	id          uint64
	addr        string // host and port
	args        []string
	child       *child
	joined      bool // added after the cluster had begun
	partitioned bool
}

func (m *member) url() string { return "http://" + m.addr }

// A cluster is the set of members that the demo runs.
type cluster struct {
	config  Config
	out     io.Writer // written to by one goroutine at a time
	starter *starter
	network *proxy.Proxy
	control string  // host and port of the controls
	stored  *layout // of an earlier run in the same directory, or nil

	adding sync.Mutex // held while a member is added, which takes long

	mu       sync.Mutex
	members  []*member // sorted by ID
	stopping bool
	watching sync.WaitGroup
}

func newCluster(config Config, control string, stored *layout) (*cluster, error) {
	network, err := proxy.Listen("127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return &cluster{
		config:  config,
		out:     &lockedWriter{w: config.Out},
		starter: newStarter(),
		network: network,
		control: control,
		stored:  stored,
	}, nil
}

// A lockedWriter lets several goroutines print whole lines.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// places lists the members to start, those of the earlier run if there was one.
func (c *cluster) places() []*member {
	var members []*member
	if c.stored != nil {
		for _, p := range c.stored.Members {
			members = append(members, &member{id: p.ID, joined: p.Joined})
		}
		return members
	}
	for id := uint64(1); id <= uint64(c.config.Members); id++ {
		members = append(members, &member{id: id})
	}
	return members
}

// keep writes down who listens where; mu must be held.
func (c *cluster) keep() error {
	l := layout{Control: c.control}
	for _, m := range c.members {
		l.Members = append(l.Members, place{ID: m.id, Addr: m.addr, Joined: m.joined})
	}
	return l.save(c.config.Dir)
}

// startAll places the first members and starts their processes.
func (c *cluster) startAll() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	reserved := reservation{}
	defer reserved.releaseAll()
	for _, m := range c.places() {
		addr, err := c.address(m.id)
		if err != nil {
			return err
		}
		m.addr = addr
		reserved.take(m)
		c.place(m)
	}
	if err := c.keep(); err != nil {
		return err
	}
	for _, m := range c.members {
		m.args = c.arguments(m)
		reserved.release(m)
		if err := c.launch(m); err != nil {
			return err
		}
	}
	return nil
}

// place must be called with mu held.
func (c *cluster) place(m *member) {
	c.members = append(c.members, m)
	slices.SortFunc(c.members, func(a, b *member) int { return int(a.id) - int(b.id) })
	c.network.Register(m.id, m.addr)
}

// arguments must be called with mu held.
func (c *cluster) arguments(m *member) []string {
	peers := make([]string, 0, len(c.members))
	for _, other := range c.members {
		peers = append(peers, fmt.Sprintf("%d=%s", other.id, other.url()))
	}
	args := []string{
		"serve", "--id", strconv.FormatUint(m.id, 10), "--listen", m.addr, "--peers", strings.Join(peers, ","),
		"--data", c.dir(m), "--cluster", "demo", "--peer-proxy", c.network.URL(m.id), "--demo", "http://" + c.control,
	}
	if m.joined {
		args = append(args, "--join")
	}
	return args
}

func (c *cluster) dir(m *member) string {
	return filepath.Join(c.config.Dir, strconv.FormatUint(m.id, 10))
}

func (c *cluster) logFile(m *member) string { return filepath.Join(c.dir(m), "log.txt") }

// launch starts the member's process; mu must be held.
func (c *cluster) launch(m *member) error {
	if c.stopping {
		return fmt.Errorf("member %d is not started, the demo is ending: %w", m.id, errWrongState)
	}
	started, err := c.starter.start(c.config.Program, m.args, append(os.Environ(), c.config.Env...), c.logFile(m))
	if err != nil {
		return fmt.Errorf("member %d: %w", m.id, err)
	}
	m.child = started
	c.watching.Go(func() {
		<-started.ended
		c.mu.Lock()
		stopping := c.stopping
		c.mu.Unlock()
		if !stopping {
			fmt.Fprintf(c.out, "member %d has ended: %s\n", m.id, started.outcome())
		}
	})
	return nil
}

// find must be called with mu held.
func (c *cluster) find(id uint64) (*member, error) {
	for _, m := range c.members {
		if m.id == id {
			return m, nil
		}
	}
	return nil, fmt.Errorf("member %d: %w", id, errUnknownMember)
}

// all returns the members as they are now.
func (c *cluster) all() []*member {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.members)
}

// stop ends all processes and everything else, and returns when all of it is gone.
func (c *cluster) stop() {
	c.mu.Lock()
	c.stopping = true
	members := slices.Clone(c.members)
	c.mu.Unlock()
	var ending sync.WaitGroup
	for _, m := range members {
		if m.child != nil {
			ending.Go(m.child.stop)
		}
	}
	ending.Wait()
	c.watching.Wait()
	c.starter.close()
	_ = c.network.Close()
}

// add starts one more process with an empty log, and has the cluster take it as a member.
func (c *cluster) add(ctx context.Context, id uint64) error {
	c.adding.Lock()
	defer c.adding.Unlock()
	m, err := c.placeNew(id)
	if err != nil {
		return err
	}
	err = c.join(ctx, m)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		return c.keep()
	}
	c.network.Unregister(id)
	c.members = slices.DeleteFunc(c.members, func(other *member) bool { return other == m })
	return errors.Join(err, m.child.kill())
}

func (c *cluster) placeNew(id uint64) (*member, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if id < 1 || id > maxMembers {
		return nil, fmt.Errorf("member %d: the demo has members 1 to %d: %w", id, maxMembers, errUnknownMember)
	}
	if _, err := c.find(id); err == nil {
		return nil, fmt.Errorf("member %d is there already: %w", id, errWrongState)
	}
	addr, err := c.address(id)
	if err != nil {
		return nil, err
	}
	m := &member{id: id, addr: addr, joined: true}
	c.place(m)
	m.args = c.arguments(m)
	if err := c.launch(m); err != nil {
		c.network.Unregister(id)
		c.members = slices.DeleteFunc(c.members, func(other *member) bool { return other == m })
		return nil, err
	}
	c.applyPartitions()
	return m, nil
}
