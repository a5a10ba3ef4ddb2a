package store

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
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
