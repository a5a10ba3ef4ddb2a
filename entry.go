package raft

import (
	"fmt"
	"math/bits"

	pb "github.com/seed695671cb/raft/raftpb"
)

// entryID identifies an entry of the log. Two logs that hold an entry of the same ID hold the same entries up to it
// (Log Matching, Raft §5.3), so an ID stands for the whole prefix that it ends.
//
// The zero entryID is the position before the first entry; every log matches it.
type entryID struct {
	term  uint64
	index uint64
}

func (id entryID) String() string { return fmt.Sprintf("%d/%d", id.term, id.index) }

// less orders logs by how up to date they are, given the IDs of their last entries: the later term wins, and within
// a term the longer log (Raft §5.4.1).
func (id entryID) less(other entryID) bool {
	if id.term != other.term {
		return id.term < other.term
	}
	return id.index < other.index
}

// idOf returns the identity of e.
func idOf(e *pb.Entry) entryID { return entryID{term: e.Term, index: e.Index} }

// snapshotID returns the identity of the last entry that the snapshot stands for.
func snapshotID(s *pb.Snapshot) entryID {
	return entryID{term: s.Metadata.Term, index: s.Metadata.Index}
}

// encodedSize is a number of bytes on the wire or in the log, field tags included. MaxSizePerMsg and
// MaxCommittedSizePerReady count these.
type encodedSize uint64

// payloadSize is a number of bytes of Entry.Data alone. MaxUncommittedEntriesSize and MaxInflightBytes count these.
type payloadSize uint64

// noLimit is the bound that is never reached.
const (
	noLimit                    = ^uint64(0)
	noEncodedLimit encodedSize = encodedSize(noLimit)
)

// sizer computes the encoded size of entries, one after the other: what neighbours have in common is computed once. It
// is Entry.Size, which the tests hold it to.
type sizer struct {
	// common is the size but for the data, of entries of the term and type whose index is in [from, from+span].
	common encodedSize
	term   uint64
	from   uint64
	span   uint64
	typ    pb.EntryType
}

func (s *sizer) size(e *pb.Entry) encodedSize {
	if s.common == 0 || e.Term != s.term || e.Type != s.typ || e.Index-s.from > s.span {
		s.fit(e)
	}
	if e.Data == nil {
		return s.common
	}
	n := encodedSize(len(e.Data))
	return s.common + 1 + varintSize(uint64(n)) + n
}

// fit adapts the sizer to e, and to all entries that differ from it by an index that takes as many bytes.
func (s *sizer) fit(e *pb.Entry) {
	index := varintSize(e.Index)
	s.term, s.typ = e.Term, e.Type
	s.from = 1 << (7 * (index - 1))
	if index == 1 {
		s.from = 0
	}
	s.span = 1<<(7*index) - 1 - s.from
	s.common = 3 + varintSize(uint64(e.Type)) + varintSize(e.Term) + index
}

// varintSize returns how many bytes x takes as a varint: one for each seven bits, at least one.
func varintSize(x uint64) encodedSize { return encodedSize(9*bits.Len64(x|1)+64) / 64 }

func encodedSizeOf(ents []pb.Entry) encodedSize {
	var s sizer
	var total encodedSize
	for i := range ents {
		total += s.size(&ents[i])
	}
	return total
}

func payloadSizeOf(ents []pb.Entry) payloadSize {
	var size payloadSize
	for i := range ents {
		size += payloadSize(len(ents[i].Data))
	}
	return size
}

// limitSize returns the longest prefix of ents of at most limit encoded bytes, and at least one entry if there is any;
// and its size. Its capacity is its length, so that appending to it never writes into the log.
func limitSize(ents []pb.Entry, limit encodedSize) ([]pb.Entry, encodedSize) {
	var s sizer
	var total encodedSize
	for n := range ents {
		size := s.size(&ents[n])
		if n > 0 && total+size > limit {
			return ents[:n:n], total
		}
		total += size
	}
	return ents[:len(ents):len(ents)], total
}

// checkContiguous returns an error unless ents directly follow prev: indexes without a gap, terms that never
// decrease, and none above maxTerm.
func checkContiguous(prev entryID, ents []pb.Entry, maxTerm uint64) error {
	at := prev
	for i := range ents {
		e := &ents[i]
		if e.Index != at.index+1 {
			return fmt.Errorf("entry %d has index %d, want %d: entries must be contiguous", i, e.Index, at.index+1)
		}
		if e.Term < at.term {
			return fmt.Errorf("entry %d has term %d, below the %d before it: terms never decrease", i, e.Term, at.term)
		}
		at = idOf(e)
	}
	if at.term > maxTerm {
		return fmt.Errorf("last entry has term %d, above the message's term %d", at.term, maxTerm)
	}
	return nil
}
