package main

// Linearizable reads (thesis §6.4). Nothing is written to the log for them: the node is asked for an index, and once
// the state machine has applied that much, it may be read.

import (
	"context"
	"encoding/binary"
	"errors"

	"github.com/seed695671cb/raft"
)

// errDown says that a replica ended before it could answer.
var errDown = errors.New("the replica is down")

// read is a question to the state machine. It is asked on the replica's goroutine.
type read struct {
	query  func() string
	answer chan answer // has room for the answer
}

type answer struct {
	text string
	err  error
}

// reads are the questions that a replica has not answered. Each has a number, by which the node refers to it.
type reads struct {
	last      uint64
	asked     map[uint64]read // those that have no index yet
	confirmed []confirmedRead
}

// confirmedRead can be answered when the entries up to index are applied.
type confirmedRead struct {
	index uint64
	read  read
}

func newReads() reads {
	return reads{asked: make(map[uint64]read)}
}

// read asks the replica a question. The answer, or an error, will come; after an error it is safe to ask again.
func (r *replica) read(query func() string) <-chan answer {
	question := read{query: query, answer: make(chan answer, 1)}
	ok := r.do(func() {
		number := r.reads.add(question)
		// An error means that the node has stopped; then the replica is about to end, and all its reads fail.
		_ = r.node.ReadIndex(context.Background(), binary.BigEndian.AppendUint64(nil, number))
	})
	if !ok {
		question.answer <- answer{err: errDown}
	}
	return question.answer
}

func (rs *reads) add(question read) (number uint64) {
	rs.last++
	rs.asked[rs.last] = question
	return rs.last
}

// take removes and returns the question that the node's context stands for.
func (rs *reads) take(ctx []byte) read {
	number := binary.BigEndian.Uint64(ctx)
	question := rs.asked[number]
	delete(rs.asked, number)
	return question
}

// confirm takes the indexes that the node has found.
func (rs *reads) confirm(states []raft.ReadState) {
	for _, state := range states {
		rs.confirmed = append(rs.confirmed, confirmedRead{index: state.Index, read: rs.take(state.RequestCtx)})
	}
}

// lose takes the questions that the node cannot find an index for, since leadership has changed, for example.
func (rs *reads) lose(lost []raft.LostRead) {
	for _, l := range lost {
		rs.take(l.RequestCtx).answer <- answer{err: l.Reason}
	}
}

// answer answers the questions that can be when the entries up to applied are, and reports whether there were any.
func (rs *reads) answer(applied uint64) bool {
	waiting := rs.confirmed[:0]
	for _, c := range rs.confirmed {
		if c.index > applied {
			waiting = append(waiting, c)
			continue
		}
		c.read.answer <- answer{text: c.read.query()}
	}
	answered := len(waiting) < len(rs.confirmed)
	clear(rs.confirmed[len(waiting):])
	rs.confirmed = waiting
	return answered
}

// fail ends all questions with an error.
func (rs *reads) fail(err error) {
	for _, question := range rs.asked {
		question.answer <- answer{err: err}
	}
	for _, c := range rs.confirmed {
		c.read.answer <- answer{err: err}
	}
}
