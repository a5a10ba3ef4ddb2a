package store

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
)

// Files that are damaged on the disk are reported by what reads them.

func TestDamagedFilesAreErrors(t *testing.T) {
	fs := vfs.NewMem()
	s := openOn(t, fs, Bounds{})
	var f feed
	for i := range 500 {
		f.do(t, s, put(fmt.Sprintf("key%03d", i), strings.Repeat("value", 20)))
	}
	require.NoError(t, s.db.Flush())
	require.NoError(t, s.Close())
	names, err := fs.List("db")
	require.NoError(t, err)
	damaged := 0
	for _, name := range names {
		if strings.HasSuffix(name, ".sst") {
			damage(t, fs, fs.PathJoin("db", name))
			damaged++
		}
	}
	require.Positive(t, damaged)

	o := testOptions(fs, Bounds{})
	o.OnFatal = func(err error) { t.Errorf("a damaged file is no failed disk: %v", err) }
	s, err = Open("db", o)
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	_, err = s.List(ListOptions{Limit: 1000})
	require.ErrorContains(t, err, "corruption")
	_, err = s.Hash()
	require.ErrorContains(t, err, "corruption")
	v, err := s.Capture()
	require.NoError(t, err)
	_, err = v.WriteTo(io.Discard)
	require.ErrorContains(t, err, "corruption")
	require.NoError(t, v.Close())
}

// damage changes a byte among the first keys of a table.
func damage(t *testing.T, fs vfs.FS, file string) {
	f, err := fs.Open(file)
	require.NoError(t, err)
	data, err := io.ReadAll(f)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	data[200] ^= 0x10
	out, err := fs.Create(file, vfs.WriteCategoryUnspecified)
	require.NoError(t, err)
	_, err = out.Write(data)
	require.NoError(t, err)
	require.NoError(t, out.Close())
}

func TestDamagedRecordsAreErrors(t *testing.T) {
	s := openNew(t, Bounds{})
	var f feed
	f.do(t, s, put("a", "1"), put("b", "2"), put("c", "3"))
	set := func(key []byte, value string) { require.NoError(t, s.db.Set(key, []byte(value), nil)) }
	set(appendDataKey(nil, genA, []byte("b")), "\x80")
	_, _, err := s.Get([]byte("b"))
	require.ErrorContains(t, err, `for key "b" is damaged`)
	for _, keysOnly := range []bool{false, true} {
		_, err = s.List(ListOptions{KeysOnly: keysOnly})
		require.ErrorContains(t, err, `for key "b" is damaged`)
	}
	require.NoError(t, s.db.Delete(appendEventKey(nil, genA, Position{Rev: 2}), nil))
	w, err := s.Watch(nil, Position{Rev: 1})
	require.NoError(t, err)
	_, err = w.Next(patience(t))
	require.ErrorContains(t, err, "after position 1.1 comes 3.0")
	set(appendEventKey(nil, genA, Position{Rev: 2}), "\x07")
	w, err = s.Watch(nil, Position{Rev: 2})
	require.NoError(t, err)
	_, err = w.Next(patience(t))
	require.ErrorContains(t, err, "event at 2.0 is damaged")
	set(stateKey(genA), "short")
	_, err = s.List(ListOptions{})
	require.ErrorIs(t, err, ErrInvalid)
	_, _, err = s.Recover()
	require.ErrorContains(t, err, "the counters have 5 bytes")
}
