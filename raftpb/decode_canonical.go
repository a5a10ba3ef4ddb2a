// The decoder's first reading: the fields as every encoder of the lineage writes them, each at most once, in the order
// of their numbers, under keys of one byte. It holds its place in local variables and asks for one field after the
// other, which for most messages is the whole work; whatever it does not expect it leaves to the cursor, errors too.

package raftpb

import "encoding/binary"

// readCanonical reads in into m as far as it is canonical, and returns where that ends: at the end of in, or at a field
// that is out of order, unknown, damaged, or a snapshot or a response. In what precedes there is no error.
//
// Each number is asked for twice, by two functions that are compiled in place: as one they would be too big for that.
func readCanonical(m *Message, in []byte, alias bool) int {
	var kind, reject uint64
	at := readShort(in, 0, keyType, &kind)
	if at != 0 {
		m.Type = MessageType(kind)
	}
	at = readShort(in, at, keyTo, &m.To)
	at = readLong(in, at, keyTo, &m.To)
	at = readShort(in, at, keyFrom, &m.From)
	at = readLong(in, at, keyFrom, &m.From)
	at = readShort(in, at, keyTerm, &m.Term)
	at = readLong(in, at, keyTerm, &m.Term)
	at = readShort(in, at, keyLogTerm, &m.LogTerm)
	at = readLong(in, at, keyLogTerm, &m.LogTerm)
	at = readShort(in, at, keyIndex, &m.Index)
	at = readLong(in, at, keyIndex, &m.Index)
	if at < len(in) && in[at] == keyEntries {
		at = readEntries(&m.Entries, in, at, alias)
	}
	at = readShort(in, at, keyCommit, &m.Commit)
	at = readLong(in, at, keyCommit, &m.Commit)
	if next := readShort(in, at, keyReject, &reject); next != at {
		m.Reject, at = reject != 0, next
	}
	at = readShort(in, at, keyRejectHint, &m.RejectHint)
	at = readLong(in, at, keyRejectHint, &m.RejectHint)
	if at < len(in) && in[at] == keyContext {
		at = readContext(&m.Context, in, at, alias)
	}
	at = readShort(in, at, keyVote, &m.Vote)
	return readLong(in, at, keyVote, &m.Vote)
}

// readShort reads the field at in[at:] if it has the key and its number takes one byte, and returns where it ends.
// Otherwise it returns at.
func readShort(in []byte, at int, key byte, to *uint64) int {
	if at+1 < len(in) && in[at] == key && in[at+1] < 0x80 {
		*to = uint64(in[at+1])
		return at + 2
	}
	return at
}

// readLong is readShort for a number of any length.
func readLong(in []byte, at int, key byte, to *uint64) int {
	if at < len(in) && in[at] == key {
		return readNumber(in, at, to)
	}
	return at
}

// readNumber is readLong with a key that has been looked at. Terms and indexes are seldom longer than four bytes, which
// are taken in at once. If it were compiled in place, readLong would not be.
//
//go:noinline
func readNumber(in []byte, at int, to *uint64) int {
	if len(in)-at > 4 {
		w := uint64(binary.LittleEndian.Uint32(in[at+1:]))
		switch {
		case w&0x80 == 0:
			*to = w & 0x7f
			return at + 2
		case w&0x8000 == 0:
			*to = w&0x7f | w>>1&(0x7f<<7)
			return at + 3
		case w&0x800000 == 0:
			*to = w&0x7f | w>>1&(0x7f<<7) | w>>2&(0x7f<<14)
			return at + 4
		case w&0x80000000 == 0:
			*to = w&0x7f | w>>1&(0x7f<<7) | w>>2&(0x7f<<14) | w>>3&(0x7f<<21)
			return at + 5
		}
	}
	v, next := varint(in, at+1)
	if next == 0 {
		return at
	}
	*to = v
	return next
}

// readContext is readLong for Context.
func readContext(context *[]byte, in []byte, at int, alias bool) int {
	size, from := varint(in, at+1)
	if from == 0 || size > uint64(len(in)-from) {
		return at
	}
	to := from + int(size)
	if alias {
		*context = in[from:to:to]
	} else {
		*context = clone(in[from:to])
	}
	return to
}

// varint reads a number at in[at:], at most ten bytes with seven bits in each, of which bits beyond the 64th are
// dropped, and returns it and where it ends, which is 0 if it does not end in time.
func varint(in []byte, at int) (v uint64, next int) {
	for shift := uint(0); shift < 64 && at < len(in); shift += 7 {
		b := in[at]
		at++
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v, at
		}
	}
	return 0, 0
}

// varint2 is varint for a number of one or two bytes that is not the last byte of in. Lengths nearly always are.
func varint2(in []byte, at int) (v uint64, next int) {
	if at+1 < len(in) {
		first, second := in[at], in[at+1]
		if first < 0x80 {
			return uint64(first), at + 1
		}
		if second < 0x80 {
			return uint64(first&0x7f) | uint64(second)<<7, at + 2
		}
	}
	return 0, 0
}
