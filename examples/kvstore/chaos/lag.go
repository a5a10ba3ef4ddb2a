package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/seed695671cb/raft/examples/kvstore/proxy"
)

// A member that lacks more than the log keeps is brought up to date by a snapshot. The log keeps 10,000 entries by
// default, so that takes many writes while the member is away.
const (
	lagEntries   = 11_000
	lagPatience  = 45 * time.Second
	lagWriters   = 24
	lagKeys      = 1500
	lagValueSize = 2 << 10
)

// lag keeps a member away, dead or cut off, until it lacks more than the others' logs keep.
func (n *nemesis) lag(ctx context.Context, step Step, slot int) error {
	if step.Number%2 == 0 {
		n.cluster.kill(slot)
	} else {
		n.cluster.isolate(slot, proxy.Hold)
	}
	n.writeMuch(ctx, slot)
	for other := range n.cluster.slots() {
		if other != slot {
			// One that cannot compact just now has more to send, which does no harm.
			_ = n.request(http.MethodPost, n.cluster.at(other).url+"/cluster/snapshot", nil)
		}
	}
	if step.Act != SnapshotInterrupted {
		return nil
	}
	return n.interrupt(step, slot)
}

// interrupt heals the member that lags, and kills it again and again while it restores.
func (n *nemesis) interrupt(step Step, slot int) error {
	err := n.cluster.heal(nil)
	for i := range 4 {
		time.Sleep(step.Hold / 20 * time.Duration(i+1))
		n.cluster.kill(slot)
		err = errors.Join(err, n.cluster.start(slot))
	}
	return err
}

// writeMuch writes through all members but one until the log has grown enough, on keys that nobody checks. If that takes
// too long, there will be no snapshot, which the figures show.
func (n *nemesis) writeMuch(ctx context.Context, except int) {
	ctx, cancel := context.WithTimeout(ctx, lagPatience)
	defer cancel()
	var writing sync.WaitGroup
	for i := range lagWriters {
		slot := (except + 1 + i%(n.cluster.slots()-1)) % n.cluster.slots()
		writing.Go(func() { n.writeBulk(ctx, slot, i) })
	}
	target := uint64(0)
	for ctx.Err() == nil {
		commit := n.view.commit()
		if target == 0 {
			target = commit + lagEntries
		}
		if commit >= target {
			break
		}
		sleep(ctx, pollEvery)
	}
	cancel()
	writing.Wait()
}

// writeBulk writes through one member until the context ends.
func (n *nemesis) writeBulk(ctx context.Context, slot, writer int) {
	client := newHTTPClient()
	defer client.CloseIdleConnections()
	value := strings.Repeat("x", lagValueSize)
	rng := rand.New(rand.NewPCG(uint64(writer), 0))
	for ctx.Err() == nil {
		url := fmt.Sprintf("%s/kv/bulk%%2F%d", n.cluster.at(slot).url, rng.IntN(lagKeys))
		req, err := http.NewRequestWithContext(ctx, http.MethodPut, url, strings.NewReader(value))
		if err != nil {
			return
		}
		if a, err := fetch(client, req); err != nil || a.status != http.StatusOK {
			sleep(ctx, 50*time.Millisecond)
		}
	}
}

// commit returns the highest commit index that any member has named.
func (v *view) commit() uint64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	var commit uint64
	for _, s := range v.samples {
		commit = max(commit, s.Commit)
	}
	return commit
}

// restoreLine is what the library logs when a member restores a snapshot.
const restoreLine = ": restores the snapshot up to "

// restores counts, from the members' logs, how many snapshots they restored.
func (c *cluster) restores() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	restored := 0
	for _, m := range append(append([]*member(nil), c.members...), c.retired...) {
		text, err := os.ReadFile(m.logFile())
		if err == nil {
			restored += strings.Count(string(text), restoreLine)
		}
	}
	return restored
}
