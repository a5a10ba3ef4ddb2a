package pebblelog

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
	"github.com/seed695671cb/raft/replica"
)

// TestStoreIsLikeItsTwin does random operations to a store and to twins of its groups, reopens it now and then, and
// compares all that can be read.
func TestStoreIsLikeItsTwin(t *testing.T) {
	for seed := range uint64(5) {
		rng := rand.New(rand.NewPCG(seed, 1))
		fs := vfs.NewMem()
		s := mustOpen(t, "db", testOptions(fs))
		w := world{}
		for i := range 250 {
			st := randomStep(rng, w)
			require.NoError(t, st.do(s, w), "seed %d step %d: %v", seed, i, st)
			st.doTwin(w)
			if rng.IntN(20) == 0 {
				require.NoError(t, s.Close())
				s = mustOpen(t, "db", testOptions(fs))
			}
			text, err := describeStore(s)
			require.NoError(t, err, "seed %d step %d: %v", seed, i, st)
			require.Equal(t, w.describe(), text, "seed %d step %d: %v", seed, i, st)
			compareReads(t, rng, s, w)
		}
		compareGroups(t, s, w)
		require.NoError(t, s.Close())
	}
}

// compareReads compares random reads of one group with those of a MemoryStorage with the same log.
func compareReads(t *testing.T, rng *rand.Rand, s *Store, w world) {
	t.Helper()
	id := groupID(rng.IntN(testGroups))
	twin, log := w.group(id), mustLog(t, s, id)
	want := raft.NewMemoryStorage()
	if twin.base.index > 0 {
		meta := pb.SnapshotMetadata{Index: twin.base.index, Term: twin.base.term}
		require.NoError(t, want.ApplySnapshot(pb.Snapshot{Metadata: meta}))
	}
	require.NoError(t, want.Append(twin.entries))

	around := func() uint64 {
		span := twin.last().index - twin.base.index + 4
		return max(twin.base.index+rng.Uint64N(span), 1) - 1
	}
	i := around()
	wantTerm, wantErr := want.Term(i)
	term, err := log.Term(i)
	require.Equal(t, wantErr, err, "term of %d", i)
	require.Equal(t, wantTerm, term, "term of %d", i)

	lo, hi, size := around(), around(), rng.Uint64N(400)
	if rng.IntN(3) == 0 {
		size = math.MaxUint64
	}
	wantEntries, wantErr := want.Entries(lo, hi, size)
	entries, err := log.Entries(lo, hi, size)
	if wantErr == raft.ErrCompacted || wantErr == raft.ErrUnavailable || wantErr == nil {
		require.Equal(t, wantErr, err, "entries from %d to %d", lo, hi) // bare
		require.Equal(t, wantEntries, entries, "entries from %d to %d of %d bytes", lo, hi, size)
		return
	}
	require.Error(t, err, "entries from %d to %d", lo, hi)
}

func compareGroups(t *testing.T, s *Store, w world) {
	t.Helper()
	var want []uint64
	for n := range testGroups {
		if w.group(groupID(n)).kept() {
			want = append(want, groupID(n))
		}
	}
	groups, err := s.Groups()
	require.NoError(t, err)
	require.Equal(t, want, groups)
}

// TestHandedOutEntriesStay keeps what Entries returned while the log is replaced, compacted and evicted from memory.
func TestHandedOutEntriesStay(t *testing.T) {
	s := mustOpen(t, "db", testOptions(vfs.NewMem()))
	defer s.Close()
	log := mustLog(t, s, 7)
	entries := func(from, term uint64) []pb.Entry {
		var out []pb.Entry
		for i := range uint64(6) {
			out = append(out, pb.Entry{Index: from + i, Term: term, Data: []byte{byte(term), byte(i)}})
		}
		return out
	}
	require.NoError(t, s.Write([]replica.Update{{Group: 7, Entries: entries(1, 1)}}))
	cached, err := log.Entries(2, 7, math.MaxUint64)
	require.NoError(t, err)
	for term := uint64(2); term < 40; term++ {
		require.NoError(t, s.Write([]replica.Update{{Group: 7, Entries: entries(term, term)}}))
	}
	require.NoError(t, log.Compact(20))
	require.Equal(t, entries(1, 1)[1:], cached)

	read, err := log.(*group).storedEntries(21, 26, math.MaxUint64)
	require.NoError(t, err)
	again, err := log.(*group).storedEntries(21, 26, math.MaxUint64)
	require.NoError(t, err)
	for i := range again {
		again[i].Data[0] = 0xff
	}
	third, err := log.Entries(21, 26, math.MaxUint64)
	require.NoError(t, err)
	require.Equal(t, third, read)
	require.NotEqual(t, again, read)
}
