// The cursor on which decode.go walks over an encoded message: one field after the other, each read into its place or
// skipped. What it refuses, and by which error, is what the generated decoders refuse.

package raftpb

import (
	"fmt"
	"io"
	"math"
	"slices"
)

// keyMask covers what the generated decoders look at of a key: the wire type, and a number of 32 bits.
const keyMask = 1<<(wireBits+32) - 1

// A cursor walks over the fields of one message. Its loop is
//
//	for c.next(name) {
//		switch c.key { ... }
//	}
//
// where each case reads the current field by one call, or skips it. The first error stops the loop, and is then in err;
// what the failed call returns means nothing.
type cursor struct {
	in    []byte
	at    int    // in in: what follows what has been read
	start int    // in in: where the current field begins
	key   uint64 // of the current field
	err   error

	// alias says that the bytes of a field stay where they are, as a part of in. Otherwise they are copied.
	alias bool
	// depth is how many messages this one is nested in as a response.
	depth int
}

// inner returns a cursor over a part of what c walks over. It is nested as deep as c.
func (c *cursor) inner(part []byte) cursor {
	return cursor{in: part, alias: c.alias, depth: c.depth}
}

// next reads the next field's key; message names the message in errors.
func (c *cursor) next(message string) bool {
	if c.err != nil || c.at == len(c.in) {
		return false
	}
	c.start = c.at
	key := c.varint()
	if c.err != nil {
		return false
	}
	c.key = key & keyMask
	number := int32(c.key >> wireBits)
	switch {
	case c.key&wireMask == wireEndGroup:
		c.err = fmt.Errorf("proto: %s: wiretype end group for non-group", message)
	case number <= 0:
		c.err = fmt.Errorf("proto: %s: illegal tag %d (wire type %d)", message, number, key)
	}
	return c.err == nil
}

// skip passes over the current field, whose key is none that its message expects. A number among fields, the names of
// the message's fields, is there with the wrong wire type, which is an error.
func (c *cursor) skip(fields []string) {
	number := c.key >> wireBits
	if number < uint64(len(fields)) && fields[number] != "" {
		c.err = fmt.Errorf("proto: wrong wireType = %d for field %s", c.key&wireMask, fields[number])
		return
	}
	c.skipAny()
}

// skipAny passes over the current field, whatever it is.
func (c *cursor) skipAny() {
	length, err := skipRaft(c.in[c.start:])
	if err != nil {
		c.err = err
		return
	}
	c.advance(c.start, uint64(length))
}

// payload reads a length and returns the bytes behind it, which are a part of c.in. It is nil only after an error.
func (c *cursor) payload() []byte {
	length := c.varint()
	start := c.at
	if c.err == nil {
		c.advance(start, length)
	}
	if c.err != nil {
		return nil
	}
	return c.in[start:c.at]
}

// bytes reads a length and returns what the message is to hold of the bytes behind it: an empty slice, not nil, if there
// are none.
func (c *cursor) bytes() []byte {
	payload := c.payload()
	if c.alias {
		return slices.Clip(payload)
	}
	return clone(payload)
}

// clone is bytes.Clone, and faster: the compiler makes one step of the two, in which nothing is zeroed.
func clone(b []byte) []byte {
	if b == nil {
		return nil
	}
	c := make([]byte, len(b))
	copy(c, b)
	return c
}

// advance moves c to the end of what begins at start and is length bytes long.
func (c *cursor) advance(start int, length uint64) {
	switch {
	case length > uint64(math.MaxInt-start):
		c.err = ErrInvalidLengthRaft
	case length > uint64(len(c.in)-start):
		c.err = io.ErrUnexpectedEOF
	default:
		c.at = start + int(length)
	}
}

// varint reads a number, at most ten bytes with seven bits in each, of which bits beyond the 64th are dropped.
func (c *cursor) varint() uint64 {
	in, at := c.in, c.at
	var v uint64
	for shift := uint(0); shift < 64; shift += 7 {
		if at >= len(in) {
			c.err = io.ErrUnexpectedEOF
			return 0
		}
		b := in[at]
		at++
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			c.at = at
			return v
		}
	}
	c.err = ErrIntOverflowRaft
	return 0
}
