package rafttest_test

import (
	"encoding/binary"
	"fmt"

	"github.com/seed695671cb/raft/rafttest"
)

// counter is a state machine that adds up what it is told to.
type counter struct{ total uint64 }

func (c *counter) Apply(_ uint64, command []byte) { c.total += uint64(command[0]) }

func (c *counter) Digest() uint64 { return c.total }

func (c *counter) Snapshot() ([]byte, error) { return binary.BigEndian.AppendUint64(nil, c.total), nil }

func (c *counter) Restore(snapshot []byte) error {
	c.total = binary.BigEndian.Uint64(snapshot)
	return nil
}

// A state machine of one's own, at three members that crash, lose messages and take snapshots: after the same index all
// of them must have the same state.
func ExampleRun() {
	result := rafttest.Run(rafttest.Options{
		Seed: 1, Events: 5000, Nodes: 3,
		NewStateMachine: func(uint64) rafttest.StateMachine { return &counter{} },
		Command:         func(src rafttest.Source) []byte { return []byte{byte(src.Choose(100))} },
	})
	if v := result.Violation; v != nil {
		fmt.Println(v.Property, v.Detail)
	}
	fmt.Println(result.Stats.Writes > 0, result.Stats.Recoveries)
	// Output: true 1
}
