// Reading the contents of a snapshot: every frame is verified before anything of it is handed out, and the end says whether
// all of them were there (Raft §7).

package replica

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// A contentsReader reads what a contentsWriter has written, and hands out the state machine's bytes. It takes any bytes
// without panicking, and allocates no more than the longest frame beyond what the input has room for, nor for a header more than
// its bound.
type contentsReader struct {
	from   io.Reader
	offset uint64 // of the next frame
	frame  []byte // what was not handed out of the payload of the frame before
	buffer []byte
	err    error // the first error, for good
}

// newContentsReader reads the header.
func newContentsReader(from io.Reader) (*contentsReader, contentsHeader, error) {
	return readContentsHeader(from, maxHeader)
}

// readContentsHeader reads a header of at most so many bytes.
func readContentsHeader(from io.Reader, most int) (*contentsReader, contentsHeader, error) {
	r := &contentsReader{from: from, buffer: make([]byte, frameHeader+maxFrame)}
	magic := r.buffer[:len(contentsMagic)]
	if err := r.fill(magic, "beginning"); err != nil {
		return nil, contentsHeader{}, err
	}
	version := len(contentsMagic) - 1
	if string(magic[:version]) != contentsMagic[:version] {
		return nil, contentsHeader{}, errors.New("snapshot contents: they do not begin as such do: these are other bytes")
	}
	if magic[version] != contentsMagic[version] {
		return nil, contentsHeader{}, fmt.Errorf(
			"snapshot contents: they have version %d, but this program knows only version %d: upgrade it",
			magic[version], contentsMagic[version])
	}
	r.offset = uint64(len(contentsMagic))
	encoded, err := r.header(most)
	if err != nil {
		return nil, contentsHeader{}, err
	}
	header, err := decodeContentsHeader(encoded)
	if err != nil {
		return nil, contentsHeader{}, fmt.Errorf("snapshot contents: %w", err)
	}
	return r, header, nil
}

// header joins the frames of the header, of at most so many bytes.
func (r *contentsReader) header(most int) ([]byte, error) {
	var encoded []byte
	for {
		at := r.offset
		kind, payload, err := r.next()
		if err != nil {
			return nil, err
		}
		if len(encoded)+len(payload) > most {
			return nil, fmt.Errorf("snapshot contents: the header is longer than %d bytes at offset %d: no such was written", most, at)
		}
		encoded = append(encoded, payload...)
		switch kind {
		case frameHeaderPart:
		case frameHeaderEnd:
			return encoded, nil
		default:
			return nil, fmt.Errorf("snapshot contents: the header is cut short by a frame of kind %q at offset %d", kind, at)
		}
	}
}

// Read implements io.Reader. It returns io.EOF when all was read and the end was verified.
func (r *contentsReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for len(r.frame) == 0 {
		if r.err == nil {
			r.err = r.advance()
		}
		if r.err != nil {
			return 0, r.err
		}
	}
	n := copy(p, r.frame)
	r.frame = r.frame[n:]
	return n, nil
}

// advance reads the next data frame, or the end: then it returns io.EOF.
func (r *contentsReader) advance() error {
	at := r.offset
	kind, payload, err := r.next()
	if err != nil {
		return err
	}
	switch kind {
	case frameData:
		if len(payload) == 0 {
			return fmt.Errorf("snapshot contents: the frame at offset %d is empty", at)
		}
		r.frame = payload
		return nil
	case frameEnd:
		return r.end(at, payload)
	default:
		return fmt.Errorf("snapshot contents: there is a frame of kind %q among the data at offset %d", kind, at)
	}
}

// end verifies the end frame, and that nothing is behind it.
func (r *contentsReader) end(at uint64, payload []byte) error {
	if len(payload) != 8 {
		return fmt.Errorf("snapshot contents: the end frame at offset %d has %d bytes instead of 8", at, len(payload))
	}
	if length := binary.LittleEndian.Uint64(payload); length != at {
		return fmt.Errorf("snapshot contents: the end frame at offset %d says that it is at %d", at, length)
	}
	switch n, err := io.ReadFull(r.from, r.buffer[:1]); {
	case n > 0:
		return fmt.Errorf("snapshot contents: there is more behind the end at offset %d", r.offset)
	case err != io.EOF:
		return fmt.Errorf("snapshot contents: reading at offset %d: %w", r.offset, err)
	}
	return io.EOF
}

// verifyEnd reads what was not read, and returns nil if all contents, from the beginning to the end, are as they were
// written. Otherwise it returns the first error that was found, also if Read has returned it before.
func (r *contentsReader) verifyEnd() error {
	if _, err := io.Copy(io.Discard, struct{ io.Reader }{r}); err != nil {
		return err
	}
	return nil
}

// length returns how many bytes of the contents were read and verified.
func (r *contentsReader) length() uint64 { return r.offset }

// next reads and verifies a frame. The payload is valid until the next call.
func (r *contentsReader) next() (frameKind, []byte, error) {
	head := r.buffer[:frameHeader]
	if err := r.fill(head, "frame"); err != nil {
		return 0, nil, err
	}
	length := binary.LittleEndian.Uint32(head[1:])
	sum := binary.LittleEndian.Uint32(head[5:])
	if length > maxFrame {
		return 0, nil, fmt.Errorf("snapshot contents: the frame at offset %d is damaged: it says that it has %d bytes, "+
			"at most %d are possible", r.offset, length, maxFrame)
	}
	payload := r.buffer[frameHeader : frameHeader+int(length)]
	if err := r.fill(payload, "frame"); err != nil {
		return 0, nil, err
	}
	if frameSum(r.offset, head[:5], payload) != sum {
		return 0, nil, fmt.Errorf("snapshot contents: the frame at offset %d is damaged or not in its place: "+
			"its checksum does not match", r.offset)
	}
	r.offset += uint64(frameHeader) + uint64(length)
	return frameKind(head[0]), payload, nil
}

// fill reads all of b, which belongs to what begins at the offset.
func (r *contentsReader) fill(b []byte, what string) error {
	_, err := io.ReadFull(r.from, b)
	switch {
	case err == nil:
		return nil
	case err == io.EOF, err == io.ErrUnexpectedEOF:
		return fmt.Errorf("snapshot contents: they are cut short in the %s at offset %d: %w",
			what, r.offset, io.ErrUnexpectedEOF)
	default:
		return fmt.Errorf("snapshot contents: reading the %s at offset %d: %w", what, r.offset, err)
	}
}
