package store

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"

	"github.com/seed695671cb/raft/replica"
)

// Snapshots: a view of the state as it was at one commit, and the stream that it writes.
//
//	header  magic, counters (see state), checksum
//	block   length of the payload (4 bytes, not 0), checksum, payload: records, each a key without its generation
//	        and a value, both with their length before them
//	end     length 0, checksum, number of records (8 bytes)
//
// Records ascend by key. Numbers are big endian. A checksum is the CRC-32C of all that comes before it, other
// checksums excepted, so that blocks that are lost, repeated or exchanged are noticed as well; that of a block includes
// its payload, that of the end the number of records.

const (
	snapshotMagic  = "kvstate1"
	blockBytes     = 256 << 10 // after which a block is ended
	maxBlockBytes  = 24 << 20  // that is taken for a block at most: one record can be larger than blockBytes
	headerBytes    = len(snapshotMagic) + stateBytes
	blockHeadBytes = 8
)

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// A view is the state as it was when it was captured.
type view struct {
	store *Store
	snap  *pebble.Snapshot
	gen   byte
	st    state

	mu      sync.Mutex
	ended   atomic.Bool // set under mu
	running sync.WaitGroup
}

// Capture returns the state as of the last Commit. It fails if commands were applied since. The view must be closed before
// the store is. See replica.StateMachine.
func (s *Store) Capture() (replica.View, error) {
	if err := s.beginWriting(); err != nil {
		return nil, err
	}
	defer s.writing.Unlock()
	if s.w.pending() {
		return nil, errors.New("capture between apply and commit: commit first")
	}
	return s.capture(), nil
}

// capture is called with s.writing held.
func (s *Store) capture() *view {
	s.viewing.Lock()
	defer s.viewing.Unlock()
	v := &view{store: s, snap: s.db.NewSnapshot(), gen: s.gen, st: s.published.Load().state}
	s.views[v] = struct{}{}
	return v
}

// Hash returns the SHA-256 of what a view of the state as of the last Commit writes: equal on members that have the same state.
func (s *Store) Hash() ([sha256.Size]byte, error) {
	if err := s.beginWriting(); err != nil {
		return [sha256.Size]byte{}, err
	}
	v := s.capture()
	s.writing.Unlock()
	hash := sha256.New()
	_, err := v.WriteTo(hash)
	err = errors.Join(err, v.Close())
	return [sha256.Size]byte(hash.Sum(nil)), err
}

// Close lets go of the state.
func (v *view) Close() error {
	v.store.viewing.Lock()
	delete(v.store.views, v)
	v.store.viewing.Unlock()
	return v.end()
}

// end waits for those that write it out, which stop soon, and closes the snapshot.
func (v *view) end() error {
	v.mu.Lock()
	before := v.ended.Swap(true)
	v.mu.Unlock()
	v.running.Wait()
	if before {
		return nil
	}
	return v.snap.Close()
}

func (v *view) begin() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.ended.Load() {
		return ErrClosed
	}
	v.running.Add(1)
	return nil
}

// WriteTo writes the state out. It may be called by several goroutines at once.
func (v *view) WriteTo(dst io.Writer) (int64, error) {
	if err := v.begin(); err != nil {
		return 0, err
	}
	defer v.running.Done()
	out := &blockWriter{dst: bufio.NewWriterSize(dst, 64<<10), table: castagnoli()}
	if err := errors.Join(v.write(out), out.dst.Flush()); err != nil {
		return out.written, fmt.Errorf("write a snapshot: %w", err)
	}
	return out.written, nil
}

func (v *view) write(out *blockWriter) error {
	if err := out.header(&v.st); err != nil {
		return err
	}
	iter, err := v.snap.NewIter(&pebble.IterOptions{
		LowerBound: []byte{v.gen, kindData},
		UpperBound: []byte{v.gen, kindIdem + 1},
	})
	if err != nil {
		return err
	}
	// What was dropped may still be there: see litter.
	events, idem := appendEventKey(nil, v.gen, Position{Rev: v.st.oldest}), appendIdemKey(nil, v.gen, v.st.idemOldest)
	for _, start := range [][]byte{{v.gen, kindData}, events, idem} {
		if err := v.writeKind(out, iter, start); err != nil {
			return errors.Join(err, iter.Close())
		}
	}
	if err := errors.Join(iter.Error(), iter.Close()); err != nil {
		return err
	}
	return out.end()
}

// writeKind writes the records from start on that have its kind.
func (v *view) writeKind(out *blockWriter, iter *pebble.Iterator, start []byte) error {
	for ok := iter.SeekGE(start); ok && iter.Key()[1] == start[1]; ok = iter.Next() {
		value, err := iter.ValueAndErr()
		if err != nil {
			return err
		}
		if err := out.record(iter.Key()[1:], value); err != nil {
			return err
		}
		if v.ended.Load() {
			return ErrClosed
		}
	}
	return iter.Error()
}

// A blockWriter writes the stream of a snapshot.
type blockWriter struct {
	dst     *bufio.Writer
	table   *crc32.Table
	sum     uint32
	payload []byte
	records uint64
	written int64
}

func (b *blockWriter) write(data []byte) error {
	n, err := b.dst.Write(data)
	b.written += int64(n)
	return err
}

func (b *blockWriter) header(st *state) error {
	data := st.append([]byte(snapshotMagic))
	b.sum = crc32.Checksum(data, b.table)
	return b.write(binary.BigEndian.AppendUint32(data, b.sum))
}

func (b *blockWriter) record(key, value []byte) error {
	b.payload = appendBytes(b.payload, key)
	b.payload = appendBytes(b.payload, value)
	b.records++
	if len(b.payload) < blockBytes {
		return nil
	}
	return b.block()
}

func (b *blockWriter) block() error {
	var head [blockHeadBytes]byte
	binary.BigEndian.PutUint32(head[:], uint32(len(b.payload)))
	b.sum = crc32.Update(b.sum, b.table, head[:4])
	b.sum = crc32.Update(b.sum, b.table, b.payload)
	binary.BigEndian.PutUint32(head[4:], b.sum)
	err := errors.Join(b.write(head[:]), b.write(b.payload))
	b.payload = b.payload[:0]
	return err
}

func (b *blockWriter) end() error {
	if len(b.payload) > 0 {
		if err := b.block(); err != nil {
			return err
		}
	}
	b.payload = binary.BigEndian.AppendUint64(b.payload[:0], b.records)
	var head [blockHeadBytes]byte
	b.sum = crc32.Update(b.sum, b.table, head[:4])
	b.sum = crc32.Update(b.sum, b.table, b.payload)
	binary.BigEndian.PutUint32(head[4:], b.sum)
	return errors.Join(b.write(head[:]), b.write(b.payload))
}
