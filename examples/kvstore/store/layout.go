package store

import (
	"encoding/binary"
	"fmt"
)

// Where things are in Pebble. The replicated state lies under a generation, 'A' or 'B': Restore fills the one that is not in
// use, and the Commit after it switches over. What belongs to this member alone lies under 'L', the replica's records under 'R'.
//
//	G d KEY        rev, created, version, value
//	G e REV SUB    type, previous revision, key, value: one change, the SUBth of revision REV
//	G i SEQUENCE   IDKEY, hash of the command, result: what is remembered of commands with an idempotency key
//	G s            the counters, see state
//	L a            applied index
//	L g            generation in use
//	L r            a Restore has begun
//	R KEY          record of the replica

const (
	genA = 'A'
	genB = 'B'

	kindData     = 'd'
	kindEvent    = 'e'
	kindIdem     = 'i'
	kindState    = 's'
	localApplied = "La"
	localGen     = "Lg"
	localRestore = "Lr"
	recordPrefix = 'R'

	eventKeyBytes = 2 + 8 + 4
	idemKeyBytes  = 2 + 8
)

func otherGen(gen byte) byte {
	if gen == genA {
		return genB
	}
	return genA
}

func appendDataKey(dst []byte, gen byte, key []byte) []byte {
	dst = append(dst, gen, kindData)
	return append(dst, key...)
}

func appendEventKey(dst []byte, gen byte, p Position) []byte {
	dst = append(dst, gen, kindEvent)
	dst = binary.BigEndian.AppendUint64(dst, p.Rev)
	return binary.BigEndian.AppendUint32(dst, p.Sub)
}

func appendIdemKey(dst []byte, gen byte, seq uint64) []byte {
	dst = append(dst, gen, kindIdem)
	return binary.BigEndian.AppendUint64(dst, seq)
}

func stateKey(gen byte) []byte { return []byte{gen, kindState} }

func recordKey(key []byte) []byte { return append([]byte{recordPrefix}, key...) }

// A keyState is what is known of a key: zero if it does not exist.
type keyState struct {
	exists               bool
	rev, create, version uint64
	valueBytes           int
	value                []byte // nil if it was not asked for
}

const maxDataHeader = 3 * binary.MaxVarintLen64

func appendDataHeader(dst []byte, k keyState) []byte {
	dst = binary.AppendUvarint(dst, k.rev)
	dst = binary.AppendUvarint(dst, k.create)
	return binary.AppendUvarint(dst, k.version)
}

// decodeData decodes what is stored for a key. The value refers to data.
func decodeData(data []byte) (keyState, error) {
	d := decoder{rest: data}
	k := keyState{exists: true, rev: d.uvarint(), create: d.uvarint(), version: d.uvarint()}
	if d.err != nil {
		return keyState{}, d.err
	}
	k.value, k.valueBytes = d.rest, len(d.rest)
	return k, nil
}

// appendEventHeader writes what stands before the value of an event.
func appendEventHeader(dst []byte, kind EventType, prevRev uint64, key []byte) []byte {
	dst = append(dst, byte(kind))
	dst = binary.AppendUvarint(dst, prevRev)
	return appendBytes(dst, key)
}

func eventHeaderBytes(prevRev uint64, key []byte) int {
	return 1 + uvarintBytes(prevRev) + uvarintBytes(uint64(len(key))) + len(key)
}

func uvarintBytes(v uint64) int {
	n := 1
	for ; v >= 0x80; v >>= 7 {
		n++
	}
	return n
}

// decodePosition takes the position from an event's key.
func decodePosition(key []byte) (Position, error) {
	if len(key) != eventKeyBytes {
		return Position{}, fmt.Errorf("key of %d bytes where that of an event has %d: %w", len(key), eventKeyBytes, ErrInvalid)
	}
	return Position{Rev: binary.BigEndian.Uint64(key[2:]), Sub: binary.BigEndian.Uint32(key[10:])}, nil
}

// decodeEvent decodes the stored change at a position. Key and value refer to data.
func decodeEvent(p Position, data []byte) (Event, error) {
	d := decoder{rest: data}
	e := Event{Position: p, Type: EventType(d.byte()), PrevRev: d.uvarint(), Key: d.bytes()}
	if d.err == nil && (e.Type < EventPut || e.Type > EventDelete) {
		d.fail(fmt.Sprintf("event of type %d is not known", e.Type))
	}
	if d.err != nil {
		return Event{}, d.err
	}
	if e.Type == EventPut {
		e.Value = d.rest
	}
	return e, nil
}

// An idemRecord is what is remembered of a command with an idempotency key.
type idemRecord struct {
	key    string
	hash   [hashBytes]byte
	result []byte
}

const hashBytes = 16

// size is what the bound of remembered results counts for it.
func (r *idemRecord) size() uint64 { return uint64(idemOverhead + len(r.key) + len(r.result)) }

// bytes is how long the record is when it is encoded.
func (r *idemRecord) bytes() int {
	return uvarintBytes(uint64(len(r.key))) + len(r.key) + hashBytes + len(r.result)
}

func (r *idemRecord) append(dst []byte) []byte {
	dst = appendBytes(dst, r.key)
	dst = append(dst, r.hash[:]...)
	return append(dst, r.result...)
}

// decodeIdem decodes a record. The result refers to data.
func decodeIdem(data []byte) (idemRecord, error) {
	d := decoder{rest: data}
	r := idemRecord{key: string(d.bytes())}
	if d.err == nil && len(d.rest) <= hashBytes+resultFlagsAt {
		d.fail("the hash or the result is cut short")
	}
	if d.err != nil {
		return idemRecord{}, d.err
	}
	copy(r.hash[:], d.rest)
	r.result = d.rest[hashBytes:]
	return r, nil
}
