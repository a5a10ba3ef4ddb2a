// Package wire is how the driver of a mixed cluster and the process of a member talk: frames over a pipe, one request
// at a time. Whatever belongs to Raft (messages, entries, snapshots, states, membership changes) travels as the protobuf
// bytes that members send each other, so that both sides may have it from different libraries. The package knows none.
package wire

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
)

// Op is what a request asks for. Every one but OpWrite and OpCompact is answered.
type Op uint8

// The requests, with what follows in them.
const (
	OpStart             Op = iota // a Start
	OpWrite                       // snapshot, entries, hard state
	OpCompact                     // snapshot, the index up to which entries are removed
	OpTick                        // nothing
	OpTickQuiesced                // nothing
	OpStep                        // message
	OpHasReady                    // nothing; answered by a bool
	OpReady                       // nothing; answered by a Ready
	OpAdvance                     // nothing
	OpPropose                     // data
	OpProposeConfChange           // whether it is in the old form, change
	OpApplyConfChange             // whether it is in the old form, change; answered by a configuration
	OpReadIndex                   // context
	OpTransferLeader              // member
	OpForgetLeader                // nothing
	OpCampaign                    // nothing
	OpReportUnreachable           // member
	OpReportSnapshot              // member, whether it failed
	OpDescribe                    // nothing; answered by a line for people
	opCount
)

// String names the request.
func (o Op) String() string {
	names := [opCount]string{
		"start", "write", "compact", "tick", "tick quiesced", "step", "has ready", "ready", "advance", "propose",
		"propose conf change", "apply conf change", "read index", "transfer leader", "forget leader", "campaign",
		"report unreachable", "report snapshot", "describe",
	}
	if o >= opCount {
		return fmt.Sprintf("request %d", uint8(o))
	}
	return names[o]
}

// Outcome is how a request ended.
type Outcome uint8

// The outcomes. All but OutcomeDone are followed by a text.
const (
	OutcomeDone    Outcome = iota // a Status and the result follow
	OutcomeRefused                // the library returned an error; a Status follows the text
	OutcomeDropped                // the same, and it was the one for a dropped proposal
	OutcomeInvalid                // the same, and it was for a message that no member sends
	OutcomeStorage                // the copy of the disk failed to follow a write
	OutcomePanic                  // the library panicked
)

// MaxFrame is the most that a frame may hold: far above any that a simulated member makes.
const MaxFrame = 1 << 28

// Conn is one end of the pipe. It is used from one goroutine.
type Conn struct {
	r   *bufio.Reader
	w   io.Writer
	in  []byte
	out []byte
}

// NewConn returns a connection that reads frames from r and writes them to w.
func NewConn(r io.Reader, w io.Writer) *Conn {
	return &Conn{r: bufio.NewReaderSize(r, 1<<16), w: w}
}

// Begin returns an encoder for the next frame.
func (c *Conn) Begin() *Encoder {
	return &Encoder{b: append(c.out[:0], 0, 0, 0, 0)}
}

// Send sends the frame that Begin has begun.
func (c *Conn) Send(e *Encoder) error {
	c.out = e.b
	binary.LittleEndian.PutUint32(e.b, uint32(len(e.b)-4))
	_, err := c.w.Write(e.b)
	return err
}

// Receive returns the next frame, which holds until the next call.
func (c *Conn) Receive() (*Decoder, error) {
	var head [4]byte
	if _, err := io.ReadFull(c.r, head[:]); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint32(head[:])
	if n > MaxFrame {
		return nil, fmt.Errorf("a frame of %d bytes, the limit is %d: the other end speaks something else", n, MaxFrame)
	}
	if uint32(cap(c.in)) < n {
		c.in = make([]byte, n)
	}
	c.in = c.in[:n]
	if _, err := io.ReadFull(c.r, c.in); err != nil {
		return nil, err
	}
	return &Decoder{b: c.in}, nil
}
