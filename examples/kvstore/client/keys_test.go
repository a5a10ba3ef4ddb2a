package client

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPutGetDelete(t *testing.T) {
	f := newFake(t, 1)
	c := f.client(t)
	ctx := t.Context()

	put, err := c.Put(ctx, "a", []byte("1"))
	require.NoError(t, err)
	require.Equal(t, PutResult{Rev: 1, Created: true}, put)
	put, err = c.Put(ctx, "a", nil)
	require.NoError(t, err)
	require.Equal(t, PutResult{Rev: 2}, put)

	value, err := c.Get(ctx, "a", At(Stale))
	require.NoError(t, err)
	require.Equal(t, uint64(2), value.Rev)
	require.Equal(t, uint64(77), value.Applied)
	require.Empty(t, value.Data)

	deleted, err := c.Delete(ctx, "a")
	require.NoError(t, err)
	require.Equal(t, uint64(3), deleted.Rev)
	_, err = c.Delete(ctx, "a")
	require.ErrorIs(t, err, ErrNotFound)
	_, err = c.Get(ctx, "a")
	require.ErrorIs(t, err, ErrNotFound)
	require.NotErrorIs(t, err, ErrPrecondition)
}

func TestConditions(t *testing.T) {
	f := newFake(t, 1)
	c := f.client(t)
	ctx := t.Context()

	_, err := c.Put(ctx, "a", []byte("1"), IfExists())
	require.ErrorIs(t, err, ErrPrecondition)
	_, err = c.Put(ctx, "a", []byte("1"), IfAbsent())
	require.NoError(t, err)
	_, err = c.Put(ctx, "a", []byte("2"), IfAbsent())
	require.ErrorIs(t, err, ErrPrecondition)
	_, err = c.Put(ctx, "a", []byte("2"), IfRevision(9))
	var refusal *Error
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, 412, refusal.Status)
	require.Equal(t, "precondition_failed", refusal.Code)
	require.Equal(t, uint64(1), refusal.Rev)
	require.True(t, refusal.Exists)
	_, err = c.Put(ctx, "a", []byte("2"), IfRevision(1))
	require.NoError(t, err)
	_, err = c.Delete(ctx, "a", IfRevision(1))
	require.ErrorIs(t, err, ErrPrecondition)
	_, err = c.Delete(ctx, "a", IfRevision(2))
	require.NoError(t, err)
}

func TestKeysOfEveryKindArriveAsTheyAre(t *testing.T) {
	f := newFake(t, 1)
	c := f.client(t)
	keys := []string{
		"a/b", "/", "//", ".", "..", "../x", "a b", "a+b", "?x=1", "#", "%2F", "a%", "\xff\x00", "\u00e4", "*", ":",
		strings.Repeat("/", 4096),
	}
	for _, key := range keys {
		_, err := c.Put(t.Context(), key, []byte(key))
		require.NoError(t, err, "%q", key)
		value, err := c.Get(t.Context(), key)
		require.NoError(t, err, "%q", key)
		require.Equal(t, key, string(value.Data))
		require.Contains(t, f.items, key)
	}
	require.Len(t, f.items, len(keys))
	for _, key := range []string{"", strings.Repeat("x", 4097)} {
		_, err := c.Put(t.Context(), key, nil)
		require.ErrorIs(t, err, ErrBadRequest)
		_, err = c.Get(t.Context(), key)
		require.ErrorIs(t, err, ErrBadRequest)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for _, endpoint := range []string{"", "127.0.0.1:8401", "ftp://x", "http://", "http://a/b", "http://u:p@a", "http://a?b"} {
		_, err := New(Options{Endpoints: []string{endpoint}})
		require.ErrorContains(t, err, "write it like", "%q", endpoint)
	}
	_, err := New(Options{})
	require.ErrorContains(t, err, "no endpoints")
	_, err = New(Options{Endpoints: []string{"http://a"}, Timeout: -1})
	require.ErrorContains(t, err, "negative")
}

func TestConnectionsAreReused(t *testing.T) {
	var dialled int64
	for range 5 {
		f := newFake(t, 1)
		c := f.client(t)
		for range 50 {
			_, err := c.Put(t.Context(), "a", []byte(strings.Repeat("x", 100_000)))
			require.NoError(t, err)
			_, err = c.Get(t.Context(), "a")
			require.NoError(t, err)
			_, err = c.Get(t.Context(), "absent")
			require.ErrorIs(t, err, ErrNotFound)
		}
		// One more try if not: net/http gives up a connection if it is held up for 50 ms when it has sent a request.
		if dialled = f.members[0].dialled.Load(); dialled == 1 {
			break
		}
	}
	require.EqualValues(t, 1, dialled)
}
