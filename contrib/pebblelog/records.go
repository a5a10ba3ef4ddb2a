package pebblelog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"

	pb "github.com/seed695671cb/raft/raftpb"
)

// How values are encoded. Each begins with a CRC-32C over its key and over what follows, so that a value that was altered or
// that stands at another key is noticed.

const sumSize = 4

var (
	errSum   = errors.New("its checksum does not match")
	errShape = errors.New("it cannot be decoded")
)

// checksum is the CRC-32C of two byte strings, one after the other.
func checksum(key, body []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)
	return crc32.Update(crc32.Update(0, table, key), table, body)
}

// seal writes the checksum of a value, whose first bytes are left free for it.
func seal(key, value []byte) {
	binary.LittleEndian.PutUint32(value, checksum(key, value[sumSize:]))
}

// open verifies a value and returns what follows the checksum.
func open(key, value []byte) ([]byte, error) {
	if len(value) < sumSize || binary.LittleEndian.Uint32(value) != checksum(key, value[sumSize:]) {
		return nil, errSum
	}
	return value[sumSize:], nil
}

// A position is the index and term of an entry, or of the end of a snapshot.
type position struct{ index, term uint64 }

// A head is what is kept of a log apart from its entries.
//
// Invariant: base.index <= last.index. Entries are stored for exactly the indexes in (base.index, last.index].
type head struct {
	hard pb.HardState
	base position // what was compacted last, or the end of the snapshot that was installed last
	last position // the last entry, or base if there are none
	// snapshot is the index of the newest snapshot, zero if there is none.
	snapshot uint64
}

func (h *head) encode(key []byte) []byte {
	value := make([]byte, sumSize, 64)
	for _, n := range []uint64{
		h.hard.Term, h.hard.Vote, h.hard.Commit, h.base.index, h.base.term, h.last.index, h.last.term, h.snapshot,
	} {
		value = binary.AppendUvarint(value, n)
	}
	seal(key, value)
	return value
}

func decodeHead(key, value []byte) (head, error) {
	body, err := open(key, value)
	if err != nil {
		return head{}, err
	}
	d := decoder{rest: body}
	var h head
	h.hard = pb.HardState{Term: d.number(), Vote: d.number(), Commit: d.number()}
	h.base = position{index: d.number(), term: d.number()}
	h.last = position{index: d.number(), term: d.number()}
	h.snapshot = d.number()
	if d.failed || len(d.rest) > 0 || h.base.index > h.last.index {
		return head{}, errShape
	}
	return h, nil
}

// A contentsRecord says what the contents of a snapshot are.
type contentsRecord struct {
	id     uint64
	length uint64 // bytes
	sum    uint32 // CRC-32C of all of them
}

// A snapshotRecord is the newest snapshot.
type snapshotRecord struct {
	meta pb.SnapshotMetadata
	contentsRecord
	dropped bool // the contents are gone
}

func (r *snapshotRecord) encode(key []byte) ([]byte, error) {
	return encodeRecord(key, r.contentsRecord, 0, r.dropped, &r.meta)
}

func decodeSnapshotRecord(key, value []byte) (snapshotRecord, error) {
	var r snapshotRecord
	var stream uint64
	err := decodeRecord(key, value, &r.contentsRecord, &stream, &r.dropped, &r.meta)
	return r, err
}

// A stagedRecord is a snapshot that is neither adopted nor installed. The length and the sum count when it is finished.
type stagedRecord struct {
	meta   pb.SnapshotMetadata
	stream uint64
	contentsRecord
	finished bool
}

func (r *stagedRecord) encode(key []byte) ([]byte, error) {
	return encodeRecord(key, r.contentsRecord, r.stream, r.finished, &r.meta)
}

func decodeStagedRecord(key, value []byte) (stagedRecord, error) {
	var r stagedRecord
	err := decodeRecord(key, value, &r.contentsRecord, &r.stream, &r.finished, &r.meta)
	return r, err
}

func encodeRecord(key []byte, c contentsRecord, stream uint64, mark bool, meta *pb.SnapshotMetadata) ([]byte, error) {
	encoded, err := meta.Marshal()
	if err != nil {
		return nil, fmt.Errorf("encode the metadata of a snapshot: %w", err)
	}
	var flag uint64
	if mark {
		flag = 1
	}
	value := make([]byte, sumSize, 64+len(encoded))
	for _, n := range []uint64{c.id, c.length, uint64(c.sum), stream, flag} {
		value = binary.AppendUvarint(value, n)
	}
	value = append(value, encoded...)
	seal(key, value)
	return value, nil
}

func decodeRecord(
	key, value []byte, c *contentsRecord, stream *uint64, mark *bool, meta *pb.SnapshotMetadata,
) error {
	body, err := open(key, value)
	if err != nil {
		return err
	}
	d := decoder{rest: body}
	c.id, c.length = d.number(), d.number()
	sum := d.number()
	*stream = d.number()
	flag := d.number()
	if d.failed || sum > math.MaxUint32 || flag > 1 || meta.Unmarshal(d.rest) != nil {
		return errShape
	}
	c.sum, *mark = uint32(sum), flag == 1
	return nil
}

// entryValueSize returns how long the value of an entry is.
func entryValueSize(e *pb.Entry) int {
	return sumSize + uvarintSize(uint64(e.Type)) + uvarintSize(e.Term) + len(e.Data)
}

// putEntry writes the value of an entry into a slice that is as long as it.
func putEntry(key, value []byte, e *pb.Entry) {
	n := sumSize
	n += binary.PutUvarint(value[n:], uint64(e.Type))
	n += binary.PutUvarint(value[n:], e.Term)
	copy(value[n:], e.Data)
	seal(key, value)
}

// decodeEntry returns an entry whose Data is a copy.
func decodeEntry(key, value []byte, index uint64) (pb.Entry, error) {
	body, err := open(key, value)
	if err != nil {
		return pb.Entry{}, err
	}
	d := decoder{rest: body}
	kind, term := d.number(), d.number()
	if d.failed || kind > math.MaxInt32 {
		return pb.Entry{}, errShape
	}
	e := pb.Entry{Index: index, Term: term, Type: pb.EntryType(kind)}
	if len(d.rest) > 0 {
		e.Data = append(make([]byte, 0, len(d.rest)), d.rest...)
	}
	return e, nil
}

func uvarintSize(n uint64) int {
	size := 1
	for ; n >= 0x80; n >>= 7 {
		size++
	}
	return size
}

// A decoder reads numbers one after the other.
type decoder struct {
	rest   []byte
	failed bool
}

func (d *decoder) number() uint64 {
	n, size := binary.Uvarint(d.rest)
	if size <= 0 {
		d.failed = true
		return 0
	}
	d.rest = d.rest[size:]
	return n
}
