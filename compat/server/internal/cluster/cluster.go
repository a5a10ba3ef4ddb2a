// Package cluster runs clusters of etcd members for a test, in its process or in others, on ports of 127.0.0.1 and in
// directories of the test. When the test ends, a cluster finds out whether its members still hold the same, and whether
// any of them panicked.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
)

// Options say what clusters differ in. Zero means etcd's default, but for Size.
type Options struct {
	Size           int    // members at the start; 3 if 0
	SnapshotCount  uint64 // applied entries between two snapshots on disk
	CatchUpEntries uint64 // entries that stay in the log below a snapshot, for followers that lag
	Token          string // tells clusters of one test apart
	Processes      bool   // each member has a process of its own
}

func (o Options) withDefaults() Options {
	defaults := embed.NewConfig()
	if o.Size == 0 {
		o.Size = 3
	}
	if o.SnapshotCount == 0 {
		o.SnapshotCount = defaults.SnapshotCount
	}
	if o.CatchUpEntries == 0 {
		o.CatchUpEntries = defaults.SnapshotCatchUpEntries
	}
	if o.Token == "" {
		o.Token = "first"
	}
	return o
}

// A Cluster is a set of members. Members may be called from any goroutine, all else by the goroutine of the test only.
type Cluster struct {
	t       testing.TB
	options Options
	dir     string
	named   int // members that ever were; names are not used again
	client  *clientv3.Client

	mu      sync.Mutex
	members []*Member
	removed []*Member
}

// New starts a cluster with a leader. The end of the test stops it, and checks it if nothing else has failed.
func New(t testing.TB, options Options) *Cluster {
	t.Helper()
	c := prepare(t, options)
	c.StartAll()
	return c
}

// prepare makes a cluster whose members are yet to be started.
func prepare(t testing.TB, options Options) *Cluster {
	t.Helper()
	// Etcd then checks itself: its invariants while it runs, and its files when it stops.
	require.NoError(t, os.Setenv("ETCD_VERIFY", "all"))
	c := &Cluster{t: t, options: options.withDefaults(), dir: t.TempDir()}
	for range c.options.Size {
		c.members = append(c.members, c.newMember(c.nextName()))
	}
	initial := c.initialCluster(c.members)
	for _, m := range c.members {
		m.settings.InitialCluster, m.settings.ClusterState = initial, embed.ClusterStateFlagNew
	}
	c.client = newClient(t, c.endpoints()...)
	t.Cleanup(c.finish)
	return c
}

// StartAll starts the members that are stopped, at the same time, and returns when all serve and agree on a leader.
func (c *Cluster) StartAll() {
	c.t.Helper()
	for _, m := range c.Members() {
		if !m.Running() {
			m.launch()
		}
	}
	for _, m := range c.Members() {
		m.awaitReady()
	}
	c.Leader()
}

func (c *Cluster) nextName() string {
	c.named++
	return fmt.Sprintf("m%d", c.named)
}

func (c *Cluster) initialCluster(members []*Member) string {
	var parts []string
	for _, m := range members {
		parts = append(parts, m.Name+"="+m.PeerURL())
	}
	return strings.Join(parts, ",")
}

func (c *Cluster) endpoints() []string {
	var all []string
	for _, m := range c.Members() {
		all = append(all, m.Endpoint())
	}
	return all
}

// Client returns a client that knows every member's endpoint, and goes to another when one fails.
func (c *Cluster) Client() *clientv3.Client { return c.client }

// Members returns the members that belong to the cluster, stopped ones too, in the order in which they joined.
func (c *Cluster) Members() []*Member {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.members)
}

// Running returns the members that are started.
func (c *Cluster) Running() []*Member {
	return slices.DeleteFunc(c.Members(), func(m *Member) bool { return !m.Running() })
}

// Leader returns the leader, once all running members agree on a running one.
func (c *Cluster) Leader() *Member {
	c.t.Helper()
	return c.LeaderAmong(c.Running()...)
}

// LeaderAmong returns the leader that is one of the given members, once all of these agree on it.
func (c *Cluster) LeaderAmong(members ...*Member) *Member {
	c.t.Helper()
	var leader *Member
	Await(c.t, "members agree on a leader among them", func() error {
		lead := members[0].lead()
		at := slices.IndexFunc(members, func(m *Member) bool { return m.ID() == lead })
		if at < 0 {
			return fmt.Errorf("%s takes %x for the leader", members[0].Name, lead)
		}
		leader = members[at]
		for _, m := range members {
			if got := m.lead(); got != lead {
				return fmt.Errorf("%s takes %x for the leader, %s %x", members[0].Name, lead, m.Name, got)
			}
		}
		return nil
	})
	return leader
}

// lead returns the member that this one takes for the leader, 0 if it knows none or does not answer.
func (m *Member) lead() uint64 {
	status, err := m.status()
	if err != nil {
		return 0
	}
	return status.Leader
}

// Clients returns a client for each member, stopped ones too. It may be called from any goroutine.
func (c *Cluster) Clients() []*clientv3.Client {
	var clients []*clientv3.Client
	for _, m := range c.Members() {
		clients = append(clients, m.Client())
	}
	return clients
}

// Followers returns the running members other than the leader.
func (c *Cluster) Followers() []*Member {
	c.t.Helper()
	return c.Others(c.Leader())
}

// Others returns the running members other than the given one.
func (c *Cluster) Others(than *Member) []*Member {
	return slices.DeleteFunc(c.Running(), func(m *Member) bool { return m == than })
}

// Put writes through the client of the cluster until it succeeds. It is for preparing what a test is about.
func (c *Cluster) Put(key, value string) {
	c.t.Helper()
	Await(c.t, "put "+key, func() error {
		ctx, cancel := context.WithTimeout(context.Background(), Patience)
		defer cancel()
		_, err := c.client.Put(ctx, key, value)
		return err
	})
}

// finish checks the cluster, unless the test has failed already, and stops it.
func (c *Cluster) finish() {
	if !c.t.Failed() {
		c.CheckAgreement()
	}
	err := c.client.Close()
	for _, m := range append(c.Members(), c.removed...) {
		err = errors.Join(err, m.client.Close())
		m.Stop()
		if panics := m.Journal.Panics(); len(panics) > 0 {
			c.t.Errorf("member %s logged a panic: %s", m.Name, strings.Join(panics, "\n"))
		}
		if c.t.Failed() {
			c.t.Logf("last lines of member %s:\n%s", m.Name, m.Journal.Tail())
		}
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		c.t.Errorf("close clients: %v", err)
	}
}
