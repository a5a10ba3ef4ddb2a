package store

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
)

// Snapshots: views that stay as they are, and restoring what is whole, cut short, or damaged.

// filled returns a store with a little of everything.
func filled(t testing.TB, bounds Bounds, n int) *Store {
	s := openNew(t, bounds)
	var f feed
	m := maker{rand.New(rand.NewPCG(4, 4))}
	for range n {
		f.do(t, s, m.command(), m.command(), m.command())
	}
	return s
}

func TestAViewStaysAsItIs(t *testing.T) {
	s := filled(t, smallBounds(), 30)
	before := snapshot(t, s)
	v, err := s.Capture()
	require.NoError(t, err)
	f := feed{index: s.Applied()}
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			var out bytes.Buffer
			_, err := v.WriteTo(&out)
			require.NoError(t, err)
			require.Equal(t, before, out.Bytes())
		})
	}
	for i := range 200 {
		f.do(t, s, put(fmt.Sprint("k", i), "v"), remove("a/1"))
	}
	restore(t, s, snapshot(t, filled(t, Bounds{}, 3)), 1000)
	wg.Wait()
	var out bytes.Buffer
	_, err = v.WriteTo(&out)
	require.NoError(t, err)
	require.Equal(t, before, out.Bytes())
	require.NoError(t, v.Close())
	_, err = v.WriteTo(io.Discard)
	require.ErrorIs(t, err, ErrClosed)
}

func TestCloseEndsViewsAndReads(t *testing.T) {
	s := openOn(t, vfs.NewMem(), Bounds{})
	var f feed
	f.do(t, s, put("a", "1"))
	v, err := s.Capture()
	require.NoError(t, err)
	w, err := s.Watch(nil, Position{})
	require.NoError(t, err)
	ended := make(chan error)
	go func() {
		_, err := w.Next(context.Background())
		ended <- err
	}()
	require.NoError(t, s.Close())
	require.ErrorIs(t, <-ended, ErrClosed)
	_, err = v.WriteTo(io.Discard)
	require.ErrorIs(t, err, ErrClosed)
	require.NoError(t, v.Close())
	_, _, err = s.Get([]byte("a"))
	require.ErrorIs(t, err, ErrClosed)
	_, err = s.List(ListOptions{})
	require.ErrorIs(t, err, ErrClosed)
	_, err = s.Watch(nil, Position{})
	require.ErrorIs(t, err, ErrClosed)
	_, err = s.Apply(nil)
	require.ErrorIs(t, err, ErrClosed)
	require.ErrorIs(t, s.Commit(1, nil), ErrClosed)
	require.ErrorIs(t, s.Sync(), ErrClosed)
	_, err = s.Capture()
	require.ErrorIs(t, err, ErrClosed)
	require.ErrorIs(t, s.Restore(bytes.NewReader(nil)), ErrClosed)
	require.ErrorIs(t, s.Close(), ErrClosed)
	require.Equal(t, uint64(1), s.Stats().Keys)
}

func TestRestoreNamesWhatIsWrong(t *testing.T) {
	from := filled(t, smallBounds(), 60)
	contents := snapshot(t, from)
	s := openNew(t, Bounds{})
	wrong := func(damage func(b []byte) []byte, text string) {
		t.Helper()
		err := s.Restore(bytes.NewReader(damage(bytes.Clone(contents))))
		require.ErrorIs(t, err, ErrDamaged)
		require.ErrorContains(t, err, text)
	}
	wrong(func(b []byte) []byte { return nil }, "ends within the header")
	wrong(func(b []byte) []byte { b[0] = 'x'; return b }, `begins with "xvstate1"`)
	wrong(func(b []byte) []byte { b[20] ^= 1; return b }, "checksum of the header")
	wrong(func(b []byte) []byte { return b[:headerBytes+4] }, "ends within block 1")
	wrong(func(b []byte) []byte { return b[:headerBytes+50] }, "ends within block 1")
	wrong(func(b []byte) []byte { b[headerBytes+50] ^= 4; return b }, "checksum of block 1")
	wrong(func(b []byte) []byte { return b[:len(b)-16] }, "ends within block 2")
	wrong(func(b []byte) []byte { return b[:len(b)-1] }, "ends within the end")
	wrong(func(b []byte) []byte { b[len(b)-1]++; return b }, "checksum of the end")
	wrong(func(b []byte) []byte { return append(b, 0) }, "something comes after its end")
	wrong(func(b []byte) []byte { b[headerBytes+4] = 0xff; return b }, "at most")
	require.ErrorIs(t, s.Restore(&failingReader{rest: contents[:300], err: os.ErrDeadlineExceeded}), os.ErrDeadlineExceeded)
	require.ErrorIs(t, s.Restore(&failingReader{rest: contents, err: os.ErrDeadlineExceeded}), os.ErrDeadlineExceeded)

	restore(t, s, contents, from.Applied())
	require.Equal(t, hashOf(t, from), hashOf(t, s))
}

