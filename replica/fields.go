// How this package writes its own small structures as bytes: fields one after the other, fixed or varint, without tags.
// What reads them takes any bytes without panicking, allocates nothing that the input does not pay for, and accepts one
// encoding of a value only, so that equal values have equal bytes.

package replica

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// The first byte of a Record's key says what the record is about.
const (
	recordMembers byte = 'm' // the members table
	recordResult  byte = 'r' // the result of one command of a session
	recordSession byte = 's' // a session
)

// uvarintSize returns how many bytes a varint takes.
func uvarintSize(v uint64) int { return (bits.Len64(v|1) + 6) / 7 }

// blockSize returns how many bytes a block of n bytes takes with its length in front.
func blockSize(n int) int { return uvarintSize(uint64(n)) + n }

// appendBlock appends a block with its length in front.
func appendBlock[T string | []byte](b []byte, block T) []byte {
	b = binary.AppendUvarint(b, uint64(len(block)))
	return append(b, block...)
}

// A fieldReader takes fields off the front of data. After the first error all fields are zero, and done returns it.
type fieldReader struct {
	what string // what is read, for errors
	data []byte
	at   int // Invariant: 0 <= at <= len(data)
	err  error
}

func (r *fieldReader) remaining() int { return len(r.data) - r.at }

// fail makes an error of the field that begins where the reader stands, unless there was one before.
func (r *fieldReader) fail(field, reason string) {
	if r.err != nil {
		return
	}
	r.err = fmt.Errorf("%s: %s at offset %d %s", r.what, field, r.at, reason)
	r.at = len(r.data)
}

func (r *fieldReader) byte(field string) byte {
	if r.remaining() < 1 {
		r.fail(field, "is missing")
		return 0
	}
	r.at++
	return r.data[r.at-1]
}

func (r *fieldReader) fixed64(field string) uint64 {
	if r.remaining() < 8 {
		r.fail(field, "is cut short")
		return 0
	}
	r.at += 8
	return binary.LittleEndian.Uint64(r.data[r.at-8:])
}

func (r *fieldReader) uvarint(field string) uint64 {
	v, n := binary.Uvarint(r.data[r.at:])
	switch {
	case n == 0:
		r.fail(field, "is cut short")
		return 0
	case n < 0:
		r.fail(field, "does not fit 64 bits")
		return 0
	case n != uvarintSize(v):
		r.fail(field, "is not written in the shortest way")
		return 0
	}
	r.at += n
	return v
}

// positive is uvarint for a field that cannot be zero.
func (r *fieldReader) positive(field string) uint64 {
	v := r.uvarint(field)
	if v == 0 {
		r.fail(field, "must not be zero")
	}
	return v
}

// count returns how many elements follow, of at least size bytes each: no more than there are bytes for.
func (r *fieldReader) count(field string, size int) int {
	at := r.at
	n := r.uvarint(field)
	if n > uint64(r.remaining()/size) {
		r.at = min(at, r.at)
		r.fail(field, fmt.Sprintf("is %d, which is more than the bytes that follow can hold", n))
		return 0
	}
	return int(n)
}

// block returns a block that has its length in front. It aliases the data.
func (r *fieldReader) block(field string) []byte {
	n := r.count(field, 1)
	return r.take(n)
}

// rest returns all that is left. It aliases the data.
func (r *fieldReader) rest() []byte { return r.take(r.remaining()) }

func (r *fieldReader) take(n int) []byte {
	b := r.data[r.at : r.at+n : r.at+n]
	r.at += n
	return b
}

// done returns the first error, or one if anything is left.
func (r *fieldReader) done() error {
	if r.err == nil && r.remaining() > 0 {
		return fmt.Errorf("%s: %d unexpected bytes after the end at offset %d", r.what, r.remaining(), r.at)
	}
	return r.err
}
