package httptransport

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/seed695671cb/raft/replica"

	pb "github.com/seed695671cb/raft/raftpb"
)

// Records: the messages of a frame, one after the other. The first byte is a tag. Numbers are unsigned varints.
//
//	0                  group, length, and a raftpb.Message of that length
//	heartbeats         [group] [term] [commit] [length of the context, context], as the bits of the tag say
//
// Heartbeats and their responses are what an idle host of many groups sends, all of them at each tick. From and To are those
// of the stream, and group and term are left out where they follow from the heartbeat before in the same frame.

// The bits of a tag.
const (
	tagHeartbeat  = 1 << 0
	tagResponse   = 1 << 1
	tagSameTerm   = 1 << 2 // as that of the heartbeat before
	tagNextGroup  = 1 << 3 // the one after that of the heartbeat before
	tagHasCommit  = 1 << 4 // otherwise it is 0
	tagHasContext = 1 << 5 // otherwise it is nil
	tagUnused     = 0xff &^ (1<<6 - 1)
)

// A heartbeatBefore is what heartbeats are encoded relative to.
type heartbeatBefore struct{ group, term uint64 }

// beforeFirst returns that of the beginning of a frame.
func beforeFirst() heartbeatBefore { return heartbeatBefore{group: math.MaxUint64} }

// isCompact reports whether a message is encoded as a heartbeat: one from and to the hosts of the stream that has nothing
// else in it.
func isCompact(m *pb.Message, from, to uint64) bool {
	if m.Type != pb.MsgHeartbeat && m.Type != pb.MsgHeartbeatResp {
		return false
	}
	return m.From == from && m.To == to && m.LogTerm|m.Index|m.RejectHint|m.Vote == 0 && !m.Reject &&
		m.Entries == nil && m.Snapshot == nil && m.Responses == nil
}

// maxRecordBytes returns a bound on what a message takes, inclusive.
func maxRecordBytes(m *pb.Message, compact bool) int {
	if compact {
		return 1 + 4*binary.MaxVarintLen64 + len(m.Context)
	}
	return 1 + 2*binary.MaxVarintLen64 + m.Size()
}

// appendHeartbeat appends a message that is compact.
func appendHeartbeat(b []byte, before *heartbeatBefore, m *replica.Message) []byte {
	at := len(b)
	tag := byte(tagHeartbeat)
	if m.Type == pb.MsgHeartbeatResp {
		tag = tagResponse
	}
	b = append(b, 0)
	if m.Group == before.group+1 {
		tag |= tagNextGroup
	} else {
		b = binary.AppendUvarint(b, m.Group)
	}
	if m.Term == before.term {
		tag |= tagSameTerm
	} else {
		b = binary.AppendUvarint(b, m.Term)
	}
	if m.Commit != 0 {
		tag |= tagHasCommit
		b = binary.AppendUvarint(b, m.Commit)
	}
	if m.Context != nil {
		tag |= tagHasContext
		b = binary.AppendUvarint(b, uint64(len(m.Context)))
		b = append(b, m.Context...)
	}
	b[at] = tag
	before.group, before.term = m.Group, m.Term
	return b
}

// appendMessage appends any message. b must have the room that maxRecordBytes tells.
func appendMessage(b []byte, m *replica.Message) ([]byte, error) {
	b = append(b, 0)
	b = binary.AppendUvarint(b, m.Group)
	b = binary.AppendUvarint(b, uint64(m.Size()))
	n, err := m.MarshalTo(b[len(b):])
	if err != nil {
		return b, fmt.Errorf("encode %s for group %d: %w", m.Type, m.Group, err)
	}
	return b[:len(b)+n], nil
}

// fields reads the fields of records. After an error it returns zeros.
type fields struct {
	rest []byte
	err  error
}

func (f *fields) fail(what string) {
	if f.err == nil {
		f.err = fmt.Errorf("%w: %s", errMalformed, what)
	}
	f.rest = nil
}

func (f *fields) number(what string) uint64 {
	v, n := binary.Uvarint(f.rest)
	if n <= 0 {
		f.fail(what)
		return 0
	}
	f.rest = f.rest[n:]
	return v
}

// bytes returns a part of what is read.
func (f *fields) bytes(what string) []byte {
	n := f.number(what)
	if n > uint64(len(f.rest)) {
		f.fail(what)
		return nil
	}
	b := f.rest[:n:n]
	f.rest = f.rest[n:]
	return b
}

// heartbeat reads what follows a tag into a message that is empty.
func (f *fields) heartbeat(tag byte, before *heartbeatBefore, m *replica.Message) {
	m.Type = pb.MsgHeartbeat
	if tag&tagResponse != 0 {
		m.Type = pb.MsgHeartbeatResp
	}
	if tag&tagUnused != 0 || tag&tagHeartbeat != 0 && tag&tagResponse != 0 || tag&(tagHeartbeat|tagResponse) == 0 {
		f.fail("the tag of a record")
		return
	}
	m.Group = before.group + 1
	if tag&tagNextGroup == 0 {
		m.Group = f.number("the group of a heartbeat")
	}
	m.Term = before.term
	if tag&tagSameTerm == 0 {
		m.Term = f.number("the term of a heartbeat")
	}
	if tag&tagHasCommit != 0 {
		m.Commit = f.number("the commit index of a heartbeat")
	}
	if tag&tagHasContext != 0 {
		m.Context = f.bytes("the context of a heartbeat")
	}
	before.group, before.term = m.Group, m.Term
}
