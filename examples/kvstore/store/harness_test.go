package store

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"log/slog"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft/replica"
)

// What the tests have in common.

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func testOptions(fs vfs.FS, bounds Bounds) Options {
	return Options{FS: fs, CacheBytes: 1 << 20, MemTableBytes: 256 << 10, Bounds: bounds, Logger: quiet(), keyCacheBytes: 300}
}

func openOn(t testing.TB, fs vfs.FS, bounds Bounds) *Store {
	t.Helper()
	s, err := Open("db", testOptions(fs, bounds))
	require.NoError(t, err)
	return s
}

// openNew opens a store in memory that is closed at the end of the test.
func openNew(t testing.TB, bounds Bounds) *Store {
	t.Helper()
	s := openOn(t, vfs.NewMem(), bounds)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// A feed gives commands their indexes, with gaps.
type feed struct{ index uint64 }

func (f *feed) commands(t testing.TB, commands ...Command) []replica.Command {
	t.Helper()
	var out []replica.Command
	for i := range commands {
		data, err := Encode(&commands[i])
		require.NoError(t, err)
		f.index += 1 + uint64(len(data)%2)
		out = append(out, replica.Command{Index: f.index, Data: data})
	}
	return out
}

// do applies and commits commands, and returns their results.
func (f *feed) do(t testing.TB, s *Store, commands ...Command) []Result {
	t.Helper()
	encoded, err := s.Apply(f.commands(t, commands...))
	require.NoError(t, err)
	require.NoError(t, s.Commit(f.index, nil))
	return decodeAll(t, encoded)
}

func decodeAll(t testing.TB, encoded [][]byte) []Result {
	t.Helper()
	var results []Result
	for _, data := range encoded {
		r, err := DecodeResult(data)
		require.NoError(t, err)
		results = append(results, r)
	}
	return results
}

func put(key, value string) Command {
	return Command{Kind: KindPut, Key: []byte(key), Value: []byte(value)}
}

func remove(key string) Command { return Command{Kind: KindDelete, Key: []byte(key)} }

// snapshot returns what a view writes.
func snapshot(t testing.TB, s *Store) []byte {
	t.Helper()
	v, err := s.Capture()
	require.NoError(t, err)
	var out bytes.Buffer
	n, err := v.WriteTo(&out)
	require.NoError(t, err)
	require.Equal(t, int64(out.Len()), n)
	var again bytes.Buffer
	_, err = v.WriteTo(&again)
	require.NoError(t, err)
	require.True(t, bytes.Equal(out.Bytes(), again.Bytes()), "a view writes the same bytes each time")
	require.NoError(t, v.Close())
	return out.Bytes()
}

func restore(t testing.TB, s *Store, contents []byte, applied uint64) {
	t.Helper()
	require.NoError(t, s.Restore(bytes.NewReader(contents)))
	require.NoError(t, s.Commit(applied, nil))
}

func hashOf(t testing.TB, s *Store) [32]byte {
	t.Helper()
	hash, err := s.Hash()
	require.NoError(t, err)
	return hash
}

// drain returns the events that a watcher has at the moment.
func drain(t testing.TB, w *Watcher) []Event {
	t.Helper()
	var events []Event
	for w.Rev() < w.store.Rev() {
		next, err := w.read()
		require.NoError(t, err)
		events = append(events, next...)
	}
	return events
}

// take waits until a watcher has delivered n events.
func take(t testing.TB, ctx context.Context, w *Watcher, n int) []Event {
	t.Helper()
	var events []Event
	for len(events) < n {
		next, err := w.Next(ctx)
		require.NoError(t, err)
		require.NotEmpty(t, next)
		events = append(events, next...)
	}
	require.Len(t, events, n)
	return events
}

// requireEvents compares events; empty values are equal however they are written.
func requireEvents(t testing.TB, expected, actual []Event) {
	t.Helper()
	require.Len(t, actual, len(expected))
	for i, e := range expected {
		a := actual[i]
		require.Equal(t, e.Position, a.Position)
		require.Equal(t, []any{e.Type, e.PrevRev, string(e.Key), string(e.Value)}, []any{a.Type, a.PrevRev, string(a.Key), string(a.Value)})
	}
}

func requireItems(t testing.TB, expected, actual []KeyValue) {
	t.Helper()
	require.Len(t, actual, len(expected))
	for i, e := range expected {
		a := actual[i]
		require.Equal(t, string(e.Key), string(a.Key))
		require.Equal(t, []any{string(e.Value), e.Rev, e.CreateRev, e.Version}, []any{string(a.Value), a.Rev, a.CreateRev, a.Version})
	}
}

// A reader that fails after some bytes.
type failingReader struct {
	rest []byte
	err  error
	hook func()
}

func (r *failingReader) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		if r.hook != nil {
			r.hook()
			r.hook = nil
		}
		return 0, r.err
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

var _ io.Reader = (*failingReader)(nil)

func newBuffered(w io.Writer) *bufio.Writer { return bufio.NewWriter(w) }
