package load

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

const (
	pause   = 10 * time.Millisecond // after a failure
	loyalty = 40                    // operations at one member, on average
)

// A worker does one operation after another.
type worker struct {
	load *Load
	rng  *rand.Rand
	at   *clientv3.Client // where it operates until something fails there; nil before the first choice
	keys string           // what its puts' keys begin with
	next int              // number of the next put
	puts []string         // keys whose put was acknowledged
	own  *counter         // raised by this worker only
}

func newWorker(l *Load, id int, rng *rand.Rand) *worker {
	return &worker{
		load: l,
		rng:  rng,
		keys: fmt.Sprintf("%s%d/", l.Prefix(), id),
		own:  newCounter(fmt.Sprintf("%s/counter/%d", l.name, id)),
	}
}

func (w *worker) run(ctx context.Context) {
	for ctx.Err() == nil {
		w.operate(ctx)
	}
}

func (w *worker) operate(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if w.at == nil || w.rng.IntN(loyalty) == 0 {
		clients := w.load.cluster.Clients()
		w.at = clients[w.rng.IntN(len(clients))]
	}
	if err := w.choose(ctx, w.at); err != nil {
		w.at = nil
		w.load.failed.Add(1)
		time.Sleep(pause) // a member that is down answers at once
		return
	}
	w.load.acknowledged.Add(1)
}

// choose does one operation; half of them are puts.
func (w *worker) choose(ctx context.Context, client *clientv3.Client) error {
	violate, all := w.load.violate, w.load.counter
	switch w.rng.IntN(8) {
	case 0:
		return w.own.raise(ctx, client, violate)
	case 1:
		return all.raise(ctx, client, violate)
	case 2:
		_, err := all.read(ctx, client, violate)
		return err
	case 3:
		return all.readLocal(ctx, client, violate)
	default:
		return w.put(ctx, client)
	}
}

func (w *worker) put(ctx context.Context, client *clientv3.Client) error {
	key := fmt.Sprintf("%s%06d", w.keys, w.next)
	w.next++
	_, err := client.Put(ctx, key, valueOf(key))
	if err == nil {
		w.puts = append(w.puts, key)
	}
	return err
}

// valueOf is what is put at a key: something to recognise, a hundred bytes and more.
func valueOf(key string) string { return strings.Repeat(key+" ", 10) }
