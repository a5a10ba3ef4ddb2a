// The decoder of Message, written by hand: messages come from peers, and the generated decoder enters as many levels of
// responses as a peer sends, until the stack overflows. This one bounds them, allocates once for all entries and once
// for all their data, and can leave bytes where they are. In all else it does as the generated one does.
//
// decode_canonical.go reads a message as far as it is written as encoders write it, and the cursor the rest, in whatever
// form it is. Only the cursor reports errors.
//
// scripts/generate.sh moves the generated decoder out of raft.pb.go and into message_twin_test.go, where it serves as
// the slow twin of this one. Turning it off in raft.proto instead would lead proto.Unmarshal around this one: the
// generator then lets XXX_Unmarshal decode by reflection, which bounds nothing either.

package raftpb

import "fmt"

// MaxResponseDepth is how many levels of responses within responses a Message may have when it is decoded, inclusive:
// zero for one without responses, one if its responses have none. Only the messages between a member and its own
// storage threads have responses, which have none themselves, and those need not be encoded at all.
const MaxResponseDepth = 4

// ErrNestedTooDeep is the error of decoding a Message whose responses are nested deeper than MaxResponseDepth.
var ErrNestedTooDeep = fmt.Errorf(
	"message has responses nested more than %d levels deep, drop it: no member sends any", MaxResponseDepth)

// Unmarshal decodes dAtA and adds it to what m holds: fields that occur replace those of m, or append to them if they
// are repeated, and a snapshot's fields do so one by one. m shares no memory with dAtA afterwards. Fields of unknown
// numbers are skipped. After an error m holds some of what precedes the damage.
//
// The Data of entries that follow one another lies in one block of memory, about as big as their encoding, which stays
// as long as the Data of any of them is in use: whoever keeps that of a few for long should copy it. The capacity of
// each ends where it does, so that appending to one does not write to the next.
//
// The error is io.ErrUnexpectedEOF if dAtA ends too soon, ErrIntOverflowRaft, ErrInvalidLengthRaft,
// ErrUnexpectedEndOfGroupRaft or ErrNestedTooDeep; one that names the field if its wire type is wrong, and one that
// names the tag if there can be none such.
func (m *Message) Unmarshal(dAtA []byte) error {
	return decode(m, dAtA, false, 0)
}

// UnmarshalAlias is Unmarshal without copying: Context and the Data of entries and of the snapshot, those of
// responses included, are parts of b. Whether it succeeds or not, b belongs to m from then on. Nobody may write to
// b, or use it for something else, before the last of these fields is out of use, including copies of the Message
// or its entries that somebody else keeps; and all of b stays in memory until then. Each field's capacity ends
// where the field does, so that appending to one does not write to b.
func (m *Message) UnmarshalAlias(b []byte) error {
	return decode(m, b, true, 0)
}

// decode is Unmarshal or UnmarshalAlias of a message that is nested depth levels deep as a response.
func decode(m *Message, in []byte, alias bool, depth int) error {
	at := readCanonical(m, in, alias)
	if at == len(in) {
		return nil
	}
	c := cursor{in: in, at: at, alias: alias, depth: depth}
	c.message(m)
	return c.err
}

// The names of the fields by their numbers, for errors.
var (
	messageFields = [...]string{
		1: "Type", 2: "To", 3: "From", 4: "Term", 5: "LogTerm", 6: "Index", 7: "Entries", 8: "Commit", 9: "Snapshot",
		10: "Reject", 11: "RejectHint", 12: "Context", 13: "Vote", 14: "Responses",
	}
	entryFields    = [...]string{1: "Type", 2: "Term", 3: "Index", 4: "Data"}
	snapshotFields = [...]string{1: "Data", 2: "Metadata"}
)

// message reads what remains of a message.
func (c *cursor) message(m *Message) {
	for c.next("Message") {
		switch c.key {
		case keyType:
			m.Type = MessageType(c.varint())
		case keyTo:
			m.To = c.varint()
		case keyFrom:
			m.From = c.varint()
		case keyTerm:
			m.Term = c.varint()
		case keyLogTerm:
			m.LogTerm = c.varint()
		case keyIndex:
			m.Index = c.varint()
		case keyEntries:
			c.readEntry(&m.Entries)
		case keyCommit:
			m.Commit = c.varint()
		case keySnapshot:
			c.readSnapshot(&m.Snapshot)
		case keyReject:
			m.Reject = c.varint() != 0
		case keyRejectHint:
			m.RejectHint = c.varint()
		case keyContext:
			m.Context = c.bytes()
		case keyVote:
			m.Vote = c.varint()
		case keyResponses:
			c.readResponse(&m.Responses)
		default:
			c.skip(messageFields[:])
		}
	}
}

func (c *cursor) entry(e *Entry) {
	for c.next("Entry") {
		switch c.key {
		case keyEntryType:
			e.Type = EntryType(c.varint())
		case keyEntryTerm:
			e.Term = c.varint()
		case keyEntryIndex:
			e.Index = c.varint()
		case keyEntryData:
			e.Data = c.bytes()
		default:
			c.skip(entryFields[:])
		}
	}
}

func (c *cursor) snapshot(s *Snapshot) {
	for c.next("Snapshot") {
		switch c.key {
		case keySnapshotData:
			s.Data = c.bytes()
		case keySnapshotMetadata:
			c.readMetadata(&s.Metadata)
		default:
			c.skip(snapshotFields[:])
		}
	}
}

// readEntry appends an entry. This is the way of few: those that come with odd keys, or after other fields.
func (c *cursor) readEntry(entries *[]Entry) {
	payload := c.payload()
	if c.err != nil {
		return
	}
	*entries = append(*entries, Entry{})
	inner := c.inner(payload)
	inner.entry(&(*entries)[len(*entries)-1])
	c.err = inner.err
}

func (c *cursor) readSnapshot(snapshot **Snapshot) {
	payload := c.payload()
	if c.err != nil {
		return
	}
	if *snapshot == nil {
		*snapshot = &Snapshot{}
	}
	inner := c.inner(payload)
	inner.snapshot(*snapshot)
	c.err = inner.err
}

// readMetadata leaves the work to the generated decoder: there are neither bytes nor responses in there.
func (c *cursor) readMetadata(metadata *SnapshotMetadata) {
	if payload := c.payload(); c.err == nil {
		c.err = metadata.Unmarshal(payload)
	}
}

// readResponse appends a response, if it is not nested too deep.
func (c *cursor) readResponse(responses *[]Message) {
	payload := c.payload()
	if c.err == nil && c.depth == MaxResponseDepth {
		c.err = ErrNestedTooDeep
	}
	if c.err != nil {
		return
	}
	*responses = append(*responses, Message{})
	c.err = decode(&(*responses)[len(*responses)-1], payload, c.alias, c.depth+1)
}
