package store

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft/replica"
)

// Random commands against the slow twin.

func smallBounds() Bounds {
	return Bounds{MaxEvents: 40, MaxEventBytes: 1500, MaxIdempotency: 12, MaxIdempotencyBytes: 2000}
}

// A modelRun drives a store and its twin.
type modelRun struct {
	t     *testing.T
	rng   *rand.Rand
	fs    vfs.FS
	store *Store
	twin  *twin
	feed  feed
	// watcher follows from one position; it is made again when the store is reopened or restored.
	watcher *Watcher
	prefix  string
}

func TestRandomCommandsAgreeWithTheTwin(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			bounds := smallBounds()
			if seed%3 == 0 {
				bounds = Bounds{}
			}
			r := &modelRun{t: t, rng: rand.New(rand.NewPCG(seed, 6)), fs: vfs.NewMem(), twin: newTwin(bounds)}
			r.prefix = []string{"", "a/", "b/", "\xff"}[seed%4]
			r.store = openOn(t, r.fs, bounds)
			r.follow(Position{Rev: 1})
			for range 90 {
				r.step()
			}
			require.NoError(t, r.store.Close())
		})
	}
}

func (r *modelRun) step() {
	switch r.rng.IntN(12) {
	case 0:
		r.reopen()
	case 1:
		r.moveBySnapshot()
	case 2:
		r.dropUncommitted()
	default:
		r.apply()
	}
	r.compare()
	r.compareWatcher()
}

func (r *modelRun) apply() {
	m := maker{r.rng}
	for range 1 + r.rng.IntN(3) {
		var commands []Command
		for range r.rng.IntN(25) {
			commands = append(commands, m.command())
		}
		encoded, err := r.store.Apply(r.feed.commands(r.t, commands...))
		require.NoError(r.t, err)
		for i, result := range decodeAll(r.t, encoded) {
			expected := r.twin.apply(commands[i])
			result.Message = ""
			require.Equal(r.t, fmt.Sprint(expected), fmt.Sprint(result), "%+v", commands[i])
		}
	}
	require.NoError(r.t, r.store.Commit(r.feed.index, nil))
}

// dropUncommitted applies commands that the replica never commits, as if it had been stopped before.
func (r *modelRun) dropUncommitted() {
	m := maker{r.rng}
	before := hashOf(r.t, r.store)
	again := r.feed
	_, err := r.store.Apply(again.commands(r.t, m.command(), m.command(), m.command()))
	require.NoError(r.t, err)
	require.Equal(r.t, before, hashOf(r.t, r.store), "what is not committed cannot be seen")
	applied, _, err := r.store.Recover()
	require.NoError(r.t, err)
	require.Equal(r.t, r.feed.index, applied)
	require.Equal(r.t, before, hashOf(r.t, r.store))
}

func (r *modelRun) reopen() {
	before := hashOf(r.t, r.store)
	from := r.watcher.next
	require.NoError(r.t, r.store.Close())
	r.store = openOn(r.t, r.fs, r.twin.bounds)
	applied, _, err := r.store.Recover()
	require.NoError(r.t, err)
	require.Equal(r.t, r.feed.index, applied)
	require.Equal(r.t, before, hashOf(r.t, r.store))
	r.follow(from)
}

// moveBySnapshot goes on with a store that was restored from this one's snapshot. The watcher moves with it.
func (r *modelRun) moveBySnapshot() {
	contents := snapshot(r.t, r.store)
	before := hashOf(r.t, r.store)
	if r.rng.IntN(2) == 0 { // over another state
		restore(r.t, r.store, contents, r.feed.index)
		require.Equal(r.t, before, hashOf(r.t, r.store))
		return
	}
	from := r.watcher.next
	require.NoError(r.t, r.store.Close())
	r.fs = vfs.NewMem()
	r.store = openOn(r.t, r.fs, Bounds{MaxEvents: 3})
	other := feed{}
	other.do(r.t, r.store, put("other", "1"), put("other", "2"), remove("other"))
	restore(r.t, r.store, contents, r.feed.index)
	require.Equal(r.t, before, hashOf(r.t, r.store))
	r.follow(from)
}

