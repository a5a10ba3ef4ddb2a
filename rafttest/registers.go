package rafttest

import "encoding/binary"

// The state machine of every simulated member: a few registers, which clients write and read, and for each client the
// number of its last command, so that a command that reaches the log twice takes effect once (thesis §6.3). It is
// small, so that reads can be checked against all writes at any rate.

const (
	maxClients   = 8
	maxRegisters = 4
)

// registers are the state.
type registers struct {
	values [maxRegisters]uint64
	// last is the number of each client's last command.
	last [maxClients]uint64
}

// command is a write of a client: of value number, to a register. The rest of the entry, body, is for the state machine of
// the user, or padding.
type command struct {
	client   int
	register int
	number   uint64
	body     []byte
}

const commandSize = 10

// encode returns the data of an entry.
func (c *command) encode() []byte {
	data := make([]byte, commandSize, commandSize+len(c.body))
	data[0], data[1] = byte(c.client), byte(c.register)
	binary.LittleEndian.PutUint64(data[2:], c.number)
	return append(data, c.body...)
}

// decodeCommand returns the command that the data stands for; ok is false if it stands for none.
func decodeCommand(data []byte) (c command, ok bool) {
	if len(data) < commandSize || data[0] >= maxClients || data[1] >= maxRegisters {
		return command{}, false
	}
	return command{
		client: int(data[0]), register: int(data[1]),
		number: binary.LittleEndian.Uint64(data[2:]), body: data[commandSize:],
	}, true
}

// value is what the command writes: the values of different commands differ.
func (c *command) value() uint64 { return c.number<<8 | uint64(c.client) }

// apply performs the command, unless it or a later one of the same client has been performed.
func (r *registers) apply(c *command) {
	if c.number <= r.last[c.client] {
		return
	}
	r.last[c.client] = c.number
	r.values[c.register] = c.value()
}

const registersSize = 8 * (maxRegisters + maxClients)

// encode appends the state to b.
func (r *registers) encode(b []byte) []byte {
	for _, v := range r.values {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	for _, v := range r.last {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return b
}

// decode takes the state from the beginning of b, and returns the rest; ok is false if b is too short.
func (r *registers) decode(b []byte) (rest []byte, ok bool) {
	if len(b) < registersSize {
		return nil, false
	}
	for i := range r.values {
		r.values[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	b = b[8*maxRegisters:]
	for i := range r.last {
		r.last[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	return b[8*maxClients:], true
}

// digest sums up the state.
func (r *registers) digest() uint64 {
	h := uint64(0)
	for _, v := range r.values {
		h = (h ^ v) * 0x9e3779b97f4a7c15
		h ^= h >> 31
	}
	for _, v := range r.last {
		h = (h ^ v) * 0x9e3779b97f4a7c15
		h ^= h >> 31
	}
	return h
}
