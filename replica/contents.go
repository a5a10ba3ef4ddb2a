// The contents of a snapshot (Raft §7): a header, with what this package keeps of the group, and then what the state
// machine has written. All of it is cut into frames with checksums, so that damage is found wherever it happens: on a
// disk, on the way, or by pieces that were put together wrongly.
//
//	contents = magic frame... ; header frames, data frames, one end frame
//	frame    = kind (1 byte), length of the payload (4), checksum (4), payload
//
// Numbers are little-endian. The checksum, CRC-32C, is of the frame's offset in the contents (8), kind, length and payload:
// a frame is valid only where it was written. The payload of the end frame is the length of all before it (8).

package replica

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	pb "github.com/seed695671cb/raft/raftpb"
)

const (
	// contentsMagic begins the contents. Its last byte is the version of the form.
	contentsMagic = "replica\x01"
	// frameHeader is the length of what precedes a payload.
	frameHeader = 1 + 4 + 4
	// maxFrame is the longest payload.
	maxFrame = 64 << 10
	// maxHeader is the longest header, which readers have in memory: most of it is the sessions' results.
	maxHeader = 1 << 30
)

// A frameKind is the first byte of a frame.
type frameKind byte

const (
	frameHeaderPart frameKind = 'h' // part of the header, which goes on in the next frame
	frameHeaderEnd  frameKind = 'H' // the last part of the header
	frameData       frameKind = 'd' // bytes of the state machine
	frameEnd        frameKind = 'e'
)

// A contentsHeader is what a snapshot has besides the state of the state machine.
type contentsHeader struct {
	// applied and term are those of the last entry that the state includes.
	applied, term uint64
	confState     pb.ConfState
	members       memberTable
	sessions      []byte // as sessionTable.encode returns them
}

// encode returns the header's bytes, or an error if they were more than most.
func (h *contentsHeader) encode(most int) ([]byte, error) {
	cs, err := h.confState.Marshal()
	if err != nil {
		return nil, fmt.Errorf("encoding the membership for a snapshot: %w", err)
	}
	members := h.members.encode()
	size := uvarintSize(h.applied) + uvarintSize(h.term) + blockSize(len(cs)) + blockSize(len(members)) + blockSize(len(h.sessions))
	if size > most {
		return nil, fmt.Errorf("the sessions take %d bytes and the members %d: with more than %d there can be no snapshot; "+
			"have clients acknowledge results, or bound the sessions", len(h.sessions), len(members), most)
	}
	b := make([]byte, 0, size)
	b = binary.AppendUvarint(b, h.applied)
	b = binary.AppendUvarint(b, h.term)
	b = appendBlock(b, cs)
	b = appendBlock(b, members)
	return appendBlock(b, h.sessions), nil
}

func decodeContentsHeader(data []byte) (contentsHeader, error) {
	r := fieldReader{what: "header of a snapshot", data: data}
	h := contentsHeader{applied: r.uvarint("index"), term: r.uvarint("term")}
	cs, members := r.block("membership"), r.block("members table")
	h.sessions = r.block("sessions")
	if err := r.done(); err != nil {
		return contentsHeader{}, err
	}
	if err := h.confState.Unmarshal(cs); err != nil {
		return contentsHeader{}, fmt.Errorf("header of a snapshot: membership: %w", err)
	}
	var err error
	if h.members, err = decodeMemberTable(members); err != nil {
		return contentsHeader{}, fmt.Errorf("header of a snapshot: %w", err)
	}
	return h, nil
}

// frameSum returns the checksum of a frame; head is its kind and length.
func frameSum(offset uint64, head, payload []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)
	var at [8]byte
	binary.LittleEndian.PutUint64(at[:], offset)
	sum := crc32.Update(0, table, at[:])
	sum = crc32.Update(sum, table, head)
	return crc32.Update(sum, table, payload)
}

// A contentsWriter writes the contents of a snapshot. What reaches the underlying writer depends on the bytes that are
// written to it alone, not on how many at a time.
type contentsWriter struct {
	to     io.Writer
	offset uint64 // of the next frame
	frame  []byte // the next data frame so far, with room for what precedes the payload
	err    error  // the first error, for good
}

// newContentsWriter writes the header. The state machine's bytes follow by Write; finish ends the contents.
func newContentsWriter(to io.Writer, header contentsHeader) (*contentsWriter, error) {
	encoded, err := header.encode(maxHeader)
	if err != nil {
		return nil, err
	}
	w := &contentsWriter{to: to, frame: make([]byte, frameHeader, frameHeader+maxFrame)}
	w.emit([]byte(contentsMagic))
	for len(encoded) > maxFrame {
		w.frame = append(w.frame, encoded[:maxFrame]...)
		w.flush(frameHeaderPart)
		encoded = encoded[maxFrame:]
	}
	w.frame = append(w.frame, encoded...)
	w.flush(frameHeaderEnd)
	return w, w.err
}

// Write implements io.Writer.
func (w *contentsWriter) Write(p []byte) (int, error) {
	written := 0
	for w.err == nil && written < len(p) {
		n := min(len(p)-written, cap(w.frame)-len(w.frame))
		w.frame = append(w.frame, p[written:written+n]...)
		written += n
		if len(w.frame) == cap(w.frame) {
			w.flush(frameData)
		}
	}
	return written, w.err
}

// finish ends the contents. The underlying writer stays open.
func (w *contentsWriter) finish() error {
	if len(w.frame) > frameHeader {
		w.flush(frameData)
	}
	w.frame = binary.LittleEndian.AppendUint64(w.frame, w.offset)
	w.flush(frameEnd)
	if w.err != nil {
		return w.err
	}
	w.err = errors.New("writing the contents of a snapshot after their end")
	return nil
}

// length returns how many bytes the contents have so far, without what waits for its frame to be full.
func (w *contentsWriter) length() uint64 { return w.offset }

// flush writes the frame and begins another one.
func (w *contentsWriter) flush(kind frameKind) {
	w.frame[0] = byte(kind)
	payload := w.frame[frameHeader:]
	binary.LittleEndian.PutUint32(w.frame[1:], uint32(len(payload)))
	binary.LittleEndian.PutUint32(w.frame[5:], frameSum(w.offset, w.frame[:5], payload))
	w.emit(w.frame)
	w.frame = w.frame[:frameHeader]
}

func (w *contentsWriter) emit(b []byte) {
	if w.err != nil {
		return
	}
	if _, err := w.to.Write(b); err != nil {
		w.err = fmt.Errorf("writing the contents of a snapshot at offset %d: %w", w.offset, err)
		return
	}
	w.offset += uint64(len(b))
}
