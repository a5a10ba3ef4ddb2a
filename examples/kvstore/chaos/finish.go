package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/seed695671cb/raft/examples/kvstore/chaos/history"
)

// What happens once the last fault is healed and the clients are quiet: everything that was written is read again, as
// operations of the history, and from each member as it holds it.

// finalPatience bounds how long members and watchers may take to catch up at the end.
const finalPatience = 60 * time.Second

// finalClient is the number of the client that reads everything at the end.
const finalClient = 9999

// lastWrite is the idempotency key of the write that watchers wait for at the end.
const lastWrite = "final"

// A page is one answer of the final list.
type page struct {
	call, back int64
	okBody
}

// finish reads everything. The error is a violation: members or watchers that do not catch up.
func (w *workload) finish() error {
	last, err := w.writeLast()
	if err != nil {
		return err
	}
	if err := w.awaitWatchers(last); err != nil {
		return err
	}
	client := newHTTPClient()
	defer client.CloseIdleConnections()
	pages, err := w.listPatiently(client)
	if err != nil {
		return err
	}
	w.addFinalReads(pages)
	wanted := finalOf(0, pages)
	w.log.AddFinal(wanted)
	for slot := range w.members.slots() {
		final, err := w.listMember(client, slot, wanted)
		if err != nil {
			return err
		}
		w.log.AddFinal(final)
	}
	return nil
}

// writeLast writes a key of a fresh group, which watchers wait for.
func (w *workload) writeLast() (uint64, error) {
	c := newClient(w.scene, finalClient, 0, 0, 0)
	group := w.board.used() + 1
	op := &history.Op{Client: finalClient, Group: group, Key: lastWrite}
	c.put(op, 0)
	c.perform(op)
	w.log.AddOp(op)
	if op.Outcome != history.OK {
		return 0, fmt.Errorf("the last write of the run failed on a healed cluster: %s", op.Error)
	}
	return op.Rev, nil
}

func (w *workload) awaitWatchers(rev uint64) error {
	deadline := time.Now().Add(finalPatience)
	for _, watcher := range w.watchers {
		for watcher.newest.Load() < rev {
			if time.Now().After(deadline) {
				return fmt.Errorf("watcher %d was told of changes up to revision %d only, not of the last one, %d, within %v",
					watcher.number, watcher.newest.Load(), rev, finalPatience)
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	return nil
}

// list reads all keys from one member, page by page.
func (w *workload) list(client *http.Client, at endpoint, consistency string) ([]page, error) {
	var pages []page
	after := ""
	for {
		query := url.Values{"prefix": {history.Prefix}, "limit": {"1000"}, "consistency": {consistency}}
		if after != "" {
			query.Set("after", after)
		}
		p := page{call: w.now()}
		if err := getPage(client, at.url+"/kv?"+query.Encode(), &p.okBody); err != nil {
			return nil, fmt.Errorf("list of member %d: %w", at.id, err)
		}
		p.back = w.now()
		pages = append(pages, p)
		if !p.More {
			return pages, nil
		}
		if p.Next <= after {
			return nil, fmt.Errorf("list of member %d: after %q comes %q", at.id, after, p.Next)
		}
		after = p.Next
	}
}

func getPage(client *http.Client, url string, into *okBody) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	a, err := fetch(client, req)
	if err != nil {
		return err
	}
	if a.status != http.StatusOK {
		return statusError(a)
	}
	return json.Unmarshal(a.body, into)
}

func (w *workload) listPatiently(client *http.Client) ([]page, error) {
	var last error
	for start := time.Now(); time.Since(start) < finalPatience; time.Sleep(200 * time.Millisecond) {
		pages, err := w.list(client, w.members.at(0), history.Linearizable)
		if err == nil {
			return pages, nil
		}
		last = err
	}
	return nil, fmt.Errorf("the final list: %w", last)
}

// listMember reads what a member holds until it is what was wanted, and returns what it held at last.
func (w *workload) listMember(client *http.Client, slot int, wanted history.Final) (history.Final, error) {
	var final history.Final
	var last error
	for start := time.Now(); time.Since(start) < finalPatience/2; time.Sleep(200 * time.Millisecond) {
		at := w.members.at(slot)
		pages, err := w.list(client, at, history.Stale)
		last = err
		if err != nil {
			continue
		}
		final = finalOf(at.id, pages)
		if slices.Equal(final.Items, wanted.Items) {
			return final, nil
		}
	}
	return final, last
}

func finalOf(member uint64, pages []page) history.Final {
	f := history.Final{Member: member, Rev: math.MaxUint64}
	for _, p := range pages {
		f.Rev = min(f.Rev, p.Rev)
		for _, item := range p.Items {
			item.Value = nameOf(item.Value)
			f.Items = append(f.Items, history.Item(item))
		}
	}
	return f
}

// addFinalReads makes an operation of what the final list says of each key that was ever used. A key that the list does
// not have was read some time while the list was.
func (w *workload) addFinalReads(pages []page) {
	reads := map[string]*history.Op{}
	for _, p := range pages {
		for _, item := range p.Items {
			result := history.Result{Exists: true, Value: nameOf(item.Value), Rev: item.Rev, Created: item.Created, Version: item.Version}
			reads[item.Key] = &history.Op{Call: p.call, Return: p.back, Results: []history.Result{result}}
		}
	}
	for group := 1; group <= w.board.used()+1; group++ {
		for slot := range history.GroupSize {
			w.addFinalRead(reads, history.Key(group, slot), pages)
		}
	}
}

func (w *workload) addFinalRead(reads map[string]*history.Op, key string, pages []page) {
	op := reads[key]
	if op == nil {
		op = &history.Op{Call: pages[0].call, Return: pages[len(pages)-1].back, Results: []history.Result{{}}}
	}
	op.Group, _, _ = history.ParseKey(key)
	op.Client, op.Kind, op.Consistency = finalClient, history.Get, history.Linearizable
	op.Member, op.Attempts = w.members.at(0).id, 1
	op.Outcome, op.Succeeded = history.OK, true
	op.Then = []history.Action{{Kind: history.Get, Key: key}}
	w.log.AddOp(op)
}
