package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
)

// Watching while others write. The random commands of model_test.go cover what a watcher delivers in all other respects.

func patience(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func TestWatchersSeeEveryChangeOnce(t *testing.T) {
	const writes = 3000
	s := openNew(t, Bounds{})
	ctx := patience(t)
	var wg sync.WaitGroup
	for i := range 4 {
		prefix := fmt.Sprintf("%d/", i)
		if i == 0 {
			prefix = ""
		}
		wg.Go(func() { followAll(t, ctx, s, prefix, writes, rand.New(rand.NewPCG(uint64(i), 3))) })
	}
	var f feed
	rng := rand.New(rand.NewPCG(1, 8))
	for n := 0; n < writes; {
		var commands []Command
		for range min(1+rng.IntN(50), writes-n) {
			commands = append(commands, put(fmt.Sprintf("%d/%d", n%4, rng.IntN(9)), fmt.Sprint(n)))
			n++
		}
		f.do(t, s, commands...)
	}
	wg.Wait()
}

// followAll reads changes with a prefix until revision last, where change n of revision n+1 has the value n, and begins
// anew in between with another watcher.
func followAll(t *testing.T, ctx context.Context, s *Store, prefix string, last int, rng *rand.Rand) {
	w, err := s.Watch([]byte(prefix), Position{Rev: 1})
	require.NoError(t, err)
	expected := 0
	step := func() {
		for expected < last && !strings.HasPrefix(fmt.Sprintf("%d/", expected%4), prefix) {
			expected++
		}
	}
	for step(); expected < last; {
		events, err := w.Next(ctx)
		require.NoError(t, err)
		for _, e := range events {
			require.Equal(t, fmt.Sprint(expected), string(e.Value))
			require.Equal(t, uint64(expected+1), e.Rev)
			expected++
			step()
		}
		if rng.IntN(4) == 0 {
			w, err = s.Watch([]byte(prefix), events[len(events)-1].Position.Next())
			require.NoError(t, err)
		}
	}
}

func TestResumeWithinARevision(t *testing.T) {
	s := openNew(t, Bounds{})
	var f feed
	f.do(t, s, put("a", "1"), Command{Kind: KindTxn, Then: []Op{
		{Kind: OpPut, Key: []byte("a"), Value: []byte("2")},
		{Kind: OpDelete, Key: []byte("a")},
		{Kind: OpPut, Key: []byte("b"), Value: []byte("3")},
	}}, put("c", "4"))
	all := []Event{
		{Position: Position{1, 0}, Type: EventPut, Key: []byte("a"), Value: []byte("1")},
		{Position: Position{2, 0}, Type: EventPut, Key: []byte("a"), Value: []byte("2"), PrevRev: 1},
		{Position: Position{2, 1}, Type: EventDelete, Key: []byte("a"), PrevRev: 2},
		{Position: Position{2, 2}, Type: EventPut, Key: []byte("b"), Value: []byte("3")},
		{Position: Position{3, 0}, Type: EventPut, Key: []byte("c"), Value: []byte("4")},
	}
	for i, e := range all {
		w, err := s.Watch(nil, e.Position)
		require.NoError(t, err)
		require.Equal(t, e.Rev-1, w.Rev())
		requireEvents(t, all[i:], take(t, patience(t), w, len(all)-i))
		w, err = s.Watch(nil, e.Position.Next())
		require.NoError(t, err)
		requireEvents(t, all[i+1:], drain(t, w))
	}
}

func TestNextWaits(t *testing.T) {
	s := openNew(t, Bounds{})
	var f feed
	f.do(t, s, put("a", "1"))
	w, err := s.Watch([]byte("a"), Position{})
	require.NoError(t, err)
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = w.Next(ended)
	require.ErrorIs(t, err, context.Canceled)
	f.do(t, s, put("b", "1"), put("c", "1"))
	require.Eventually(t, func() bool { // its time may be over before it has looked
		short, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()
		_, err = w.Next(short)
		return !errors.Is(err, context.DeadlineExceeded) || w.Rev() == 3
	}, time.Minute, time.Millisecond, "it moves on past other keys")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	ahead, err := s.Watch(nil, Position{Rev: 6})
	require.NoError(t, err)
	f.do(t, s, put("a", "2"), put("x", "5"), put("y", "6"))
	require.Equal(t, "2", string(take(t, patience(t), w, 1)[0].Value))
	require.Equal(t, "y", string(take(t, patience(t), ahead, 1)[0].Key), "a position that is not reached yet is waited for")
}

// More history than is dropped from the disk at a time; a reopening forgets what was deleted.
func TestDroppedHistory(t *testing.T) {
	fs := vfs.NewMem()
	bounds := Bounds{MaxEvents: 100}
	s := openOn(t, fs, bounds)
	slow, err := s.Watch(nil, Position{Rev: 1})
	require.NoError(t, err)
	var f feed
	write := func(n int) {
		var commands []Command
		for i := range n {
			commands = append(commands, put(fmt.Sprint(i%10), "v"))
		}
		f.do(t, s, commands...)
	}
	for range 130 {
		write(100)
	}
	require.NoError(t, s.Close())
	s = openOn(t, fs, bounds)
	defer func() { require.NoError(t, s.Close()) }()
	slow.store = s
	for range 130 {
		write(100)
	}
	require.Equal(t, uint64(26000), s.Rev())
	require.Equal(t, uint64(25901), s.Stats().Oldest)
	_, err = slow.Next(patience(t))
	var compacted *CompactedError
	require.True(t, errors.As(err, &compacted))
	require.Equal(t, CompactedError{From: Position{Rev: 1}, Oldest: 25901}, *compacted)
	require.ErrorContains(t, err, "the oldest is 25901")
	w, err := s.Watch(nil, Position{Rev: 25901})
	require.NoError(t, err)
	events := take(t, patience(t), w, 100)
	require.Equal(t, uint64(26000), events[99].Rev)
	iter, err := s.newIter(s.gen)
	require.NoError(t, err)
	n := 0
	for ok := iter.SeekGE([]byte{s.gen, kindEvent}); ok && iter.Key()[1] == kindEvent; ok = iter.Next() {
		n++
	}
	require.NoError(t, iter.Close())
	require.Less(t, n, litterCount+200, "dropped events leave the disk")
	require.Equal(t, hashOf(t, s), hashOf(t, restoredFrom(t, s)))
}

func restoredFrom(t testing.TB, s *Store) *Store {
	other := openNew(t, Bounds{})
	restore(t, other, snapshot(t, s), s.Applied())
	return other
}

// A watcher on a member that is behind goes on when a snapshot comes.
func TestWatchAcrossARestore(t *testing.T) {
	leader, follower := openNew(t, Bounds{MaxEvents: 50}), openNew(t, Bounds{MaxEvents: 50})
	var f feed
	behind := f.commands(t, put("a", "1"), put("a", "2"))
	for _, s := range []*Store{leader, follower} {
		_, err := s.Apply(behind)
		require.NoError(t, err)
		require.NoError(t, s.Commit(f.index, nil))
	}
	w, err := follower.Watch(nil, Position{Rev: 2})
	require.NoError(t, err)
	waiting, err := follower.Watch(nil, Position{})
	require.NoError(t, err)
	old, err := follower.Watch(nil, Position{Rev: 1})
	require.NoError(t, err)
	require.Len(t, take(t, patience(t), w, 1), 1)
	arrived := make(chan []Event)
	go func() {
		events, _ := waiting.Next(patience(t))
		arrived <- events
	}()
	for i := range 49 {
		f.do(t, leader, put("a", fmt.Sprint(i+3)))
	}
	restore(t, follower, snapshot(t, leader), f.index)
	events := take(t, patience(t), w, 49)
	require.Equal(t, "3", string(events[0].Value))
	require.Equal(t, "51", string(events[48].Value))
	require.Len(t, <-arrived, 49)
	_, err = old.Next(patience(t))
	require.ErrorIs(t, err, ErrCompacted)
}

// Reads are consistent while commands are applied and the state is replaced.
func TestReadsWhileWriting(t *testing.T) {
	s := openNew(t, Bounds{})
	var f feed
	both := func(v string) Command {
		return Command{Kind: KindTxn, Then: []Op{
			{Kind: OpPut, Key: []byte("x"), Value: []byte(v)}, {Kind: OpPut, Key: []byte("y"), Value: []byte(v)}}}
	}
	f.do(t, s, both("0"))
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() { readPairs(t, s, stop) })
	}
	for i := range 300 {
		f.do(t, s, both(fmt.Sprint(i)))
		if i%20 == 0 {
			restore(t, s, snapshot(t, s), f.index)
		}
	}
	close(stop)
	wg.Wait()
}

