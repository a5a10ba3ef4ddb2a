package bench

// Measuring: latencies by operation, errors by code.

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/seed695671cb/raft/examples/kvstore/client"
)

// Latencies are recorded in microseconds, to three digits, up to ten minutes.
const (
	longest = int64(10 * time.Minute / time.Microsecond)
	digits  = 3
)

// Latency is a distribution in milliseconds.
type Latency struct {
	Mean float64 `json:"mean"`
	P50  float64 `json:"p50"`
	P90  float64 `json:"p90"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p999"`
	Max  float64 `json:"max"`
}

// OpReport is about one kind of operation.
type OpReport struct {
	Count   int64   `json:"count"`   // that succeeded
	Errors  int64   `json:"errors"`  // that failed
	Rate    float64 `json:"per_sec"` // successes a second
	Latency Latency `json:"latency_ms"`
}

// meter records one kind of operation.
type meter struct {
	mu        sync.Mutex
	histogram *hdrhistogram.Histogram
	errors    atomic.Int64
	count     atomic.Int64
}

func newMeter() *meter {
	return &meter{histogram: hdrhistogram.New(1, longest, digits)}
}

func (m *meter) succeeded(latency time.Duration) {
	m.count.Add(1)
	m.mu.Lock()
	defer m.mu.Unlock()
	_ = m.histogram.RecordValue(min(max(latency.Microseconds(), 1), longest)) // it is within the bounds
}

func (m *meter) report(elapsed time.Duration) OpReport {
	m.mu.Lock()
	defer m.mu.Unlock()
	ms := func(us int64) float64 { return float64(us) / 1000 }
	at := func(percentile float64) float64 { return ms(m.histogram.ValueAtQuantile(percentile)) }
	report := OpReport{Count: m.count.Load(), Errors: m.errors.Load()}
	if report.Count > 0 {
		report.Latency = Latency{
			Mean: m.histogram.Mean() / 1000, P50: at(50), P90: at(90), P99: at(99), P999: at(99.9), Max: ms(m.histogram.Max()),
		}
	}
	if elapsed > 0 {
		report.Rate = float64(report.Count) / elapsed.Seconds()
	}
	return report
}

// tally counts by name.
type tally struct {
	mu     sync.Mutex
	counts map[string]int64
}

func (t *tally) add(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts[name]++
}

// errorCode names an error in the report: by its code in the API, if it has one.
func errorCode(err error) string {
	var refusal *client.Error
	switch {
	case errors.As(err, &refusal) && refusal.Code != "":
		return refusal.Code
	case errors.Is(err, client.ErrTimeout), errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, client.ErrUnavailable):
		return "unreachable"
	default:
		return "other"
	}
}
