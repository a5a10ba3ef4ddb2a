package main

// The clients' process: it puts one load on one system, measures it, and what the members use meanwhile.

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed695671cb/raft/examples/kvstore/internal/process"
)

// The kinds of load.
const (
	opPut   = "put"
	opPlain = "plain put" // without the Idempotency-Key that kvstore's client gives to each write otherwise
	opGet   = "get"
	opFill  = "fill"  // every key is written once
	opCheck = "check" // every key is read once
)

// A load is what clients do.
type load struct {
	system    string
	endpoints []string
	op        string
	clients   int
	duration  time.Duration
	warmup    time.Duration
	pids      []int // of the members
	seed      uint64
}

// A sample is what one load has shown.
type sample struct {
	Ops     int64         `json:"ops"`
	Seconds float64       `json:"seconds"`
	P50     time.Duration `json:"p50_ns"`
	P99     time.Duration `json:"p99_ns"`
	Max     time.Duration `json:"max_ns"`
	CPU     time.Duration `json:"member_cpu_ns"`        // of all members
	Written int64         `json:"member_written_bytes"` // to disk, by all members
	Client  time.Duration `json:"client_cpu_ns"`
}

func runLoad(ctx context.Context, args []string, stdout io.Writer) error {
	l, err := parseLoad(args)
	if err != nil {
		return err
	}
	s, err := l.run(ctx)
	if err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(s)
}

func parseLoad(args []string) (*load, error) {
	l := &load{}
	flags := flag.NewFlagSet(roleLoad, flag.ContinueOnError)
	flags.StringVar(&l.system, "system", "", "whom the load is put on")
	endpoints := flags.String("endpoints", "", "URLs")
	flags.StringVar(&l.op, "op", "", "what to do")
	flags.IntVar(&l.clients, "clients", 0, "how many")
	flags.DurationVar(&l.duration, "duration", 0, "how long it is measured")
	flags.DurationVar(&l.warmup, "warmup", 0, "how long it goes on before")
	flags.Uint64Var(&l.seed, "seed", 0, "what keys and values are drawn from")
	pids := flags.String("pids", "", "of the members")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	l.endpoints = strings.Split(*endpoints, ",")
	var err error
	for word := range strings.SplitSeq(*pids, ",") {
		pid := 0
		if _, failed := fmt.Sscan(word, &pid); failed != nil {
			err = fmt.Errorf("%q is no process: %w", word, failed)
		}
		l.pids = append(l.pids, pid)
	}
	return l, err
}

// A worker is one client.
type worker struct {
	store     store
	keys      *rand.Rand
	values    *rand.ChaCha8
	latencies []time.Duration
}

// run puts the load on the system.
func (l *load) run(ctx context.Context) (*sample, error) {
	stores, err := connect(l.system, l.op, l.endpoints)
	if err != nil {
		return nil, err
	}
	workers := make([]*worker, l.clients)
	for i := range workers {
		source := rand.NewChaCha8(sha256.Sum256(fmt.Appendf(nil, "%d %d", i, l.seed)))
		workers[i] = &worker{store: stores[i%len(stores)], keys: rand.New(source), values: source}
	}
	var s *sample
	switch l.op {
	case opFill, opCheck:
		s, err = l.each(ctx, workers)
	case opPut, opPlain, opGet:
		s, err = l.timed(ctx, workers)
	default:
		err = fmt.Errorf("-op is %q: use put, get, fill or check", l.op)
	}
	return s, errors.Join(err, closeAll(stores))
}

// each does something with every key once.
func (l *load) each(ctx context.Context, workers []*worker) (*sample, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var work sync.WaitGroup
	for _, w := range workers {
		work.Go(func() {
			for key := next.Add(1) - 1; key < keys && ctx.Err() == nil; key = next.Add(1) - 1 {
				if err := w.do(ctx, l.op == opFill, int(key)); err != nil {
					cancel(err)
				}
			}
		})
	}
	work.Wait()
	return &sample{Ops: keys}, context.Cause(ctx)
}

// phases of a timed load.
const (
	phaseWarmup int32 = iota
	phaseMeasured
	phaseOver
)

// timed has the clients work until the time is over, and measures after the warm-up.
func (l *load) timed(ctx context.Context, workers []*worker) (*sample, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var phase atomic.Int32
	var work sync.WaitGroup
	for _, w := range workers {
		work.Go(func() { w.loop(ctx, l.op != opGet, &phase, cancel) })
	}
	sleep(ctx, l.warmup)
	before, err := l.usage()
	began := time.Now()
	phase.Store(phaseMeasured)
	sleep(ctx, l.duration)
	phase.Store(phaseOver)
	passed := time.Since(began)
	after, failed := l.usage()
	work.Wait()
	if err := errors.Join(err, failed, context.Cause(ctx)); err != nil {
		return nil, err
	}
	return summarize(workers, passed, after.members.Minus(before.members), after.own.CPU-before.own.CPU), nil
}

// loop works until the time is over. An operation counts if it has begun and ended while it was measured.
func (w *worker) loop(ctx context.Context, write bool, phase *atomic.Int32, fail context.CancelCauseFunc) {
	for ctx.Err() == nil && phase.Load() != phaseOver {
		key := w.keys.IntN(keys)
		counts := phase.Load() == phaseMeasured
		began := time.Now()
		if err := w.do(ctx, write, key); err != nil {
			fail(err)
			return
		}
		if counts && phase.Load() == phaseMeasured {
			w.latencies = append(w.latencies, time.Since(began))
		}
	}
}

func (w *worker) do(ctx context.Context, write bool, key int) error {
	if write {
		if err := w.store.put(ctx, keyName(key), newValue(w.values, key)); err != nil {
			return fmt.Errorf("write %s: %w", keyName(key), err)
		}
		return nil
	}
	value, err := w.store.get(ctx, keyName(key))
	if err != nil {
		return fmt.Errorf("read %s: %w", keyName(key), err)
	}
	return checkValue(key, value)
}

type usages struct{ members, own process.Usage }

func (l *load) usage() (usages, error) {
	var u usages
	for _, pid := range l.pids {
		of, err := process.UsageOf(pid)
		if err != nil {
			return u, err
		}
		u.members = u.members.Plus(of)
	}
	var err error
	u.own, err = process.OwnUsage()
	return u, err
}

func summarize(workers []*worker, passed time.Duration, members process.Usage, own time.Duration) *sample {
	var all []time.Duration
	for _, w := range workers {
		all = append(all, w.latencies...)
	}
	slices.Sort(all)
	s := &sample{Ops: int64(len(all)), Seconds: passed.Seconds(), CPU: members.CPU, Written: members.Written, Client: own}
	if n := len(all); n > 0 {
		s.P50, s.P99, s.Max = all[n/2], all[n*99/100], all[n-1]
	}
	return s
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
