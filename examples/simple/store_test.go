package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func containsLineEnd(text string) bool { return strings.Contains(text, "\n") }

// contents returns the pairs as a map, after it has checked the store's invariant.
func contents(t *testing.T, s *store) map[string]string {
	require.Len(t, s.index, len(s.pairs))
	m := make(map[string]string, len(s.pairs))
	for i, p := range s.pairs {
		require.Equal(t, i, s.index[p.key], "index of %q", p.key)
		m[p.key] = p.value
	}
	return m
}

func TestStoreIsAMap(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	s, model := newStore(), map[string]string{}
	for i := range 5000 {
		key := fmt.Sprintf("k%d", rnd.IntN(50))
		if rnd.IntN(3) == 0 {
			s.del(key)
			delete(model, key)
		} else {
			s.put(key, fmt.Sprint(i))
			model[key] = fmt.Sprint(i)
		}
		got, ok := s.get(key)
		want, exists := model[key]
		require.Equal(t, exists, ok)
		require.Equal(t, want, got)
	}
	require.Equal(t, model, contents(t, s))
}

func TestChangesAreMadeOnceAndInOrder(t *testing.T) {
	put := func(number uint64, value string) []byte {
		return encodeChange(number, command{name: "put", key: "k", value: value})
	}
	s := newStore()
	for _, step := range []struct {
		number    uint64
		value     string
		wantValue string
		wantLast  uint64
	}{
		{1, "a", "a", 1},
		{3, "c", "a", 1}, // its predecessor is missing
		{2, "b", "b", 2},
		{1, "a", "b", 2}, // sent again
		{2, "b", "b", 2},
		{3, "c", "c", 3}, // sent again, and now its turn
		{2, "b", "c", 3},
		{0, "x", "c", 3},
	} {
		require.NoError(t, s.apply(put(step.number, step.value)))
		got, _ := s.get("k")
		require.Equal(t, step.wantValue, got, "after change %d", step.number)
		require.Equal(t, step.wantLast, s.last, "after change %d", step.number)
	}
	require.NoError(t, s.apply(encodeChange(4, command{name: "del", key: "k"})))
	require.NoError(t, s.apply(put(3, "c")))
	require.Empty(t, contents(t, s), "a put sent again must not undo a later del")
}

// However the changes are repeated, lost and sent again, what comes of them is what comes of each of them once.
func TestChangesSentAgainFromAnywhere(t *testing.T) {
	const n = 300
	changes := make([][]byte, n+1)
	once := newStore()
	for i := 1; i <= n; i++ {
		cmd := command{name: "put", key: fmt.Sprintf("k%d", i%7), value: fmt.Sprint(i)}
		if i%5 == 0 {
			cmd = command{name: "del", key: cmd.key}
		}
		changes[i] = encodeChange(uint64(i), cmd)
		require.NoError(t, once.apply(changes[i]))
	}
	rnd := rand.New(rand.NewPCG(2, 2))
	s := newStore()
	for s.last < n {
		// A client sends from some change at or before the next one, and some of what it sends is lost.
		for i := s.last + 1 - rnd.Uint64N(s.last+1); i <= n && rnd.IntN(30) > 0; i++ {
			if i == 0 || rnd.IntN(20) == 0 {
				continue
			}
			require.NoError(t, s.apply(changes[i]))
		}
	}
	require.Equal(t, once, s)
	require.Equal(t, once.digest(), s.digest())
}

func TestSnapshotRefusesWhatItDidNotWrite(t *testing.T) {
	for _, data := range []string{"", "x", "1", "1 2\na b\n", "1 0\na b\n", "1 2\na b\na c\n", "-1 0\n"} {
		_, err := decodeStore([]byte(data))
		require.ErrorContains(t, err, "snapshot", "%q", data)
	}
	for _, data := range []string{"", "x put a b", "1", "1 foo", "1 put a"} {
		require.ErrorContains(t, newStore().apply([]byte(data)), "change", "%q", data)
	}
}
