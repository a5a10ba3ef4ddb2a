// The encoder of Message and Entry, written by hand. It writes exactly what the generated one does, but forwards: the
// generated one fills a buffer from its end, and so has to measure the whole message first, even when the caller brings
// a buffer. Going forwards, only what has its length in front of it is measured, one thing at a time.
//
// scripts/generate.sh moves the generated encoders of the two into message_twin_test.go, where they serve as the slow
// twins of these; the other types keep theirs. Turning them off in raft.proto instead would make proto.Marshal encode
// by reflection.

package raftpb

import "math/bits"

// Size returns how many bytes m takes when it is encoded.
func (m *Message) Size() int {
	if m == nil {
		return 0
	}
	// The keys of nine numbers, and Reject with its key.
	size := 11 + varintSize(m.Term) + varintSize(m.LogTerm) + varintSize(m.Index) + varintSize(m.Commit)
	if uint64(m.Type)|m.To|m.From|m.RejectHint|m.Vote < 0x80 {
		size += 5
	} else {
		size += varintSize(uint64(m.Type)) + varintSize(m.To) + varintSize(m.From) + varintSize(m.RejectHint) +
			varintSize(m.Vote)
	}
	for i := range m.Entries {
		e := &m.Entries[i]
		n := e.headSize()
		if e.Data != nil {
			n += nestedSize(len(e.Data))
		}
		size += nestedSize(n)
	}
	if m.Snapshot != nil {
		size += nestedSize(m.Snapshot.Size())
	}
	if m.Context != nil {
		size += nestedSize(len(m.Context))
	}
	for i := range m.Responses {
		size += nestedSize(m.Responses[i].Size())
	}
	return size
}

// Marshal returns the encoding of m. The error is always nil.
func (m *Message) Marshal() ([]byte, error) {
	b := make([]byte, m.Size())
	if _, err := m.put(b, 0); err != nil {
		return nil, err
	}
	return b, nil
}

// MarshalTo encodes m into b and returns how many bytes that took. It panics if b has not the capacity for them, which
// Size tells. Nothing behind them is written to. The error is always nil.
func (m *Message) MarshalTo(b []byte) (int, error) {
	return m.put(b[:cap(b)], 0)
}

// MarshalToSizedBuffer encodes m into the end of b and returns how many bytes that took. It panics if b is not long
// enough. Nothing before them is written to. The error is always nil.
func (m *Message) MarshalToSizedBuffer(b []byte) (int, error) {
	size := m.Size()
	if _, err := m.put(b, len(b)-size); err != nil {
		return 0, err
	}
	return size, nil
}

// put encodes m into b[at:] and returns where that ends. Numbers that are often all below 128 are written together.
func (m *Message) put(b []byte, at int) (int, error) {
	if uint64(m.Type)|m.To|m.From|m.Term|m.LogTerm < 0x80 {
		x := (*[10]byte)(b[at : at+10])
		x[0], x[1], x[2], x[3], x[4], x[5] = keyType, byte(m.Type), keyTo, byte(m.To), keyFrom, byte(m.From)
		x[6], x[7], x[8], x[9] = keyTerm, byte(m.Term), keyLogTerm, byte(m.LogTerm)
		at += 10
	} else {
		at = putNumber(b, at, keyType, uint64(m.Type))
		at = putNumber(b, at, keyTo, m.To)
		at = putNumber(b, at, keyFrom, m.From)
		at = putNumber(b, at, keyTerm, m.Term)
		at = putNumber(b, at, keyLogTerm, m.LogTerm)
	}
	at = putNumber(b, at, keyIndex, m.Index)
	if len(m.Entries) > 0 {
		at = putEntries(b, at, m.Entries)
	}
	at = putNumber(b, at, keyCommit, m.Commit)
	reject := byte(0)
	if m.Reject {
		reject = 1
	}
	if m.Snapshot != nil || m.Context != nil || m.RejectHint|m.Vote >= 0x80 || len(m.Responses) > 0 {
		return m.putRest(b, at, reject)
	}
	x := (*[6]byte)(b[at : at+6])
	x[0], x[1], x[2], x[3], x[4], x[5] = keyReject, reject, keyRejectHint, byte(m.RejectHint), keyVote, byte(m.Vote)
	return at + 6, nil
}

// putRest writes what follows Commit to b[at:] and returns where it ends. The size of a response is taken anew at each
// level that it is nested in, of which no decoder allows more than a few.
func (m *Message) putRest(b []byte, at int, reject byte) (int, error) {
	if m.Snapshot != nil {
		size := m.Snapshot.Size()
		at = putLength(b, at, keySnapshot, size)
		if _, err := m.Snapshot.MarshalToSizedBuffer(b[at : at+size]); err != nil {
			return 0, err
		}
		at += size
	}
	at = putNumber(b, at, keyReject, uint64(reject))
	at = putNumber(b, at, keyRejectHint, m.RejectHint)
	if m.Context != nil {
		at = putLength(b, at, keyContext, len(m.Context))
		at += copy(b[at:at+len(m.Context)], m.Context)
	}
	at = putNumber(b, at, keyVote, m.Vote)
	for i := range m.Responses {
		r := &m.Responses[i]
		at = putLength(b, at, keyResponses, r.Size())
		var err error
		if at, err = r.put(b, at); err != nil {
			return 0, err
		}
	}
	return at, nil
}

// putNumber writes a key and a number to b[at:] and returns where they end.
func putNumber(b []byte, at int, key byte, v uint64) int {
	if v < 0x80 {
		b[at+1] = byte(v)
		b[at] = key
		return at + 2
	}
	b[at] = key
	for at++; v >= 0x80; at++ {
		b[at] = byte(v) | 0x80
		v >>= 7
	}
	b[at] = byte(v)
	return at + 1
}

// putLength is putNumber for lengths, which seldom fit into one byte where it matters.
func putLength(b []byte, at int, key byte, length int) int {
	v := uint64(length)
	if v-0x80 < 1<<14-0x80 {
		b[at+2] = byte(v >> 7)
		b[at+1] = byte(v) | 0x80
		b[at] = key
		return at + 3
	}
	b[at] = key
	for at++; v >= 0x80; at++ {
		b[at] = byte(v) | 0x80
		v >>= 7
	}
	b[at] = byte(v)
	return at + 1
}

// varintSize returns in how many bytes of seven bits a number is written: the product is a division by seven that is
// exact as far as 64 bits go.
func varintSize(v uint64) int { return (bits.Len64(v|1)*9 + 64) >> 6 }

// nestedSize returns the size of a field of n bytes, its key and its length included.
func nestedSize(n int) int { return 1 + varintSize(uint64(n)) + n }
