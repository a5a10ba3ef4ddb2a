package wire

import (
	"encoding/binary"
	"errors"
)

// Encoder appends values to a frame.
type Encoder struct{ b []byte }

// Uint appends a number.
func (e *Encoder) Uint(v uint64) { e.b = binary.AppendUvarint(e.b, v) }

// Bool appends a truth value.
func (e *Encoder) Bool(v bool) {
	if v {
		e.b = append(e.b, 1)
		return
	}
	e.b = append(e.b, 0)
}

// Bytes appends bytes. Nil is told apart from none.
func (e *Encoder) Bytes(b []byte) {
	if b == nil {
		e.Uint(0)
		return
	}
	e.Uint(uint64(len(b)) + 1)
	e.b = append(e.b, b...)
}

// List appends a list of byte strings.
func (e *Encoder) List(list [][]byte) {
	e.Uint(uint64(len(list)))
	for _, b := range list {
		e.Bytes(b)
	}
}

// errShort is what a Decoder fails with.
var errShort = errors.New("a frame ends in the middle of a value")

// Decoder takes values from a frame, in the order in which they were appended. After the first failure all values are
// zero, and Err says so.
type Decoder struct {
	b   []byte
	err error
}

// Err returns the first failure, or nil.
func (d *Decoder) Err() error { return d.err }

func (d *Decoder) fail() {
	d.err, d.b = errShort, nil
}

// Uint takes a number.
func (d *Decoder) Uint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

// Bool takes a truth value.
func (d *Decoder) Bool() bool {
	if len(d.b) == 0 {
		d.fail()
		return false
	}
	v := d.b[0] != 0
	d.b = d.b[1:]
	return v
}

// Bytes takes bytes, which are the caller's own.
func (d *Decoder) Bytes() []byte {
	n := d.Uint()
	if n == 0 {
		return nil
	}
	n--
	if n > uint64(len(d.b)) {
		d.fail()
		return nil
	}
	b := append(make([]byte, 0, n), d.b[:n]...)
	d.b = d.b[n:]
	return b
}

// List takes a list of byte strings.
func (d *Decoder) List() [][]byte {
	n := d.Uint()
	if n > uint64(len(d.b)) {
		d.fail() // each takes a byte at least
		return nil
	}
	var list [][]byte
	for ; n > 0; n-- {
		list = append(list, d.Bytes())
	}
	return list
}