func readPairs(t *testing.T, s *Store, stop chan struct{}) {
	for last := uint64(0); ; {
		select {
		case <-stop:
			return
		default:
		}
		page, err := s.List(ListOptions{})
		require.NoError(t, err)
		require.Len(t, page.Items, 2)
		require.Equal(t, page.Items[0].Value, page.Items[1].Value)
		require.Equal(t, page.Rev, page.Items[0].Rev)
		require.GreaterOrEqual(t, page.Rev, last)
		last = page.Rev
		kv, found, err := s.Get([]byte("x"))
		require.NoError(t, err)
		require.True(t, found)
		require.GreaterOrEqual(t, kv.Rev, last)
	}
}

// TestAWatcherTellsWhereItIs looks at what a watcher says of itself in the middle of a revision, and ahead of the store.
func TestAWatcherTellsWhereItIs(t *testing.T) {
	s := openNew(t, Bounds{})
	var f feed
	txn := Command{Kind: KindTxn}
	for _, key := range []string{"a", "b", "c"} {
		txn.Then = append(txn.Then, Op{Kind: OpPut, Key: []byte(key)})
	}
	f.do(t, s, put("a", "1"), txn)
	w, err := s.Watch(nil, Position{Rev: 2, Sub: 1})
	require.NoError(t, err)
	require.Equal(t, uint64(1), w.Rev())
	require.Equal(t, Position{Rev: 2, Sub: 1}, w.Position())
	require.Len(t, take(t, t.Context(), w, 2), 2)
	require.Equal(t, uint64(2), w.Rev())
	require.Equal(t, Position{Rev: 3}, w.Position())

	w, err = s.Watch(nil, Position{Rev: 1000})
	require.NoError(t, err)
	require.Equal(t, uint64(2), w.Rev(), "what is not there was not delivered")
	require.Equal(t, Position{Rev: 1000}, w.Position())
}
