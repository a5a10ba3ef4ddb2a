package server

// How long requests took in the last seconds. Recording takes two atomic additions; the lock is taken once a second.

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// latencyWindow is how many seconds count.
	latencyWindow = 10
	// latencyBuckets have bounds that grow by the fourth root of two, from latencyUnit on: up to more than a minute.
	latencyBuckets = 108
	latencyUnit    = time.Microsecond
	latencySteps   = 4 // buckets for a factor of two
)

// A latencyRecorder is a histogram of the last ten seconds. The zero value is empty.
type latencyRecorder struct {
	mu    sync.Mutex // taken to begin a second
	slots [latencyWindow + 1]latencySlot
}

// A latencySlot is one second. A count that is added while the slot begins another second may be lost, or counted in
// the wrong one: these are figures for a plot.
type latencySlot struct {
	second  atomic.Int64
	buckets [latencyBuckets]atomic.Uint32
}

// latencyFigures are percentiles in milliseconds.
type latencyFigures struct {
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P99   float64 `json:"p99"`
	Count uint64  `json:"count"`
}

func bucketOf(d time.Duration) int {
	if d <= latencyUnit {
		return 0
	}
	i := int(math.Ceil(math.Log2(float64(d)/float64(latencyUnit)) * latencySteps))
	return min(i, latencyBuckets-1)
}

// bucketBound is the longest duration in a bucket.
func bucketBound(i int) time.Duration {
	return time.Duration(float64(latencyUnit) * math.Exp2(float64(i)/latencySteps))
}

// record counts a request that ended at now and took d.
func (l *latencyRecorder) record(now time.Time, d time.Duration) {
	second := now.Unix()
	slot := &l.slots[second%int64(len(l.slots))]
	if slot.second.Load() != second {
		l.begin(slot, second)
	}
	slot.buckets[bucketOf(d)].Add(1)
}

func (l *latencyRecorder) begin(slot *latencySlot, second int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if slot.second.Load() >= second {
		return
	}
	for i := range slot.buckets {
		slot.buckets[i].Store(0)
	}
	slot.second.Store(second)
}

// figures returns the percentiles of what was recorded in the ten seconds before now.
func (l *latencyRecorder) figures(now time.Time) latencyFigures {
	var sum [latencyBuckets]uint64
	var f latencyFigures
	for s := range l.slots {
		slot := &l.slots[s]
		if age := now.Unix() - slot.second.Load(); age < 0 || age >= latencyWindow {
			continue
		}
		for i := range slot.buckets {
			n := uint64(slot.buckets[i].Load())
			sum[i] += n
			f.Count += n
		}
	}
	f.P50 = percentile(&sum, f.Count, 0.50)
	f.P90 = percentile(&sum, f.Count, 0.90)
	f.P99 = percentile(&sum, f.Count, 0.99)
	return f
}

// percentile returns the bound, in milliseconds, of the bucket in which a share of the count is reached.
func percentile(buckets *[latencyBuckets]uint64, count uint64, share float64) float64 {
	if count == 0 {
		return 0
	}
	rank := uint64(math.Ceil(float64(count) * share))
	var seen uint64
	for i, n := range buckets {
		seen += n
		if seen >= rank {
			return math.Round(bucketBound(i).Seconds()*1e6) / 1e3
		}
	}
	return 0
}
