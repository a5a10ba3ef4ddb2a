package store

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft/replica"
)

// The encodings, and commands that are not as they should be.

func TestCommandsSurviveEncoding(t *testing.T) {
	m := maker{rand.New(rand.NewPCG(3, 3))}
	var reused Command
	for range 2000 {
		c := m.command()
		data, err := Encode(&c)
		require.NoError(t, err)
		decoded, err := Decode(data)
		require.NoError(t, err)
		again, err := Encode(&decoded)
		require.NoError(t, err)
		require.Equal(t, data, again)
		require.Equal(t, fmt.Sprintf("%+v", c), fmt.Sprintf("%+v", decoded))
		require.NoError(t, reused.decode(data))
		require.Equal(t, fmt.Sprintf("%+v", c), fmt.Sprintf("%+v", reused))
		for i := range data {
			_, err := Decode(data[:i])
			require.ErrorIs(t, err, ErrInvalid)
		}
		_, err = Decode(append(data, 0))
		require.ErrorIs(t, err, ErrInvalid)
	}
}

func TestEncodeRefuses(t *testing.T) {
	long := func(n int) []byte { return make([]byte, n) }
	ops := func(n int) []Op {
		return []Op{{Kind: OpPut, Key: []byte("k"), Value: long(n)}, {Kind: OpPut, Key: []byte("k"), Value: long(n)}}
	}
	for text, c := range map[string]Command{
		"the key is empty":                    {Kind: KindDelete},
		"the key has 4097 bytes":              {Kind: KindPut, Key: long(4097)},
		"the value has 4194305 bytes":         {Kind: KindPut, Key: []byte("k"), Value: long(MaxValueBytes + 1)},
		"the idempotency key has 257":         {Kind: KindDelete, Key: []byte("k"), IdempotencyKey: strings.Repeat("i", 257)},
		"command of kind 0":                   {},
		"command of kind 9":                   {Kind: 9},
		"condition of kind 9":                 {Kind: KindDelete, Key: []byte("k"), Cond: Condition{Kind: 9}},
		"129 compares":                        {Kind: KindTxn, Compares: make([]Compare, 129)},
		"compare 0: target 0":                 {Kind: KindTxn, Compares: []Compare{{}}},
		"compare 0: operator 0":               {Kind: KindTxn, Compares: []Compare{{Target: TargetRev}}},
		"compare 0: the key is empty":         {Kind: KindTxn, Compares: []Compare{{Target: TargetRev, Operator: Less}}},
		"a list of 129 operations":            {Kind: KindTxn, Else: make([]Op, 129)},
		"operation 0: operation of kind 0":    {Kind: KindTxn, Then: []Op{{}}},
		"operation 0: the key is empty":       {Kind: KindTxn, Then: []Op{{Kind: OpGet}}},
		"the command has 8388628 bytes: at m": {Kind: KindTxn, Then: ops(MaxValueBytes)},
	} {
		_, err := Encode(&c)
		require.ErrorContains(t, err, text)
	}
	_, err := Encode(&Command{Kind: KindPut, Key: long(4096), Value: long(MaxValueBytes), IdempotencyKey: strings.Repeat("i", 256)})
	require.NoError(t, err)
}

func TestMalformedCommandsChangeNothing(t *testing.T) {
	s := openNew(t, Bounds{})
	var f feed
	f.do(t, s, put("a", "1"))
	before := hashOf(t, s)
	for i, data := range [][]byte{nil, {9}, {1}, {1, 7, 0}, {1, 1, 0, 0, 0, 0, 0}, {1, 1, 0x80, 0}, make([]byte, MaxCommandBytes+1)} {
		results, err := s.Apply([]replica.Command{{Index: 100 + uint64(i), Data: data}})
		require.NoError(t, err)
		require.NoError(t, s.Commit(100+uint64(i), nil))
		r := decodeAll(t, results)[0]
		require.Equal(t, CodeInvalid, r.Code)
		require.NotEmpty(t, r.Message)
		require.Equal(t, uint64(1), r.Rev)
	}
	require.Equal(t, before, hashOf(t, s))
}

