// Command worker is the process of a member of a mixed cluster. It embeds one replica of the library that it was built
// with, and does what it is asked on its standard input; see package wire. The driver owns everything else: what is
// durable, what is sent to whom, and when time passes.
//
// Build tags choose the library: etcd36 and etcd37 with the module file of the same name in peers, none for the library
// of this repository.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/seed695671cb/raft/interop/wire"
)

func main() {
	conn := wire.NewConn(os.Stdin, os.Stdout)
	quiet()
	if err := serve(conn); err != nil {
		fmt.Fprintln(os.Stderr, "worker of", libraryName+":", err)
		os.Exit(1)
	}
}

// serve answers requests until there are no more.
func serve(conn *wire.Conn) error {
	m := &member{}
	for {
		req, err := conn.Receive()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		op := wire.Op(req.Uint())
		a := m.answer(op, req)
		if op == wire.OpWrite || op == wire.OpCompact {
			m.noteUnanswered(op, a)
			continue
		}
		if m.unanswered.outcome != wire.OutcomeDone {
			a = m.unanswered
		}
		m.unanswered = answer{}
		e := conn.Begin()
		a.encode(e, m)
		if err := conn.Send(e); err != nil {
			return err
		}
	}
}

// answer is what a request led to.
type answer struct {
	outcome wire.Outcome
	text    string
	// result appends the result.
	result func(*wire.Encoder)
}

func (a *answer) encode(e *wire.Encoder, m *member) {
	e.Uint(uint64(a.outcome))
	if a.outcome != wire.OutcomeDone {
		e.Bytes([]byte(a.text))
	}
	if a.outcome == wire.OutcomePanic || a.outcome == wire.OutcomeStorage {
		return
	}
	s := m.status()
	s.Encode(e)
	if a.result != nil {
		a.result(e)
	}
}

// noteUnanswered keeps the first failure to follow the disk, for the next answer.
func (m *member) noteUnanswered(op wire.Op, a answer) {
	if a.outcome != wire.OutcomeDone && m.unanswered.outcome == wire.OutcomeDone {
		m.unanswered = answer{outcome: wire.OutcomeStorage, text: fmt.Sprintf("%s: %s", op, a.text)}
	}
}

// answer does what is asked. A panic of the library is an answer too; the replica is not to be used any more.
func (m *member) answer(op wire.Op, req *wire.Decoder) (a answer) {
	defer func() {
		if r := recover(); r != nil {
			a = answer{outcome: wire.OutcomePanic, text: fmt.Sprintf("%s: %v\n%s", op, r, stack())}
		}
	}()
	m.storage.busy = req.Bool()
	result, err := m.do(op, req)
	if err == nil {
		err = req.Err()
	}
	if err != nil {
		return answer{outcome: outcomeOf(err), text: err.Error()}
	}
	return answer{result: result}
}
