package httptransport

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// Frames: what streams of messages consist of, in both directions.
//
//	checksum  4 bytes, little endian: CRC-32C of all that follows
//	length    4 bytes, little endian: of the body
//	kind      1 byte
//	body

// The kinds of frames. The first two travel from who opened the stream, the others back.
const (
	kindMessages = 1 // records, see record.go
	kindPing     = 2 // 8 bytes, any
	kindPong     = 3 // the 8 bytes of the ping
	kindEnd      = 4 // why the stream is ended, as text
)

const (
	frameHeaderBytes = 9
	pingBytes        = 8
	// firstRead is how much is allocated for a frame before any of it has arrived, at most: enough for a message of 1 MiB.
	firstRead = 1<<20 + 64<<10
	// maxReuse is the size up to which buffers of frames are kept to be used again.
	maxReuse = firstRead
)

// Errors in the bytes of a stream.
var (
	errChecksum  = errors.New("a frame has a wrong checksum")
	errMalformed = errors.New("malformed bytes")
)

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// startFrame appends an empty header, to be filled in by sealFrame.
func startFrame(b []byte) []byte { return append(b, make([]byte, frameHeaderBytes)...) }

// sealFrame fills in the header of the frame that b is.
func sealFrame(b []byte, kind byte) {
	binary.LittleEndian.PutUint32(b[4:], uint32(len(b)-frameHeaderBytes))
	b[8] = kind
	binary.LittleEndian.PutUint32(b, crc32.Checksum(b[4:], castagnoli()))
}

// smallFrame returns a frame of a kind that bears no messages.
func smallFrame(kind byte, body []byte) []byte {
	b := append(startFrame(make([]byte, 0, frameHeaderBytes+len(body))), body...)
	sealFrame(b, kind)
	return b
}

// A frameReader reads frames, one at a time.
type frameReader struct {
	r   *bufio.Reader
	max int // bytes of a body, inclusive
	// expect is called before waiting for a frame, with 0, and again before reading a body, with its length. An error
	// ends the reading. It may be nil.
	expect func(length int) error
	// buf is what the last body was read into, unless it was given away.
	buf []byte
}

// next returns the next frame. The body is valid until next is called again, or for ever after keep.
func (f *frameReader) next() (kind byte, body []byte, err error) {
	if err := f.expected(0); err != nil {
		return 0, nil, err
	}
	var header [frameHeaderBytes]byte
	if _, err := io.ReadFull(f.r, header[:]); err != nil {
		return 0, nil, err
	}
	length := binary.LittleEndian.Uint32(header[4:])
	if int64(length) > int64(f.max) {
		return 0, nil, fmt.Errorf("%w: a frame of %d bytes, at most %d are allowed", errMalformed, length, f.max)
	}
	if err := f.expected(int(length)); err != nil {
		return 0, nil, err
	}
	if err := f.fill(int(length)); err != nil {
		return 0, nil, unexpected(err)
	}
	sum := crc32.Update(crc32.Checksum(header[4:], castagnoli()), castagnoli(), f.buf)
	if sum != binary.LittleEndian.Uint32(header[:]) {
		return 0, nil, errChecksum
	}
	return header[8], f.buf, nil
}

func (f *frameReader) expected(length int) error {
	if f.expect == nil {
		return nil
	}
	return f.expect(length)
}

// fill reads a body into buf, which grows with what arrives rather than with what was announced.
func (f *frameReader) fill(length int) error {
	if cap(f.buf) < length || cap(f.buf) > maxReuse {
		f.buf = make([]byte, min(length, firstRead))
	}
	f.buf = f.buf[:min(length, cap(f.buf))]
	read := 0
	for {
		n, err := io.ReadFull(f.r, f.buf[read:])
		read += n
		if err != nil || read == length {
			return err
		}
		grown := make([]byte, min(length, 2*len(f.buf)))
		copy(grown, f.buf)
		f.buf = grown
	}
}

// keep leaves the body that was returned last to the caller.
func (f *frameReader) keep() { f.buf = nil }

// unexpected turns the end of a stream within a frame into the error that it is.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