func TestEveryFlippedByteIsNoticed(t *testing.T) {
	contents := snapshot(t, filled(t, smallBounds(), 8))
	for i := range contents {
		damaged := bytes.Clone(contents)
		damaged[i] ^= 0x41
		require.ErrorIs(t, readThrough(damaged), ErrDamaged, "byte %d", i)
		require.ErrorIs(t, readThrough(contents[:i]), ErrDamaged, "cut at %d", i)
	}
	require.NoError(t, readThrough(contents))
}

// readThrough reads a snapshot as Restore does, without a store.
func readThrough(contents []byte) error {
	in := newBlockReader(bytes.NewReader(contents))
	st, err := in.header()
	if err != nil {
		return err
	}
	check := checker{}
	for {
		key, value, err := in.record()
		if err == io.EOF {
			return check.compare(&st)
		}
		if err == nil {
			err = check.add(key, value)
		}
		if err != nil {
			return err
		}
	}
}

// A forgery is a stream with right checksums and wrong contents.
func TestWrongContentsAreNoticed(t *testing.T) {
	seq := func(n uint64) string { return string(appendIdemKey(nil, genA, n)[1:]) }
	result := "\x01k" + strings.Repeat("h", hashBytes) + strings.Repeat("r", resultFlagsAt+1)
	event := func(rev uint64, sub uint32) string {
		return string(appendEventKey(nil, genA, Position{Rev: rev, Sub: sub})[1:])
	}
	value := string(appendDataHeader(nil, keyState{rev: 1, create: 1, version: 1}))
	stored := string(appendEventHeader(nil, EventPut, 0, []byte("k")))
	for text, records := range map[string][][2]string{
		"comes after key":      {{"db", value}, {"da", value}},
		"no known kind":        {{"z", "1"}},
		"the key is empty":     {{"d", value}},
		"cut short":            {{"da", "\x01"}},
		"comes where 3.1":      {{event(3, 0), stored}, {event(3, 2), stored}},
		"comes where 3.0":      {{event(3, 1), stored}},
		"event of type 9":      {{event(3, 0), "\x09\x00\x01k"}},
		"key of":               {{"e123", stored}},
		"the hash":             {{seq(1), result[:len(result)-1]}},
		"sequence 3 comes":     {{seq(1), result}, {seq(3), result}},
		"sequence has 1 bytes": {{"i1", result}},
		"do not add up":        {{"da", value}},
	} {
		var out bytes.Buffer
		b := &blockWriter{dst: newBuffered(&out), table: castagnoli()}
		st := newState(Bounds{})
		require.NoError(t, b.header(&st))
		for _, r := range records {
			require.NoError(t, b.record([]byte(r[0]), []byte(r[1])))
		}
		require.NoError(t, b.end())
		require.NoError(t, b.dst.Flush())
		err := readThrough(out.Bytes())
		require.ErrorIs(t, err, ErrDamaged)
		require.ErrorContains(t, err, text)
	}
}

// Many tables, a record larger than a block, and dropped events that are still on the disk.
func TestLargeSnapshots(t *testing.T) {
	s := openOn(t, vfs.NewMem(), Bounds{MaxEventBytes: 2 << 20})
	defer func() { require.NoError(t, s.Close()) }()
	var f feed
	value := make([]byte, 1<<20)
	rng := rand.NewChaCha8([32]byte{1})
	for i := range 4 {
		_, _ = rng.Read(value)
		f.do(t, s, put(fmt.Sprintf("large%d", i), string(value)), put(fmt.Sprint("small", i), "x"))
	}
	other := openOn(t, vfs.NewMem(), Bounds{})
	other.tableBytes = 512 << 10
	defer func() { require.NoError(t, other.Close()) }()
	v, err := s.Capture()
	require.NoError(t, err)
	read, write := io.Pipe()
	go func() {
		_, err := v.WriteTo(write)
		write.CloseWithError(err)
	}()
	require.NoError(t, other.Restore(read))
	require.NoError(t, other.Commit(f.index, nil))
	require.NoError(t, v.Close())
	require.Equal(t, hashOf(t, s), hashOf(t, other))
	require.Greater(t, other.Stats().DiskBytes, other.Stats().DataBytes, "the values cannot be compressed")
	kv, found, err := other.Get([]byte("large3"))
	require.NoError(t, err)
	require.True(t, found)
	require.True(t, bytes.Equal(value, kv.Value))
}
