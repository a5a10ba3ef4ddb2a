package pebblelog

import (
	"bytes"
	"io"
	"io/fs"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
	"github.com/seed695671cb/raft/replica"
)

func readContents(t *testing.T, log replica.Log) []byte {
	t.Helper()
	r, err := log.OpenSnapshot()
	require.NoError(t, err)
	data, err := io.ReadAll(r)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	return data
}

func chunksStored(t *testing.T, s *Store, group uint64) int {
	t.Helper()
	n := 0
	err := s.read(recordKey(group, kindChunk), recordKey(group, kindEnd), func(iter *pebble.Iterator) error {
		for ok := iter.First(); ok; ok = iter.Next() {
			n++
		}
		return nil
	})
	require.NoError(t, err)
	return n
}

// TestReadersKeepTheirContents reads a snapshot while newer ones replace it, and while its contents are dropped.
func TestReadersKeepTheirContents(t *testing.T) {
	s := mustOpen(t, "db", testOptions(vfs.NewMem()))
	log := mustLog(t, s, 1)
	first := stage(t, log, 1, pb.SnapshotMetadata{Index: 1, Term: 1}, 300)
	require.NoError(t, log.AdoptSnapshot(pb.SnapshotMetadata{Index: 1, Term: 1}))
	a, err := log.OpenSnapshot()
	require.NoError(t, err)
	b, err := log.OpenSnapshot()
	require.NoError(t, err)
	head := make([]byte, 10)
	_, err = io.ReadFull(a, head)
	require.NoError(t, err)

	second := stage(t, log, 2, pb.SnapshotMetadata{Index: 2, Term: 1}, 400)
	require.NoError(t, log.AdoptSnapshot(pb.SnapshotMetadata{Index: 2, Term: 1}))
	require.Equal(t, second, readContents(t, log))
	c, err := log.OpenSnapshot()
	require.NoError(t, err)
	require.NoError(t, log.DropSnapshot(1)) // older than the newest
	require.Equal(t, second, readContents(t, log))
	require.NoError(t, log.DropSnapshot(2))
	_, err = log.OpenSnapshot()
	require.ErrorIs(t, err, fs.ErrNotExist)
	snap, err := log.Snapshot()
	require.NoError(t, err)
	require.Equal(t, uint64(2), snap.Metadata.Index)

	rest, err := io.ReadAll(a)
	require.NoError(t, err)
	require.Equal(t, first, append(head, rest...))
	require.NoError(t, a.Close())
	require.Equal(t, 5+7, chunksStored(t, s, 1))
	rest, err = io.ReadAll(b)
	require.NoError(t, err)
	require.Equal(t, first, rest)
	require.NoError(t, b.Close())
	require.NoError(t, b.Close())
	require.Equal(t, 7, chunksStored(t, s, 1))
	rest, err = io.ReadAll(c)
	require.NoError(t, err)
	require.Equal(t, second, rest)
	require.NoError(t, c.Close())
	require.Zero(t, chunksStored(t, s, 1))
	_, err = c.Read(head)
	require.ErrorIs(t, err, fs.ErrClosed)
	require.NoError(t, s.Close())
}

// TestContentsWithoutAnOwnerAreRemoved ends a process while a replaced snapshot is read: its contents go when the group is
// opened.
func TestContentsWithoutAnOwnerAreRemoved(t *testing.T) {
	mem := vfs.NewMem()
	s := mustOpen(t, "db", testOptions(mem))
	log := mustLog(t, s, 1)
	for i := uint64(1); i < 3; i++ {
		meta := pb.SnapshotMetadata{Index: i, Term: 1}
		stage(t, log, i, meta, 300)
		require.NoError(t, log.AdoptSnapshot(meta))
		_, err := log.OpenSnapshot()
		require.NoError(t, err)
	}
	require.Equal(t, 10, chunksStored(t, s, 1))
	require.NoError(t, s.Close())
	s = mustOpen(t, "db", testOptions(mem))
	require.Len(t, readContents(t, mustLog(t, s, 1)), 300)
	require.Equal(t, 5, chunksStored(t, s, 1))
	require.NoError(t, s.Close())
}

// TestStagingGoesOnOrBeginsAnew checks which writers go on where, and which ones are superseded.
func TestStagingGoesOnOrBeginsAnew(t *testing.T) {
	mem := vfs.NewMem()
	s := mustOpen(t, "db", testOptions(mem))
	log := mustLog(t, s, 1)
	meta := pb.SnapshotMetadata{Index: 5, Term: 2}
	w, err := log.StageSnapshot(7, meta)
	require.NoError(t, err)
	data := bytes.Repeat([]byte("0123456789"), 20)
	n, err := w.Write(data[:100])
	require.NoError(t, err)
	require.Equal(t, 100, n)
	require.Equal(t, uint64(100), w.Offset())
	require.ErrorIs(t, log.AdoptSnapshot(meta), ErrNotStaged)
	require.ErrorIs(t, s.Write([]replica.Update{{Group: 1, Snapshot: &meta}}), ErrNotStaged)

	// Another writer of the same stream goes on where whole pieces end, and the first one ends.
	again, err := log.StageSnapshot(7, meta)
	require.NoError(t, err)
	require.Equal(t, uint64(64), again.Offset())
	_, err = w.Write([]byte{1})
	require.ErrorIs(t, err, ErrSuperseded)
	require.ErrorIs(t, w.Finish(), ErrSuperseded)
	require.NoError(t, w.Close())
	_, err = again.Write(data[64:150])
	require.NoError(t, err)
	require.NoError(t, again.Close())
	_, err = again.Write([]byte{1})
	require.Error(t, err)

	require.NoError(t, s.Close())
	s = mustOpen(t, "db", testOptions(mem))
	log = mustLog(t, s, 1)
	w, err = log.StageSnapshot(7, meta)
	require.NoError(t, err)
	require.Equal(t, uint64(150), w.Offset())
	_, err = w.Write(data[150:])
	require.NoError(t, err)
	require.NoError(t, w.Finish())
	require.NoError(t, w.Finish())
	_, err = w.Write([]byte{1})
	require.Error(t, err)
	require.NoError(t, w.Close())

	// Finished contents stay finished, also after the store was opened anew.
	require.NoError(t, s.Close())
	s = mustOpen(t, "db", testOptions(mem))
	log = mustLog(t, s, 1)
	w, err = log.StageSnapshot(7, meta)
	require.NoError(t, err)
	require.Equal(t, uint64(200), w.Offset())
	require.NoError(t, w.Finish())
	require.NoError(t, log.AdoptSnapshot(meta))
	require.Equal(t, raft.ErrSnapOutOfDate, log.AdoptSnapshot(meta))
	require.Equal(t, data, readContents(t, log))

	// Another stream, or another snapshot, takes the place of what is staged.
	for stream := range uint64(3) {
		w, err = log.StageSnapshot(stream, pb.SnapshotMetadata{Index: 9, Term: 2 + stream/2})
		require.NoError(t, err)
		require.Zero(t, w.Offset())
		_, err = w.Write(data)
		require.NoError(t, err)
	}
	require.Equal(t, 4+3, chunksStored(t, s, 1))
	require.NoError(t, s.Close())
	_, err = w.Write(data)
	require.ErrorIs(t, err, ErrClosed)
}
