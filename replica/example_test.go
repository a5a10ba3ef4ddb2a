package replica_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"time"

	"github.com/seed695671cb/raft/replica"
)

// A counter is a state machine: commands are numbers to add, results the sum.
type counter struct{ sum int }

func (c *counter) Apply(commands []replica.Command) ([][]byte, error) {
	results := make([][]byte, len(commands))
	for i, command := range commands {
		n, _ := strconv.Atoi(string(command.Data))
		c.sum += n
		results[i] = []byte(strconv.Itoa(c.sum))
	}
	return results, nil
}

func (c *counter) Capture() (replica.View, error)   { return sum(c.sum), nil }
func (c *counter) Restore(contents io.Reader) error { return json.NewDecoder(contents).Decode(&c.sum) }

// sum is a view of a counter.
type sum int

func (s sum) WriteTo(w io.Writer) (int64, error) {
	n, err := fmt.Fprintln(w, int(s))
	return int64(n), err
}
func (s sum) Close() error { return nil }

// Three members in one process, with memory in place of disks and network. A program uses contrib/pebblelog and
// contrib/httptransport instead, and runs one member in each process.
func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	network := replica.NewMemoryNetwork()
	peers := []replica.Member{{ID: 1, Address: "one"}, {ID: 2, Address: "two"}, {ID: 3, Address: "three"}}
	var members []*replica.Replica
	for _, p := range peers {
		r, err := replica.Run(
			replica.HostConfig{
				ID: p.ID, Store: replica.NewMemoryLogStore(), Transport: network.Transport(p.ID),
				Tick: 50 * time.Millisecond, Logger: slog.New(slog.DiscardHandler),
			},
			replica.Config{StateMachine: &counter{}, Peers: peers})
		if err != nil {
			fmt.Println(err)
			return
		}
		defer r.Stop(ctx)
		members = append(members, r)
	}

	// Any member takes a proposal; the result comes from the state machine.
	for _, number := range []string{"40", "2"} {
		if _, err := members[1].Propose(ctx, []byte(number)); err != nil {
			fmt.Println(err)
		}
	}
	// Through a session a command is applied once although it is proposed again when its outcome is not known.
	session, err := members[2].OpenSession(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	result, err := session.Propose(ctx, []byte("100"))
	fmt.Println(string(result.Data), err)

	// After Read, the state machine of that member may be read. (A state machine that is read while it applies guards its
	// state; here nothing is being applied.)
	_, err = members[0].Read(ctx, replica.Linearizable)
	fmt.Println(err, members[0].Status().Members[2].Address)
	// Output:
	// 142 <nil>
	// <nil> three
}
