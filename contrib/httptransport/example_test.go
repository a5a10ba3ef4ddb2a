package httptransport_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/seed695671cb/raft/contrib/httptransport"
	"github.com/seed695671cb/raft/replica"
	"github.com/stretchr/testify/require"
)

// A counter is a state machine: commands are numbers to add, results the sum.
type counter struct {
	sum     int
	padding []byte // makes snapshots large
}

func (c *counter) Apply(commands []replica.Command) ([][]byte, error) {
	results := make([][]byte, len(commands))
	for i, command := range commands {
		n, err := strconv.Atoi(string(command.Data))
		if err != nil {
			return nil, err
		}
		c.sum += n
		results[i] = []byte(strconv.Itoa(c.sum))
	}
	return results, nil
}

func (c *counter) Capture() (replica.View, error) { return view{c.sum, c.padding}, nil }

func (c *counter) Restore(contents io.Reader) error {
	var v view
	if err := json.NewDecoder(contents).Decode(&v); err != nil {
		return err
	}
	c.sum = v.Sum
	return nil
}

type view struct {
	Sum     int
	Padding []byte
}

func (v view) WriteTo(w io.Writer) (int64, error) { return 0, json.NewEncoder(w).Encode(v) }
func (v view) Close() error                       { return nil }

// A member is one that a process would run.
type member struct {
	*replica.Replica
	server *http.Server
}

func (m *member) stop(ctx context.Context) {
	_ = m.Stop(ctx)
	_ = m.server.Close()
}

// run starts a member that listens.
func run(listener net.Listener, id uint64, config replica.Config) (*member, error) {
	logger := slog.New(slog.DiscardHandler)
	transport, err := httptransport.New(httptransport.Options{ID: id, ClusterID: "example", Logger: logger})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle(httptransport.Prefix, transport.Handler()) // beside the handlers for clients
	server := &http.Server{Handler: mux}
	httptransport.ConfigureServer(server, logger)
	go func() { _ = server.Serve(listener) }()
	host := replica.HostConfig{ID: id, Store: replica.NewMemoryLogStore(), Transport: transport, Tick: 50 * time.Millisecond, Logger: logger}
	r, err := replica.Run(host, config)
	if err != nil {
		return nil, err
	}
	return &member{Replica: r, server: server}, nil
}

// listen returns a listener, and the member that is to use it.
func listen(id uint64) (net.Listener, replica.Member, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, replica.Member{}, err
	}
	return listener, replica.Member{ID: id, Address: "http://" + listener.Addr().String()}, nil
}

// Three members that talk over HTTP/2, here in one process.
func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var listeners []net.Listener
	var peers []replica.Member
	for id := uint64(1); id <= 3; id++ {
		listener, peer, err := listen(id)
		if err != nil {
			fmt.Println(err)
			return
		}
		listeners, peers = append(listeners, listener), append(peers, peer)
	}
	var members []*member
	for i, p := range peers {
		m, err := run(listeners[i], p.ID, replica.Config{StateMachine: &counter{}, Peers: peers})
		if err != nil {
			fmt.Println(err)
			return
		}
		defer m.stop(ctx)
		members = append(members, m)
	}
	for _, m := range members {
		result, err := m.Propose(ctx, []byte("14"))
		fmt.Println(string(result.Data), err)
	}
	// Output:
	// 14 <nil>
	// 28 <nil>
	// 42 <nil>
}

// A member that is added later receives a snapshot, since the log has been compacted.
func TestMemberIsAddedBySnapshot(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	listener, first, err := listen(1)
	require.NoError(t, err)
	one, err := run(listener, 1, replica.Config{
		StateMachine: &counter{padding: make([]byte, 3<<20)}, Peers: []replica.Member{first}, SnapshotEntries: 50, TrailingEntries: 10,
	})
	require.NoError(t, err)
	defer one.stop(ctx)
	sum := 0
	for i := range 200 {
		result, err := one.Propose(ctx, []byte(strconv.Itoa(i)))
		require.NoError(t, err)
		sum += i
		require.Equal(t, strconv.Itoa(sum), string(result.Data))
	}
	require.Eventually(t, func() bool {
		_, _ = one.Compact(ctx) // one of its own accord may be under way
		return one.Status().FirstIndex > 100
	}, time.Minute, 10*time.Millisecond)

	listener, second, err := listen(2)
	require.NoError(t, err)
	two, err := run(listener, 2, replica.Config{StateMachine: &counter{}, Peers: []replica.Member{first}, Join: true})
	require.NoError(t, err)
	defer two.stop(ctx)
	second.Learner = true
	require.NoError(t, one.AddMember(ctx, second))
	_, err = two.Read(ctx, replica.Linearizable)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return one.PromoteMember(ctx, second.ID) == nil }, time.Minute, 10*time.Millisecond,
		"it has caught up, which its leader hears of")
	result, err := two.Propose(ctx, []byte("1"))
	require.NoError(t, err)
	require.Equal(t, strconv.Itoa(sum+1), string(result.Data), "what was before came with the snapshot")
}