// follow makes the watcher again. It may have missed what is dropped.
func (r *modelRun) follow(from Position) {
	w, err := r.store.Watch([]byte(r.prefix), from)
	if compacted := new(CompactedError); errors.As(err, &compacted) {
		require.ErrorIs(r.t, err, ErrCompacted)
		require.Equal(r.t, r.twin.oldest, compacted.Oldest)
		w, err = r.store.Watch([]byte(r.prefix), Position{Rev: compacted.Oldest})
	}
	require.NoError(r.t, err)
	r.watcher = w
}

// compareWatcher checks that the watcher delivers what the twin has from its position on.
func (r *modelRun) compareWatcher() {
	if r.watcher.next.Rev < r.twin.oldest {
		_, err := r.watcher.read()
		require.ErrorIs(r.t, err, ErrCompacted)
		r.follow(Position{Rev: r.twin.oldest})
	}
	if r.rng.IntN(3) == 0 {
		return // let it fall behind
	}
	from := r.watcher.next
	var expected []Event
	for _, e := range r.twin.history(r.prefix) {
		if e.Rev > from.Rev || e.Rev == from.Rev && e.Sub >= from.Sub {
			expected = append(expected, e)
		}
	}
	requireEvents(r.t, expected, drain(r.t, r.watcher))
	require.Equal(r.t, r.twin.rev, r.watcher.Rev())
}

func (r *modelRun) compare() {
	st := r.store.Stats()
	require.Equal(r.t, r.feed.index, st.Applied)
	require.Equal(r.t, r.twin.rev, st.Rev)
	require.Equal(r.t, len(r.twin.keys), int(st.Keys))
	require.Equal(r.t, r.twin.oldest, st.Oldest)
	require.Equal(r.t, len(r.twin.history("")), int(st.Events))
	require.Equal(r.t, len(r.twin.idem), int(st.Idempotency))
	require.Equal(r.t, r.twin.idemBytes(), st.IdempotencyBytes)
	size := 0
	for key, expected := range r.twin.keys {
		size += len(key) + len(expected.Value)
		kv, found, err := r.store.Get([]byte(key))
		require.NoError(r.t, err)
		require.True(r.t, found)
		requireItems(r.t, []KeyValue{expected}, []KeyValue{kv})
	}
	require.Equal(r.t, size, int(st.DataBytes))
	prefix := []string{"", "a/", "b/", "c", "\xff"}[r.rng.IntN(5)]
	requireItems(r.t, r.twin.list(prefix), r.listAll(prefix))
}

// listAll goes through pages of random sizes.
func (r *modelRun) listAll(prefix string) []KeyValue {
	var all []KeyValue
	o := ListOptions{Prefix: []byte(prefix)}
	for {
		o.Limit, o.MaxBytes = 1+r.rng.IntN(12), 1+r.rng.IntN(500)
		page, err := r.store.List(o)
		require.NoError(r.t, err)
		require.Equal(r.t, r.twin.rev, page.Rev)
		require.LessOrEqual(r.t, len(page.Items), o.Limit)
		all = append(all, page.Items...)
		if !page.More {
			return all
		}
		require.NotEmpty(r.t, page.Items)
		o.After = page.Items[len(page.Items)-1].Key
	}
}

func TestSplitsDoNotMatter(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	m := maker{rng}
	var commands []replica.Command
	for i := range uint64(1500) {
		c := m.command()
		data, err := Encode(&c)
		require.NoError(t, err)
		if rng.IntN(20) == 0 {
			data = data[:rng.IntN(len(data))] // malformed
		}
		commands = append(commands, replica.Command{Index: i + 1, Data: data})
	}
	var reference [][]byte
	var hash [32]byte
	for i, most := range []int{1, 7, 64, 1500} {
		s := openNew(t, smallBounds())
		var results [][]byte
		for rest := commands; len(rest) > 0; {
			n := min(len(rest), 1+rng.IntN(most))
			part, err := s.Apply(rest[:n])
			require.NoError(t, err)
			results = append(results, part...)
			if rng.IntN(3) > 0 || n == len(rest) {
				require.NoError(t, s.Commit(rest[n-1].Index, nil))
			}
			rest = rest[n:]
		}
		if i == 0 {
			reference, hash = results, hashOf(t, s)
		}
		require.Equal(t, reference, results)
		require.Equal(t, hash, hashOf(t, s))
	}
}
