// What the Data of a normal log entry holds: a command, or what opens or closes a client session, and who proposed it, so
// that the proposer recognises it when it is applied (Raft §8, thesis §6.3).

package replica

import (
	"encoding/binary"
	"fmt"
)

// An envelopeKind is the low half of the first byte of what this package puts into the log; the high half is the
// version of the form.
type envelopeKind uint8

const (
	// kindCommand is a command for the state machine, applied as often as it is in the log.
	kindCommand envelopeKind = 1 + iota
	// kindSessionCommand is a command that is applied once in its session.
	kindSessionCommand
	// kindOpenSession opens a session, whose ID is the entry's index.
	kindOpenSession
	// kindCloseSession closes a session.
	kindCloseSession
	// kindChange is the context of a membership change; see changeContext. It is not the kind of an envelope.
	kindChange
)

const envelopeVersion = 1

func (k envelopeKind) String() string {
	names := [...]string{"", "command", "session command", "open session", "close session", "membership change"}
	if k == 0 || int(k) >= len(names) {
		return fmt.Sprintf("kind %d", uint8(k))
	}
	return names[k]
}

func (k envelopeKind) firstByte() byte { return envelopeVersion<<4 | byte(k) }

// An envelope is the decoded Data of an entry. Which fields count is up to the kind; the others are zero.
type envelope struct {
	kind envelopeKind
	// life and number name the proposal: life is that of the proposing replica, drawn at random when it starts, number
	// counts its proposals.
	life, number uint64

	session uint64 // of a session command and a close: never 0
	seq     uint64 // of a session command: counts the session's commands from 1
	// low, of a session command, says that the client knows the results of all with lower numbers: 1 <= low <= seq.
	low uint64

	maxSessions uint64 // of an open: how many sessions may then be open, this one included
	command     []byte // of both kinds of commands
}

// size returns how many bytes encode returns.
func (e *envelope) size() int {
	n := 1 + 8 + uvarintSize(e.number)
	switch e.kind {
	case kindCommand:
		return n + len(e.command)
	case kindSessionCommand:
		return n + uvarintSize(e.session) + uvarintSize(e.seq) + uvarintSize(e.low) + len(e.command)
	case kindOpenSession:
		return n + uvarintSize(e.maxSessions)
	default:
		return n + uvarintSize(e.session)
	}
}

// encode returns the Data for an entry, in a buffer of its own of exactly the size. The kind must be one of the four.
func (e *envelope) encode() []byte {
	b := make([]byte, 0, e.size())
	b = append(b, e.kind.firstByte())
	b = binary.LittleEndian.AppendUint64(b, e.life)
	b = binary.AppendUvarint(b, e.number)
	switch e.kind {
	case kindCommand:
		return append(b, e.command...)
	case kindSessionCommand:
		b = binary.AppendUvarint(b, e.session)
		b = binary.AppendUvarint(b, e.seq)
		b = binary.AppendUvarint(b, e.low)
		return append(b, e.command...)
	case kindOpenSession:
		return binary.AppendUvarint(b, e.maxSessions)
	default:
		return binary.AppendUvarint(b, e.session)
	}
}

// decodeEnvelope reads the Data of an entry that is not empty. The command aliases data.
func decodeEnvelope(data []byte) (envelope, error) {
	r := fieldReader{what: "entry", data: data}
	e := envelope{kind: r.kind()}
	e.life = r.fixed64("life")
	e.number = r.uvarint("number")
	switch e.kind {
	case kindCommand:
		e.command = r.rest()
	case kindSessionCommand:
		e.session = r.positive("session")
		e.seq = r.positive("sequence number")
		e.low = r.positive("lowest sequence number without an answer")
		if e.low > e.seq {
			r.fail("command", fmt.Sprintf("has number %d and says that all below %d are answered", e.seq, e.low))
		}
		e.command = r.rest()
	case kindOpenSession:
		e.maxSessions = r.uvarint("bound on sessions")
	case kindCloseSession:
		e.session = r.positive("session")
	default:
		r.at = 0
		r.fail("first byte", fmt.Sprintf("says %v, which no entry holds", e.kind))
	}
	if err := r.done(); err != nil {
		return envelope{}, err
	}
	return e, nil
}

// kind reads the first byte and refuses other versions.
func (r *fieldReader) kind() envelopeKind {
	first := r.byte("first byte")
	if version := first >> 4; r.err == nil && version != envelopeVersion {
		r.at = 0
		r.fail("first byte", fmt.Sprintf("says version %d, but this program knows only version %d: upgrade it",
			version, envelopeVersion))
	}
	return envelopeKind(first & 0x0f)
}
