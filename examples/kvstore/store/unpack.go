package store

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// Reading the stream of a snapshot, which may come damaged from anywhere: see view.go for its format.

// ErrDamaged is what every error is that Restore returns because the contents are not a whole snapshot.
var ErrDamaged = errors.New("the snapshot is damaged")

// A blockReader takes a snapshot's stream apart and checks it. What it returns is valid until the next call.
type blockReader struct {
	src     *bufio.Reader
	table   *crc32.Table
	sum     uint32
	blocks  int
	records uint64
	payload []byte // of the current block
	rest    []byte // of it, what was not returned
}

func newBlockReader(src io.Reader) *blockReader {
	return &blockReader{src: bufio.NewReaderSize(src, 64<<10), table: castagnoli()}
}

// fill reads all of buf.
func (b *blockReader) fill(buf []byte, what string) error {
	_, err := io.ReadFull(b.src, buf)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it ends within %s", ErrDamaged, what)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", what, err)
	}
	return nil
}

func (b *blockReader) header() (state, error) {
	head := make([]byte, headerBytes+4)
	if err := b.fill(head, "the header"); err != nil {
		return state{}, err
	}
	if !bytes.HasPrefix(head, []byte(snapshotMagic)) {
		return state{}, fmt.Errorf("%w: it begins with %q, not with %q", ErrDamaged, head[:len(snapshotMagic)], snapshotMagic)
	}
	b.sum = crc32.Checksum(head[:headerBytes], b.table)
	if b.sum != binary.BigEndian.Uint32(head[headerBytes:]) {
		return state{}, fmt.Errorf("%w: the checksum of the header does not match", ErrDamaged)
	}
	st, err := decodeState(head[len(snapshotMagic):headerBytes])
	if err != nil {
		return state{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return st, nil
}

// record returns the next key, beginning with its kind, and value; io.EOF after the last one, when all was as it should be.
func (b *blockReader) record() (key, value []byte, err error) {
	if len(b.rest) == 0 {
		if err := b.block(); err != nil {
			return nil, nil, err
		}
	}
	d := decoder{rest: b.rest}
	key, value = d.bytes(), d.bytes()
	if d.err != nil {
		return nil, nil, fmt.Errorf("%w: record %d in block %d: %w", ErrDamaged, b.records, b.blocks, d.err)
	}
	b.rest = d.rest
	b.records++
	return key, value, nil
}

// block reads the next block, or the end.
func (b *blockReader) block() error {
	what := fmt.Sprintf("block %d", b.blocks+1)
	var head [blockHeadBytes]byte
	if err := b.fill(head[:], what); err != nil {
		return err
	}
	size := int(binary.BigEndian.Uint32(head[:]))
	if size == 0 {
		return b.end(head)
	}
	if size > maxBlockBytes {
		return fmt.Errorf("%w: %s has %d bytes, at most %d are possible", ErrDamaged, what, size, maxBlockBytes)
	}
	if cap(b.payload) < size {
		b.payload = make([]byte, max(size, blockBytes*2))
	}
	b.rest = b.payload[:size]
	if err := b.check(head, b.rest, what); err != nil {
		return err
	}
	b.blocks++
	return nil
}

// check reads a payload and compares its checksum.
func (b *blockReader) check(head [blockHeadBytes]byte, payload []byte, what string) error {
	if err := b.fill(payload, what); err != nil {
		return err
	}
	b.sum = crc32.Update(b.sum, b.table, head[:4])
	b.sum = crc32.Update(b.sum, b.table, payload)
	if b.sum != binary.BigEndian.Uint32(head[4:]) {
		return fmt.Errorf("%w: the checksum of %s does not match", ErrDamaged, what)
	}
	return nil
}

func (b *blockReader) end(head [blockHeadBytes]byte) error {
	var payload [8]byte
	if err := b.check(head, payload[:], "the end"); err != nil {
		return err
	}
	if n := binary.BigEndian.Uint64(payload[:]); n != b.records {
		return fmt.Errorf("%w: it has %d records and should have %d", ErrDamaged, b.records, n)
	}
	_, err := b.src.ReadByte()
	if err == nil {
		return fmt.Errorf("%w: something comes after its end", ErrDamaged)
	}
	if !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the end: %w", err)
	}
	return io.EOF
}

// A checker makes sure that the records of a snapshot are in order, can be decoded, and are those that the counters count.
type checker struct {
	last   []byte
	counts state
	next   Position // the event that comes next, if its revision goes on
}

func (c *checker) add(key, value []byte) error {
	if bytes.Compare(key, c.last) <= 0 {
		return fmt.Errorf("%w: key %q comes after key %q", ErrDamaged, key, c.last)
	}
	c.last = append(c.last[:0], key...)
	if err := c.count(key, value); err != nil {
		return fmt.Errorf("%w: record with key %q: %w", ErrDamaged, key, err)
	}
	return nil
}

func (c *checker) count(key, value []byte) error {
	switch key[0] {
	case kindData:
		return c.countData(key[1:], value)
	case kindEvent:
		return c.countEvent(key, value)
	case kindIdem:
		return c.countIdem(key, value)
	default:
		return fmt.Errorf("it is of no known kind: %w", ErrInvalid)
	}
}

func (c *checker) countData(key, value []byte) error {
	c.counts.keys++
	k, err := decodeData(value)
	c.counts.dataBytes += uint64(len(key) + k.valueBytes)
	return errors.Join(err, CheckKey(key))
}

func (c *checker) countEvent(key, value []byte) error {
	p, err := decodePosition(append([]byte{0}, key...))
	if err != nil {
		return err
	}
	if c.counts.events == 0 {
		c.counts.oldest = p.Rev
		c.next = Position{Rev: p.Rev}
	}
	if p != c.next && p != (Position{Rev: c.next.Rev + 1}) {
		return fmt.Errorf("position %d.%d comes where %d.%d should: %w", p.Rev, p.Sub, c.next.Rev, c.next.Sub, ErrInvalid)
	}
	c.next = p.Next()
	c.counts.rev = p.Rev
	c.counts.events++
	e, err := decodeEvent(p, value)
	c.counts.eventBytes += eventBytes(e.Key, e.Value)
	return err
}

func (c *checker) countIdem(key, value []byte) error {
	if len(key) != idemKeyBytes-1 {
		return fmt.Errorf("the sequence has %d bytes: %w", len(key)-1, ErrInvalid)
	}
	seq := binary.BigEndian.Uint64(key[1:])
	if c.counts.idemNext == 0 {
		c.counts.idemOldest, c.counts.idemNext = seq, seq
	}
	if seq != c.counts.idemNext {
		return fmt.Errorf("sequence %d comes where %d should: %w", seq, c.counts.idemNext, ErrInvalid)
	}
	c.counts.idemNext++
	r, err := decodeIdem(value)
	c.counts.idemBytes += r.size()
	return err
}

// compare compares what was counted with the counters in the header.
func (c *checker) compare(st *state) error {
	n := c.counts
	n.bounds = st.bounds
	if n.events == 0 {
		n.rev, n.oldest = st.rev, st.oldest
	}
	if n.idemNext == 0 {
		n.idemOldest, n.idemNext = st.idemOldest, st.idemNext
	}
	empty := st.oldest == st.rev+1
	if n != *st || (n.events == 0) != empty {
		return fmt.Errorf("%w: its records do not add up to its counters", ErrDamaged)
	}
	return nil
}
