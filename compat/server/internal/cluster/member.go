package cluster

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/etcdserver"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
)

// A Member is one etcd, which can be stopped and started again on the same data and ports. Client may be called from any
// goroutine; everything else by the goroutine of the test only.
type Member struct {
	Name    string
	Journal *Journal

	cluster  *Cluster
	settings settings
	client   *clientv3.Client
	id       uint64 // known since the first start

	// At most one of these is not nil; none is while the member is stopped.
	etcd    *embed.Etcd
	process *process
}

// ID returns the member's identity in the cluster, by which Raft knows it too.
func (m *Member) ID() uint64 { return m.id }

// Client returns a client that talks to this member only, and that connects again when the member is back.
func (m *Member) Client() *clientv3.Client { return m.client }

// Server returns the running server. A member that is a process has none.
func (m *Member) Server() *etcdserver.EtcdServer { return m.etcd.Server }

// Running says whether the member is started.
func (m *Member) Running() bool { return m.etcd != nil || m.process != nil }

// PeerURL returns where other members find this one.
func (m *Member) PeerURL() string { return m.settings.Peer.String() }

// Endpoint returns where clients find the member.
func (m *Member) Endpoint() string { return m.settings.Clients.String() }

// Start starts a stopped member, or a new one, and returns when it serves.
func (m *Member) Start() {
	m.cluster.t.Helper()
	m.launch()
	m.awaitReady()
}

// launch starts the member without waiting for it to join: members of a new cluster need each other for that.
func (m *Member) launch() {
	t := m.cluster.t
	t.Helper()
	require.False(t, m.Running(), "member %s runs already", m.Name)
	if m.cluster.options.Processes {
		m.process = startProcess(t, m.settings, m.Journal)
		return
	}
	etcd, err := embed.StartEtcd(m.settings.config(m.Journal.Logger()))
	require.NoError(t, err, "member %s does not start\n%s", m.Name, m.Journal.Tail())
	m.etcd = etcd
}

// awaitReady returns when the member serves, and is no learner that merely exists: it has heard from a leader.
func (m *Member) awaitReady() {
	t := m.cluster.t
	t.Helper()
	Await(t, "member "+m.Name+" serves", func() error {
		status, err := m.status()
		if err != nil {
			return err
		}
		m.id = status.Header.MemberId
		if status.Leader == 0 {
			return errors.New("it knows no leader")
		}
		return nil
	})
}

// status asks the member what it knows of itself.
func (m *Member) status() (*clientv3.StatusResponse, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return m.client.Status(ctx, m.Endpoint())
}

// Stop stops the member in good order: a leader hands its leadership on.
func (m *Member) Stop() {
	if m.etcd != nil {
		m.etcd.Close()
	}
	if m.process != nil {
		m.process.stop()
	}
	m.etcd, m.process = nil, nil
}

// Kill ends the process of the member, without a word to anybody.
func (m *Member) Kill() {
	m.process.kill()
	m.process = nil
}

// Stall has the process of the member do nothing until Resume.
func (m *Member) Stall() { require.NoError(m.cluster.t, m.process.stall()) }

// Resume has a stalled process go on.
func (m *Member) Resume() { require.NoError(m.cluster.t, m.process.resume()) }

// awaitEnd returns when a member that was removed has stopped by itself.
func (m *Member) awaitEnd() {
	if m.etcd != nil {
		<-m.etcd.Server.StopNotify()
	}
	if m.process != nil {
		<-m.process.ended
	}
	m.Stop()
}

// Restart stops the member in good order and starts it.
func (m *Member) Restart() {
	m.cluster.t.Helper()
	m.Stop()
	m.Start()
}

// newMember prepares a member; it starts later.
func (c *Cluster) newMember(name string) *Member {
	c.t.Helper()
	m := &Member{Name: name, Journal: &Journal{}, cluster: c, settings: settings{
		Name:           name,
		Dir:            filepath.Join(c.dir, name),
		Peer:           freeURL(c.t),
		Clients:        freeURL(c.t),
		Token:          c.options.Token,
		SnapshotCount:  c.options.SnapshotCount,
		CatchUpEntries: c.options.CatchUpEntries,
	}}
	m.client = newClient(c.t, m.Endpoint())
	return m
}

// newClient returns a client that connects again soon after a member is back.
func newClient(t testing.TB, endpoints ...string) *clientv3.Client {
	t.Helper()
	retry := backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.5, MaxDelay: 250 * time.Millisecond}
	client, err := clientv3.New(clientv3.Config{
		Endpoints:   endpoints,
		Logger:      zap.NewNop(),
		DialOptions: []grpc.DialOption{grpc.WithConnectParams(grpc.ConnectParams{Backoff: retry, MinConnectTimeout: time.Second})},
	})
	require.NoError(t, err)
	return client
}

// Value returns what the member has for a key by a read of its own state, which may lag behind; "" if there is nothing.
func (m *Member) Value(ctx context.Context, key string) (string, error) {
	got, err := m.client.Get(ctx, key, clientv3.WithSerializable())
	if err != nil {
		return "", fmt.Errorf("read %q at member %s: %w", key, m.Name, err)
	}
	if len(got.Kvs) == 0 {
		return "", nil
	}
	return string(got.Kvs[0].Value), nil
}
