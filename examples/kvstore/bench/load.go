package bench

// The load itself: clients that write and read until the time or the number of requests is over.

import (
	"context"
	"crypto/rand"
	"errors"
	mathrand "math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed695671cb/raft/examples/kvstore/client"
)

// Progress is how far a run has got.
type Progress struct {
	Phase   string // "load" or "verify"
	Done    int64  // requests, or keys verified
	Total   int64  // 0 if time bounds the load
	Elapsed time.Duration
	Until   time.Duration // how long the load will be, 0 if a number of requests bounds it
	Errors  int64
}

// run is a load under way.
type run struct {
	Config
	store  Store
	ledger *ledger
	start  time.Time
	issued atomic.Int64
	done   atomic.Int64
	puts   *meter
	gets   *meter
	errors tally
	faults faults
}

// Run makes the load, and verifies if the configuration says so. Progress is called now and then, from one goroutine
// at a time; it may be nil. When the context ends, requests are cancelled, and the report is about what was done until
// then. The error is about the configuration, or about a verification that could not be made; what verification found is
// in the report.
func Run(ctx context.Context, store Store, config Config, progress func(Progress)) (*Report, error) {
	if err := config.check(); err != nil {
		return nil, err
	}
	if progress == nil {
		progress = func(Progress) {}
	}
	r := &run{Config: config, store: store, puts: newMeter(), gets: newMeter()}
	r.ledger = newLedger(&r.Config)
	r.errors.counts = map[string]int64{}
	r.start = time.Now()
	r.load(ctx, progress)
	report := r.report(time.Since(r.start))
	if !config.Verify || ctx.Err() != nil {
		report.Interrupted = ctx.Err() != nil
		return report, nil
	}
	err := r.verify(ctx, progress, report)
	return report, err
}

func (r *run) load(ctx context.Context, progress func(Progress)) {
	var workers sync.WaitGroup
	for id := range r.Clients {
		workers.Add(1)
		go func() {
			defer workers.Done()
			r.work(ctx, id)
		}()
	}
	finished := make(chan struct{})
	go func() {
		workers.Wait()
		close(finished)
	}()
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			progress(r.progress())
		case <-finished:
			progress(r.progress())
			return
		}
	}
}

func (r *run) progress() Progress {
	return Progress{
		Phase: "load", Done: r.done.Load(), Total: r.Ops, Elapsed: time.Since(r.start), Until: r.Duration,
		Errors: r.puts.errors.Load() + r.gets.errors.Load(),
	}
}

// worker is one client of the load.
type worker struct {
	*run
	id      int
	random  *mathrand.Rand
	own     int            // how many keys it owns
	pending map[int]string // Idempotency-Key of the write of unknown outcome, by key
}

func (r *run) work(ctx context.Context, id int) {
	w := &worker{run: r, id: id, pending: map[int]string{}}
	w.random = mathrand.New(mathrand.NewPCG(r.Seed, uint64(id)))
	w.own = (r.Keys - id + r.Clients - 1) / r.Clients
	for {
		due, ok := r.next(ctx)
		if !ok {
			return
		}
		if r.Reads > 0 && w.random.Float64() < r.Reads {
			w.get(ctx, due)
		} else {
			w.put(ctx, due)
		}
		r.done.Add(1)
	}
}

// next waits until the next request is due and tells when that was; ok is false when the load is over.
func (r *run) next(ctx context.Context) (due time.Time, ok bool) {
	number := r.issued.Add(1) - 1
	if ctx.Err() != nil || r.Ops > 0 && number >= r.Ops {
		return due, false
	}
	due = time.Now()
	if r.Rate > 0 {
		due = r.start.Add(time.Duration(float64(number) / r.Rate * float64(time.Second)))
	}
	if r.Duration > 0 && (due.Sub(r.start) >= r.Duration || time.Since(r.start) >= r.Duration) {
		return due, false // what is still due by then is reported as missed
	}
	if wait := time.Until(due); wait > 0 {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return due, false
		}
	}
	return due, true
}

// put writes one of the worker's own keys.
func (w *worker) put(ctx context.Context, due time.Time) {
	key := w.id + w.random.IntN(w.own)*w.Clients
	account := &w.ledger.accounts[key]
	id, again := w.pending[key]
	if !again {
		id = rand.Text()
		account.sent.Add(1)
	}
	seq := account.sent.Load()
	value := stamp{run: w.Run, writer: w.id, key: key, seq: seq}.encode(w.Size)
	_, err := w.store.Put(ctx, w.ledger.keyName(key), value, client.IdempotencyKey(id))
	if err != nil {
		w.pending[key] = id
		w.failed(ctx, w.puts, err)
		return
	}
	delete(w.pending, key)
	account.acked.Store(seq)
	w.puts.succeeded(time.Since(due))
}

// get reads any key, and checks what it holds.
func (w *worker) get(ctx context.Context, due time.Time) {
	key := w.random.IntN(w.Keys)
	atLeast := w.ledger.accounts[key].acked.Load()
	if w.Consistency == client.Stale {
		atLeast = 0
	}
	value, err := w.store.Get(ctx, w.ledger.keyName(key), client.At(w.Consistency))
	if err != nil && !errors.Is(err, client.ErrNotFound) {
		w.failed(ctx, w.gets, err)
		return
	}
	w.gets.succeeded(time.Since(due))
	if verdict, detail := w.ledger.judge(key, value.Data, err == nil, atLeast); verdict != fine {
		w.faults.add(Fault{Key: w.ledger.keyName(key), Kind: string(verdict), Detail: "read under load: " + detail})
	}
}

func (w *worker) failed(ctx context.Context, m *meter, err error) {
	if ctx.Err() != nil {
		return // interrupted, which is no failure of the store
	}
	m.errors.Add(1)
	w.errors.add(errorCode(err))
}
