package rafttest

import (
	"errors"
	"fmt"

	"github.com/seed695671cb/raft"
	"github.com/seed695671cb/raft/internal/linear"
	"github.com/seed695671cb/raft/rafttest/trace"
)

// Linearizability: every command and every read takes effect at one moment between its call and its return (Raft §8).
// Reads are looked at when the library answers one, operations when they end, and at the end of the run all that clients
// saw of the registers.

// checkRead checks the answer to a request: the index that it gives is not below what anybody knew to be committed when
// the request was made.
func (g *group) checkRead(m *member, r *pendingRead, index uint64) {
	if index < r.floor {
		g.fail("linearizable reads", []uint64{m.id}, "member %d is told that it may read at index %d; when client %d asked, %d was known "+
			"to be committed", m.id, index, r.client, r.floor)
	}
}

// operationDone takes note of what a client was given, and checks it against what ended before it was asked for.
func (g *group) operationDone(m *member, c *client, index uint64, op linear.Operation) {
	g.history = append(g.history, op)
	g.hash.Add(op.Value<<1 ^ index)
	if v := g.online.Done(c.floor, op, index); v != nil {
		g.fail("linearizability", []uint64{m.id}, "at member %d: %s", m.id, v.Explanation)
	}
}

// checkHistory checks what the clients saw.
func (g *group) checkHistory() {
	for i := range g.clients {
		g.giveUp(i)
	}
	v := linear.Check(g.history)
	if v == nil {
		return
	}
	var evidence []string
	for _, op := range v.Operations {
		evidence = append(evidence, describeOperation(&op))
	}
	panic(violation{trace.Violation{Property: "linearizability", Detail: v.Explanation, Evidence: evidence}})
}

func describeOperation(op *linear.Operation) string {
	verb := "reads"
	if op.Write {
		verb = "writes"
	}
	until := fmt.Sprint(op.Return)
	if op.Return == linear.Pending {
		until = "an unknown time"
	}
	return fmt.Sprintf("client %d %s %#x, register %d, between event %d and %s", op.Client, verb, op.Value, op.Key, op.Call, until)
}

// checkProposalError checks that a refused proposal says why.
func (g *group) checkProposalError(m *member, err error) {
	if !errors.Is(err, raft.ErrProposalDropped) {
		g.fail("no panic, no refusal", []uint64{m.id}, "member %d refuses a proposal: %v", m.id, err)
	}
}
