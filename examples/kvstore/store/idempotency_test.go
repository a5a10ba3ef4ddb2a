package store

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft/replica"
)

// What is remembered of commands with an idempotency key.

// TestLargeResultsDriveOutNobody has many transactions read large values: the keys that came before them stay.
func TestLargeResultsDriveOutNobody(t *testing.T) {
	s := openNew(t, Bounds{})
	var f feed
	once := put("a", strings.Repeat("x", MaxValueBytes))
	once.IdempotencyKey = "first"
	f.do(t, s, once)
	read := Command{Kind: KindTxn, Then: []Op{{Kind: OpGet, Key: []byte("a")}, {Kind: OpGet, Key: []byte("a")}, {Kind: OpGet, Key: []byte("b")}}}
	for i := range 20 {
		read.IdempotencyKey = fmt.Sprint("read ", i)
		r := f.do(t, s, read)[0]
		require.Len(t, r.Ops[1].Value, MaxValueBytes)
		require.False(t, r.Ops[1].Omitted)
	}
	require.True(t, f.do(t, s, once)[0].Replayed)
	require.EqualValues(t, 21, s.Stats().Idempotency)
	require.Less(t, s.Stats().IdempotencyBytes, uint64(21*MaxRememberedBytes))

	f.do(t, s, put("a", "later"))
	for _, store := range []*Store{s, restoredFrom(t, s)} {
		r := f.do(t, store, read)[0]
		require.True(t, r.Replayed)
		require.Equal(t, OpResult{Kind: OpGet, Exists: true, Rev: 1, CreateRev: 1, Version: 1, Value: []byte{}, Omitted: true}, r.Ops[0])
		require.Equal(t, OpResult{Kind: OpGet, Value: []byte{}}, r.Ops[2], "a key that was not there has nothing to omit")
	}
}

// TestTheLargestResultIsSmall computes what can be remembered at most.
func TestTheLargestResultIsSmall(t *testing.T) {
	r := Result{Code: CodeOK, Rev: math.MaxUint64, KeyRev: math.MaxUint64, Message: strings.Repeat("m", 256), Ops: make([]OpResult, MaxOps)}
	for i := range r.Ops {
		r.Ops[i] = OpResult{
			Kind: OpGet, Exists: true, Rev: math.MaxUint64, CreateRev: math.MaxUint64, Version: math.MaxUint64, Value: make([]byte, MaxValueBytes/MaxOps),
		}
	}
	require.True(t, r.omitValues())
	require.LessOrEqual(t, idemOverhead+MaxIdempotencyKeyBytes+len(r.Append(nil)), MaxRememberedBytes)

	b := Bounds{}
	b.setDefaults()
	require.EqualValues(t, 100_000, b.MaxIdempotency)
	require.GreaterOrEqual(t, b.MaxIdempotencyBytes, b.MaxIdempotency*MaxRememberedBytes)
	b = Bounds{MaxIdempotency: math.MaxUint64}
	b.setDefaults()
	require.Greater(t, b.MaxIdempotencyBytes, uint64(math.MaxUint64/2), "no overflow")
}

// TestTheNumberOfKeysIsTheBound has more large transactions than are remembered.
func TestTheNumberOfKeysIsTheBound(t *testing.T) {
	s := openNew(t, Bounds{MaxIdempotency: 50})
	var f feed
	c := Command{Kind: KindTxn}
	for i := range MaxOps {
		c.Then = append(c.Then, Op{Kind: OpPut, Key: []byte("k"), Value: fmt.Append(nil, i)}, Op{Kind: OpGet, Key: []byte("k")})
	}
	c.Then = c.Then[:MaxOps]
	for i := range 60 {
		c.IdempotencyKey = fmt.Sprintf("%02d%s", i, strings.Repeat("i", MaxIdempotencyKeyBytes-2))
		f.do(t, s, c)
	}
	require.EqualValues(t, 50, s.Stats().Idempotency)
}

