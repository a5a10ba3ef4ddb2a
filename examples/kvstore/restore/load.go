package restore

// The clients: they fill the data set, and write while the new member is being restored. What they write is remembered when
// it is acknowledged.

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed695671cb/raft/examples/kvstore/client"
)

const (
	// padKeys is how many keys pad writes to.
	padKeys = 64
	// writerKeys is how many keys each client writes to during the restore.
	writerKeys = 50
	// The values written during the restore have 4 KiB to 64 KiB.
	writerMin, writerMax = 4 << 10, 64 << 10
)

func dataKey(i int) string { return fmt.Sprintf("data/%06d", i) }

func padKey(i int64) string { return fmt.Sprintf("pad/%02d", i) }

func writerKey(writer, i int) string { return fmt.Sprintf("write/%02d/%02d", writer, i) }

// A dataSet is what was written and acknowledged.
type dataSet struct {
	config *Config
	kv     *client.Client

	mu     sync.Mutex
	keys   int   // that were chosen for values that fill it
	bytes  int64 // of these values
	target int64
	// sums holds the checksum of the value that was acknowledged last for each key, nil if it is not known. Keys that
	// pad writes are not in it.
	sums map[string][]byte
}

// A source makes values that do not compress.
type source struct {
	bytes *rand.ChaCha8
	sizes *rand.Rand
}

func newSource(seed uint64, purpose string, number int) *source {
	text := fmt.Appendf(nil, "%s %d %d", purpose, number, seed)
	random := rand.NewChaCha8(sha256.Sum256(text))
	return &source{bytes: random, sizes: rand.New(random)}
}

func (s *source) value(least, most int) []byte {
	value := make([]byte, least+s.sizes.IntN(most-least+1))
	_, _ = s.bytes.Read(value) // never fails
	return value
}

// fill writes new keys until there is enough.
func (d *dataSet) fill(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var work sync.WaitGroup
	for n := range d.config.Fillers {
		work.Go(func() {
			from := newSource(d.config.Seed, "fill", n)
			for ctx.Err() == nil && d.put(ctx, from, cancel) {
			}
		})
	}
	work.Wait()
	return context.Cause(ctx)
}

// put writes the next key. It returns false when there is nothing more to do.
func (d *dataSet) put(ctx context.Context, from *source, fail context.CancelCauseFunc) bool {
	value := from.value(d.config.MinValue, d.config.MaxValue)
	d.mu.Lock()
	if d.bytes >= d.target {
		d.mu.Unlock()
		return false
	}
	key := dataKey(d.keys)
	d.keys++
	d.bytes += int64(len(value))
	d.mu.Unlock()
	_, err := d.kv.Put(ctx, key, value)
	d.note(key, value, err)
	if err != nil {
		fail(fmt.Errorf("fill the data set: %w", err))
	}
	return err == nil
}

// note remembers the outcome of a write: without an answer, the key may hold either value.
func (d *dataSet) note(key string, value []byte, err error) {
	sum := sha256.Sum256(value)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sums[key] = sum[:]
	if err != nil {
		d.sums[key] = nil
	}
}

// A trickle is writes at a fixed rate, from begin to end.
type trickle struct {
	data   *dataSet
	cancel context.CancelFunc
	work   sync.WaitGroup
	due    atomic.Int64
	began  time.Time

	mu      sync.Mutex
	results []result
	errors  []error
}

// A result is a write that was acknowledged.
type result struct {
	at      time.Time // of the acknowledgement
	latency time.Duration
	bytes   int
}

func (d *dataSet) trickle(ctx context.Context) *trickle {
	ctx, cancel := context.WithCancel(ctx)
	t := &trickle{data: d, cancel: cancel, began: time.Now()}
	for n := range d.config.Writers {
		t.work.Go(func() { t.write(ctx, n) })
	}
	return t
}

// write makes the writes of one client. Each is made at the time that it is due, or when the client is free; its latency counts
// from when it is due.
func (t *trickle) write(ctx context.Context, n int) {
	config := t.data.config
	from := newSource(config.Seed, "write", n)
	for {
		due := t.began.Add(time.Duration(float64(t.due.Add(1)) / config.Rate * float64(time.Second)))
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Until(due)):
		}
		key := writerKey(n, from.sizes.IntN(writerKeys))
		value := from.value(writerMin, writerMax)
		// A write that is under way when the trickle ends goes on, so that its outcome is known.
		_, err := t.data.kv.Put(context.WithoutCancel(ctx), key, value)
		t.note(due, len(value), err)
		t.data.note(key, value, err)
	}
}

func (t *trickle) note(due time.Time, bytes int, err error) {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		t.errors = append(t.errors, err)
		return
	}
	t.results = append(t.results, result{at: now, latency: now.Sub(due), bytes: bytes})
}

// writes are the figures of a trickle.
type writes struct {
	Count   int           `json:"count"`
	Failed  int           `json:"failed"`
	Bytes   int64         `json:"bytes"`
	P50     time.Duration `json:"p50_ns"`
	P99     time.Duration `json:"p99_ns"`
	Max     time.Duration `json:"max_ns"`
	Gap     time.Duration `json:"longest_gap_ns"` // the longest time without an acknowledgement
	Example string        `json:"first_error,omitempty"`
}

// end stops the clients, and returns how their writes fared.
func (t *trickle) end() writes {
	t.cancel()
	t.work.Wait()
	w := writes{Count: len(t.results), Failed: len(t.errors)}
	if w.Failed > 0 {
		w.Example = t.errors[0].Error()
	}
	slices.SortFunc(t.results, func(a, b result) int { return a.at.Compare(b.at) })
	latencies := make([]time.Duration, 0, w.Count)
	last := t.began
	for _, r := range t.results {
		w.Bytes += int64(r.bytes)
		w.Gap = max(w.Gap, r.at.Sub(last))
		last = r.at
		latencies = append(latencies, r.latency)
	}
	slices.Sort(latencies)
	if w.Count > 0 {
		w.P50, w.P99, w.Max = latencies[w.Count/2], latencies[w.Count*99/100], latencies[w.Count-1]
	}
	return w
}

// pad writes small values, whose entries push the large ones out of what the logs keep.
func (d *dataSet) pad(ctx context.Context, count int64) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var work sync.WaitGroup
	var next atomic.Int64
	for range padKeys {
		work.Go(func() {
			for i := next.Add(1); i <= count && ctx.Err() == nil; i = next.Add(1) {
				if _, err := d.kv.Put(ctx, padKey(i%padKeys), binary.BigEndian.AppendUint64(nil, uint64(i))); err != nil {
					cancel(fmt.Errorf("write small values: %w", err))
				}
			}
		})
	}
	work.Wait()
	return context.Cause(ctx)
}
