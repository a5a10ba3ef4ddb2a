package tracker

// This file bounds what is on its way to one follower: append messages that it has not answered yet, by number and by
// bytes (thesis §10.2.2).

// Inflights is the queue of append messages that were sent to one follower and not answered yet, oldest first. It
// remembers of each the index of its last entry and the size of its entries.
//
// The zero value holds nothing and is always full; make one with NewInflights or MakeInflights. It takes memory when
// the first message is added, and more only when more are on their way at once than ever before. A copy of the struct
// shares its memory: after the first Add, use Clone. It is not safe for use from several goroutines.
//
// Invariant: 0 <= count <= len(buf).
// Invariant: count > 0 ==> 0 <= start < len(buf); count = 0 ==> start = 0.
// Invariant: bytes is the sum over the queue, modulo 2^64.
// Invariant: indexes do not decrease from one message to the next, if the caller adds them so.
type Inflights struct {
	size     int    // Full from this number of messages, inclusive
	maxBytes uint64 // Full from this number of bytes, inclusive; 0 for no limit
	start    int    // position of the oldest message in buf
	count    int
	bytes    uint64
	buf      []inflight // a ring
}

type inflight struct {
	index uint64 // of the last entry
	bytes uint64 // of all entries
}

// inflightsFirst is the number of messages for which the first Add makes room, unless size is smaller.
const inflightsFirst = 4

// NewInflights returns an empty queue that is full from size messages, or, unless maxBytes is 0, from maxBytes bytes.
// With a size of 0 or less it is always full.
func NewInflights(size int, maxBytes uint64) *Inflights {
	in := MakeInflights(size, maxBytes)
	return &in
}

// MakeInflights is NewInflights for a queue that is part of a larger struct: it allocates nothing.
func MakeInflights(size int, maxBytes uint64) Inflights {
	return Inflights{size: max(size, 0), maxBytes: maxBytes}
}

// Add appends a message whose last entry has the given index, which must not be below that of an earlier message
// still in the queue, and whose entries take the given number of bytes.
//
// The caller is expected to ask Full first. A message added nevertheless was sent, so it is counted: the queue then
// exceeds its limits, and is full until enough of it has been freed.
func (in *Inflights) Add(index uint64, bytes uint64) {
	if in.count == len(in.buf) {
		in.grow()
	}
	in.buf[in.at(in.count)] = inflight{index: index, bytes: bytes}
	in.count++
	in.bytes += bytes
}

// at returns the position in buf of the i-th oldest message, for i in [0, len(buf)).
func (in *Inflights) at(i int) int {
	i += in.start
	if i >= len(in.buf) {
		i -= len(in.buf)
	}
	return i
}

// grow doubles the ring, up to size; it goes beyond size only if the ring holds that many already.
func (in *Inflights) grow() {
	n := max(2*len(in.buf), inflightsFirst)
	if len(in.buf) < in.size {
		n = min(n, in.size)
	}
	in.buf = in.unrolled(n)
	in.start = 0
}

// unrolled returns a ring of n >= count places that holds the queue from its beginning.
func (in *Inflights) unrolled(n int) []inflight {
	buf := make([]inflight, n)
	first := copy(buf, in.buf[in.start:min(in.start+in.count, len(in.buf))])
	copy(buf[first:], in.buf[:in.count-first])
	return buf
}

// FreeLE removes the messages whose last entry is at or below the index to, which the follower has thereby answered.
// It takes time proportional to the number of messages it removes.
func (in *Inflights) FreeLE(to uint64) {
	for in.count > 0 && in.buf[in.start].index <= to {
		in.bytes -= in.buf[in.start].bytes
		in.count--
		in.start = in.at(1)
	}
	if in.count == 0 {
		in.start = 0
	}
}

// Reset removes every message. The memory is kept for the next ones.
func (in *Inflights) Reset() {
	in.start, in.count, in.bytes = 0, 0, 0
}

// Full reports whether a limit has been reached, so that no more is to be sent before an answer has come. A message
// may exceed the limit of bytes by itself: one is let through whenever fewer are on their way than the limit says.
func (in *Inflights) Full() bool {
	return in.count >= in.size || (in.maxBytes != 0 && in.bytes >= in.maxBytes)
}

// Count returns the number of messages in the queue.
func (in *Inflights) Count() int { return in.count }

// Bytes returns the size of the entries of all messages in the queue.
func (in *Inflights) Bytes() uint64 { return in.bytes }

// Clone returns a copy that shares no memory with the queue. The clone of nil is nil.
func (in *Inflights) Clone() *Inflights {
	if in == nil {
		return nil
	}
	c := *in
	c.start, c.buf = 0, nil
	if in.count > 0 {
		c.buf = in.unrolled(in.count)
	}
	return &c
}
