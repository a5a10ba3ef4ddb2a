package bench

// Verification: every key that was written is read back and judged.

import (
	"context"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/seed695671cb/raft/examples/kvstore/client"
)

// Fault is a key that holds what it must not hold.
type Fault struct {
	Key    string `json:"key"`
	Kind   string `json:"kind"` // lost, stale, torn or foreign
	Detail string `json:"detail"`
}

// mostFaults bounds how many faults a report tells in full.
const mostFaults = 20

// faults collects faults. All are counted; the first are kept.
type faults struct {
	mu    sync.Mutex
	kinds map[string]int64
	first []Fault
}

func (f *faults) add(fault Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.kinds == nil {
		f.kinds = map[string]int64{}
	}
	f.kinds[fault.Kind]++
	if len(f.first) < mostFaults {
		f.first = append(f.first, fault)
	}
}

// fill writes the faults into a report.
func (f *faults) fill(report *Report) {
	f.mu.Lock()
	defer f.mu.Unlock()
	report.Faults = map[string]int64{}
	for kind, count := range f.kinds {
		report.Faults[kind] = count
	}
	report.Examples = append([]Fault{}, f.first...)
	sort.SliceStable(report.Examples, func(i, j int) bool { return report.Examples[i].Key < report.Examples[j].Key })
}

// verifyPage is how many keys are asked for at once.
const verifyPage = 1000

func (r *run) verify(ctx context.Context, progress func(Progress), report *Report) error {
	began := time.Now()
	seen := make([]bool, r.Keys)
	options := client.ListOptions{Prefix: r.Prefix, Limit: verifyPage, Consistency: client.Linearizable}
	count := int64(0)
	for item, err := range r.store.All(ctx, options) {
		if err != nil {
			return fmt.Errorf("verification: the keys cannot be listed: %w", err)
		}
		key, ok := r.ledger.parseKey(item.Key)
		if !ok {
			continue // not of this load
		}
		seen[key] = true
		r.check(key, item.Value, true)
		if count++; count%verifyPage == 0 {
			progress(Progress{Phase: "verify", Done: count, Total: int64(r.Keys), Elapsed: time.Since(began)})
		}
	}
	for key := range seen {
		if !seen[key] {
			r.check(key, nil, false)
		}
	}
	progress(Progress{Phase: "verify", Done: int64(r.Keys), Total: int64(r.Keys), Elapsed: time.Since(began)})
	for i := range r.ledger.accounts {
		if r.ledger.accounts[i].acked.Load() > 0 {
			report.Verified++
		}
	}
	report.Complete = true
	r.faults.fill(report)
	return nil
}

// check judges what a key holds at the end.
func (r *run) check(key int, value []byte, exists bool) {
	verdict, detail := r.ledger.judge(key, value, exists, r.ledger.accounts[key].acked.Load())
	if verdict != fine {
		r.faults.add(Fault{Key: r.ledger.keyName(key), Kind: string(verdict), Detail: detail})
	}
}

// parseKey is the inverse of keyName. Keys beyond those of this run belong to an earlier one.
func (l *ledger) parseKey(name string) (int, bool) {
	key, err := strconv.Atoi(strings.TrimPrefix(name, l.config.Prefix))
	if err != nil || key < 0 || key >= l.config.Keys || l.keyName(key) != name {
		return 0, false
	}
	return key, true
}
