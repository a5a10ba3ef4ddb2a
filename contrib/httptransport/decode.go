package httptransport

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/seed695671cb/raft"
	"github.com/seed695671cb/raft/replica"

	pb "github.com/seed695671cb/raft/raftpb"
)

// Decoding the messages of a frame, which may say anything: what is allocated stays in proportion to what has arrived.

const (
	// maxBatch is how many messages are decoded before they are delivered: heartbeats are a hundred times as big in memory.
	maxBatch = 1024
	// minEntryBytes is what an entry takes at least in a message: its key and length, and type, term and index.
	minEntryBytes = 8
	// aliasAlways is the size up to which a frame is kept in memory for the sake of any message in it, and aliasShare is how
	// many times as big as a message that keeps it a frame may be beyond.
	aliasAlways = 64 << 10
	aliasShare  = 4
	// arenaBytes is how much room for contexts is allocated at once.
	arenaBytes = 1 << 10
)

// A decoder decodes frames from one host to another.
type decoder struct {
	from, to uint64
	deliver  func(batch []replica.Message)
	refuse   func(err error) // told of each message that is not let through

	batch []replica.Message
	arena []byte
}

// decode delivers the messages of a body. It reports whether messages keep the body, and an error if it is malformed;
// messages before the damage are delivered.
func (d *decoder) decode(body []byte) (kept bool, err error) {
	f := fields{rest: body}
	before := beforeFirst()
	for len(f.rest) > 0 && f.err == nil {
		tag := f.rest[0]
		f.rest = f.rest[1:]
		d.batch = append(d.batch, replica.Message{})
		m := &d.batch[len(d.batch)-1]
		if tag == 0 {
			kept = d.message(&f, m, len(body)) || kept
		} else {
			f.heartbeat(tag, &before, m)
			m.From, m.To = d.from, d.to
			m.Context = d.copyContext(m.Context)
		}
		d.admit(f.err == nil)
	}
	d.flush()
	return kept, f.err
}

// message reads a record that bears an encoded message. It reports whether the message keeps the frame.
func (d *decoder) message(f *fields, m *replica.Message, frame int) (kept bool) {
	m.Group = f.number("the group of a message")
	encoded := f.bytes("the length of a message")
	if f.err != nil {
		return false
	}
	if err := checkShape(encoded); err != nil {
		f.fail(err.Error())
		return false
	}
	kept = frame <= aliasAlways || len(encoded)*aliasShare >= frame
	decode := m.Unmarshal
	if kept {
		decode = m.UnmarshalAlias
	}
	if err := decode(encoded); err != nil {
		f.fail(err.Error())
	}
	return kept
}

// admit lets the last message through, or takes it away.
func (d *decoder) admit(intact bool) {
	last := &d.batch[len(d.batch)-1]
	err := checkMessage(&last.Message, d.from, d.to)
	if !intact || err != nil {
		*last = replica.Message{}
		d.batch = d.batch[:len(d.batch)-1]
	}
	if intact && err != nil {
		d.refuse(err)
	}
	if len(d.batch) == maxBatch {
		d.flush()
	}
}

// flush delivers what was decoded.
func (d *decoder) flush() {
	if len(d.batch) > 0 {
		d.deliver(d.batch)
	}
	clear(d.batch)
	d.batch = d.batch[:0]
}

// copyContext copies a context out of the frame, which then need not be kept for a few bytes.
func (d *decoder) copyContext(context []byte) []byte {
	if context == nil {
		return nil
	}
	if len(d.arena) < len(context) {
		d.arena = make([]byte, max(arenaBytes, len(context)))
	}
	n := copy(d.arena, context)
	out := d.arena[:n:n]
	d.arena = d.arena[n:]
	return out
}

// checkMessage says why a message is not one that host from may send to host to.
func checkMessage(m *pb.Message, from, to uint64) error {
	switch {
	case m.To != to:
		return fmt.Errorf("%s for host %d, this is host %d", m.Type, m.To, to)
	case m.From != from && !isPassedOn(m.Type):
		return fmt.Errorf("%s of host %d, sent by host %d", m.Type, m.From, from)
	case raft.IsLocalMsgTarget(m.From):
		return fmt.Errorf("%s of a storage thread", m.Type)
	case m.Type == pb.MsgForgetLeader || raft.IsLocalMsg(m.Type):
		return fmt.Errorf("%s, which is for use within a host only", m.Type)
	case m.Type < 0 || m.Type > pb.MsgForgetLeader:
		return fmt.Errorf("message type %d, which is not known", int32(m.Type))
	}
	return nil
}

// isPassedOn reports whether members pass messages of the type on for others: requests to the leader. From is then who
// asked, or whom it is about.
func isPassedOn(t pb.MessageType) bool {
	return t == pb.MsgProp || t == pb.MsgReadIndex || t == pb.MsgTransferLeader
}

// The fields of an encoded message that checkShape looks at, and the wire types.
const (
	fieldEntries   = 7
	fieldResponses = 14

	wireVarint  = 0
	wireFixed64 = 1
	wireBytes   = 2
	wireFixed32 = 5
)

// checkShape refuses encoded messages that would become far larger when decoded: those with responses, which no host sends
// to another, and those with entries shorter than entries are.
func checkShape(b []byte) error {
	size, entries := len(b), 0
	for len(b) > 0 {
		key, n := binary.Uvarint(b)
		if n <= 0 {
			return errors.New("the key of a field of a message")
		}
		b = b[n:]
		switch key >> 3 {
		case fieldEntries:
			entries++
		case fieldResponses:
			return errors.New("a message with responses, which are for use within a host only")
		}
		n = fieldBytes(b, key&7)
		if n < 0 {
			return fmt.Errorf("field %d of a message", key>>3)
		}
		b = b[n:]
	}
	if entries*minEntryBytes > size {
		return fmt.Errorf("%d entries in %d bytes", entries, size)
	}
	return nil
}

// fieldBytes returns how many bytes a field takes behind its key, -1 if it is none.
func fieldBytes(b []byte, wire uint64) int {
	n := -1
	switch wire {
	case wireVarint:
		_, n = binary.Uvarint(b)
	case wireFixed64:
		n = 8
	case wireFixed32:
		n = 4
	case wireBytes:
		length, head := binary.Uvarint(b)
		if head > 0 && length <= uint64(len(b)-head) {
			n = head + int(length)
		}
	}
	if n <= 0 || n > len(b) {
		return -1
	}
	return n
}