func TestATransactionThatReturnsTooMuch(t *testing.T) {
	s := openNew(t, Bounds{})
	var f feed
	f.do(t, s, put("a", strings.Repeat("x", MaxValueBytes)))
	get := Op{Kind: OpGet, Key: []byte("a")}
	c := Command{Kind: KindTxn, Then: []Op{{Kind: OpPut, Key: []byte("b")}, get, get}, IdempotencyKey: "i"}
	r := f.do(t, s, c)[0]
	require.Equal(t, CodeOK, r.Code)
	require.Len(t, r.Ops, 3)
	c.IdempotencyKey, c.Then = "j", append(c.Then, Op{Kind: OpPut, Key: []byte("c"), Value: []byte("1")},
		Op{Kind: OpGet, Key: []byte("c")})
	for _, replayed := range []bool{false, true} {
		r = f.do(t, s, c)[0]
		require.Equal(t, CodeTooLarge, r.Code)
		require.Equal(t, replayed, r.Replayed)
		require.False(t, r.Changed)
	}
	_, found, err := s.Get([]byte("c"))
	require.NoError(t, err)
	require.False(t, found)
	require.Equal(t, uint64(2), s.Rev())
}

func TestIdempotency(t *testing.T) {
	s := openNew(t, Bounds{MaxIdempotency: 3})
	var f feed
	once := func(key, value, id string) Command {
		c := put(key, value)
		c.IdempotencyKey = id
		return c
	}
	first := f.do(t, s, once("a", "1", "x"), put("a", "2"))[0]
	again := f.do(t, s, once("a", "1", "x"))[0]
	require.True(t, again.Replayed)
	again.Replayed = false
	require.Equal(t, first, again)
	kv, _, err := s.Get([]byte("a"))
	require.NoError(t, err)
	require.Equal(t, "2", string(kv.Value))
	conflict := f.do(t, s, once("a", "other", "x"))[0]
	require.Equal(t, CodeIdempotencyConflict, conflict.Code)
	require.NotEmpty(t, conflict.Message)
	other := restoredFrom(t, s)
	require.True(t, f.do(t, other, once("a", "1", "x"))[0].Replayed)
	f.do(t, s, once("b", "1", "y"), once("b", "1", "z"))
	require.True(t, f.do(t, s, once("a", "1", "x"))[0].Replayed, "repeating does not make it newer")
	f.do(t, s, once("b", "1", "w"))
	require.False(t, f.do(t, s, once("a", "1", "x"))[0].Replayed, "the oldest is forgotten")
	require.Equal(t, uint64(3), s.Stats().Idempotency)
}

func FuzzDecode(f *testing.F) {
	m := maker{rand.New(rand.NewPCG(7, 7))}
	for range 30 {
		c := m.command()
		data, err := Encode(&c)
		require.NoError(f, err)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Decode(data)
		if err != nil {
			return
		}
		again, err := Encode(&c)
		require.NoError(t, err)
		require.True(t, bytes.Equal(data, again), "a command has one encoding")
	})
}

func FuzzDecodeResult(f *testing.F) {
	f.Add((&Result{Code: CodeOK, Rev: 3, Changed: true, Ops: []OpResult{{Kind: OpGet, Value: []byte("v")}}}).Append(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := DecodeResult(data)
		if err != nil {
			return
		}
		again, err := DecodeResult(r.Append(nil))
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint(r), fmt.Sprint(again))
	})
}

func FuzzRestore(f *testing.F) {
	f.Add(snapshot(f, filled(f, smallBounds(), 5)))
	f.Fuzz(func(t *testing.T, data []byte) {
		_ = readThrough(data) // it must not panic, whatever it says
	})
}
