package chaos

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// A workload is everything that uses the cluster in a run: clients, watchers, and probes that measure whether writes
// succeed.
type workload struct {
	*scene
	clients  []*client
	watchers []*watcher

	stopClients context.CancelFunc
	stopAll     context.CancelFunc
	working     sync.WaitGroup // clients
	watching    sync.WaitGroup // watchers and probes
}

// watchers is how many there are.
const watchers = 3

// newWorkload makes a workload. There are clients that move around and, for each slot, one that stays there and reads: a
// member that is paused or cut off always has a read to answer when it comes back.
func newWorkload(s *scene, seed uint64, clients int, think time.Duration) *workload {
	w := &workload{scene: s}
	for i := range clients {
		w.clients = append(w.clients, newClient(s, len(w.clients), i%s.members.slots(), seed, think))
	}
	for slot := range s.members.slots() {
		c := newClient(s, len(w.clients), slot, seed, 5*think)
		c.loyal, c.reads = true, true
		w.clients = append(w.clients, c)
	}
	for i := range watchers {
		w.watchers = append(w.watchers, newWatcher(s, i, seed))
	}
	return w
}

// start begins the work. It ends with the context, or by stop.
func (w *workload) start(ctx context.Context) {
	ctx, w.stopAll = context.WithCancel(ctx)
	clients, stop := context.WithCancel(ctx)
	w.stopClients = stop
	for _, c := range w.clients {
		w.working.Go(func() { c.run(clients) })
	}
	for slot := range w.members.slots() {
		w.working.Go(func() { w.probe(clients, slot) })
	}
	for _, watcher := range w.watchers {
		w.watching.Go(func() { watcher.run(ctx) })
	}
}

// quiet ends the clients and the probes, and waits for what they have under way.
func (w *workload) quiet() {
	w.stopClients()
	w.working.Wait()
}

// stop ends everything.
func (w *workload) stop() {
	w.quiet()
	w.stopAll()
	w.watching.Wait()
}

// probe writes to a key that nobody else uses, through one member, again and again.
func (w *workload) probe(ctx context.Context, slot int) {
	client := newHTTPClient()
	defer client.CloseIdleConnections()
	for ctx.Err() == nil {
		if err := probeOnce(ctx, client, w.members.at(slot), time.Second); err == nil {
			w.acked(time.Duration(w.now()))
		}
		sleep(ctx, 100*time.Millisecond)
	}
}

// probeOnce writes through one member.
func probeOnce(ctx context.Context, client *http.Client, at endpoint, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	url := fmt.Sprintf("%s/kv/probe%%2F%d", at.url, at.slot)
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, url, strings.NewReader("probe"))
	if err != nil {
		return err
	}
	req.Header.Set("X-Request-Timeout", fmt.Sprintf("%dms", patience.Milliseconds()))
	a, err := fetch(client, req)
	if err != nil {
		return err
	}
	if a.status != http.StatusOK {
		return statusError(a)
	}
	return nil
}

// statusError makes an error of an answer.
func statusError(a answer) error { return fmt.Errorf("answer %d %.300s", a.status, a.body) }