// TestKeysWithTheSameHash has all keys share four hashes: those that are remembered are found, the dropped ones are not, also after
// a restart and in another store.
func TestKeysWithTheSameHash(t *testing.T) {
	const most = 30
	fs := vfs.NewMem()
	s := openOn(t, fs, Bounds{MaxIdempotency: most})
	require.NoError(t, s.w.recollect())
	s.w.idem.known.mask = 3
	var f feed
	var known []string
	replayed := func(s *Store, key string) bool {
		c := put("k", key)
		c.IdempotencyKey = key
		return f.do(t, s, c)[0].Replayed
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		key := fmt.Sprint("key ", rng.IntN(2*most))
		require.Equal(t, slices.Contains(known, key), replayed(s, key), "%s after %v", key, known)
		if !slices.Contains(known, key) {
			known = append(known, key)
		}
		known = known[max(0, len(known)-most):]
	}
	require.Equal(t, uint64(3), s.w.idem.known.mask)
	restored := restoredFrom(t, s)
	require.NoError(t, s.Close())
	s = openOn(t, fs, Bounds{MaxIdempotency: most})
	defer func() { require.NoError(t, s.Close()) }()
	for _, key := range known {
		require.True(t, replayed(s, key), key)
		require.True(t, replayed(restored, key), key)
	}
	require.False(t, replayed(s, "another key"))
	require.False(t, replayed(s, known[0]), "it was the oldest one")
}

// TestDroppedKeysLeaveTheDisk remembers many more keys than it may, on both sides of a restart, and counts the records.
func TestDroppedKeysLeaveTheDisk(t *testing.T) {
	const most = 100
	fs := vfs.NewMem()
	s := openOn(t, fs, Bounds{MaxIdempotency: most})
	var f feed
	write := func(from, to int) {
		commands := make([]Command, 0, to-from)
		for i := from; i < to; i++ {
			c := put("k", "v")
			c.IdempotencyKey = fmt.Sprint("key ", i)
			commands = append(commands, c)
		}
		f.do(t, s, commands...)
	}
	records := func() (n int) {
		iter, err := s.newIter(s.gen)
		require.NoError(t, err)
		for ok := iter.SeekGE([]byte{s.gen, kindIdem}); ok && iter.Key()[1] == kindIdem; ok = iter.Next() {
			n++
		}
		require.NoError(t, iter.Close())
		return n
	}
	write(0, litterCount/2)
	require.Equal(t, litterCount/2, records(), "nothing is deleted one by one")
	write(litterCount/2, litterCount+most)
	require.Equal(t, most, records())
	write(litterCount+most, litterCount+2*most)
	require.Equal(t, 2*most, records())
	hash := hashOf(t, s)
	require.NoError(t, s.Close())
	s = openOn(t, fs, Bounds{MaxIdempotency: most})
	defer func() { require.NoError(t, s.Close()) }()
	write(litterCount+2*most, litterCount+2*most+1)
	require.Equal(t, most, records(), "what was dropped before the restart goes as well")
	require.NotEqual(t, hash, hashOf(t, s))
	require.Equal(t, hashOf(t, s), hashOf(t, restoredFrom(t, s)))
}

func TestDamagedRecollectionsAreErrors(t *testing.T) {
	for name, damage := range map[string]func(s *Store) error{
		"and should be": func(s *Store) error { return s.db.Delete(appendIdemKey(nil, genA, 2), nil) },
		"cut short":     func(s *Store) error { return s.db.Set(appendIdemKey(nil, genA, 2), []byte("\x01k"), nil) },
	} {
		fs := vfs.NewMem()
		s := openOn(t, fs, Bounds{})
		var f feed
		for i := range 3 {
			c := put("k", "v")
			c.IdempotencyKey = fmt.Sprint("key ", i)
			f.do(t, s, c)
		}
		require.NoError(t, damage(s))
		_, _, err := s.Recover()
		require.NoError(t, err)
		c := put("k", "v")
		c.IdempotencyKey = "key 1"
		data, err := Encode(&c)
		require.NoError(t, err)
		_, err = s.Apply([]replica.Command{{Index: f.index + 1, Data: data}})
		require.ErrorContains(t, err, name)
		require.ErrorContains(t, s.Close(), "failed")
	}
}
