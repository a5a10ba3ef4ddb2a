package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// Changes of the membership and of the leader, by the API.

// changePatience bounds how long one change of the membership may take while a majority is healthy.
const changePatience = 90 * time.Second

// replace takes the member in a slot out of the cluster, and puts a new one with a fresh ID and an empty disk in its
// place: first a learner, then a voter. Either comes first.
func (n *nemesis) replace(slot int, removeFirst bool) error {
	joined, left, err := n.cluster.join(slot)
	if err != nil {
		return err
	}
	add := func() error { return n.admit(joined) }
	remove := func() error { return n.expel(left) }
	steps := []func() error{add, remove}
	if removeFirst {
		steps = []func() error{remove, add}
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	n.replaced++
	return nil
}

// admit adds a member as learner and promotes it.
func (n *nemesis) admit(m endpoint) error {
	body := map[string]any{"id": m.id, "url": m.url, "learner": true}
	err := n.change(http.MethodPost, "/cluster/members", body, func(members []memberStatus) bool {
		return slices.ContainsFunc(members, func(x memberStatus) bool { return x.ID == m.id })
	})
	if err != nil {
		return fmt.Errorf("add member %d: %w", m.id, err)
	}
	path := fmt.Sprintf("/cluster/members/%d/promote", m.id)
	err = n.change(http.MethodPost, path, nil, func(members []memberStatus) bool {
		return slices.ContainsFunc(members, func(x memberStatus) bool { return x.ID == m.id && !x.Learner })
	})
	if err != nil {
		return fmt.Errorf("promote member %d: %w", m.id, err)
	}
	return nil
}

// expel removes a member and ends its process.
func (n *nemesis) expel(m *member) error {
	path := fmt.Sprintf("/cluster/members/%d", m.id)
	err := n.change(http.MethodDelete, path, nil, func(members []memberStatus) bool {
		return !slices.ContainsFunc(members, func(x memberStatus) bool { return x.ID == m.id })
	})
	if err != nil {
		return fmt.Errorf("remove member %d: %w", m.id, err)
	}
	n.cluster.retire(m)
	return nil
}

// change asks one member after another for a change until the members are as wanted, whoever's request did it.
func (n *nemesis) change(method, path string, body any, wanted func([]memberStatus) bool) error {
	var last error
	for start, i := time.Now(), 0; time.Since(start) < changePatience; i++ {
		at := n.cluster.at(i % n.cluster.slots())
		err := n.request(method, at.url+path, body)
		if err != nil {
			last = fmt.Errorf("member %d: %w", at.id, err)
		}
		var list struct {
			Members []memberStatus `json:"members"`
		}
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		listErr := n.view.getJSON(ctx, at.url+"/cluster/members", &list)
		cancel()
		if listErr == nil && len(list.Members) > 0 && wanted(list.Members) {
			return nil
		}
		time.Sleep(200 * time.Millisecond)
	}
	return fmt.Errorf("not done after %v: %w", changePatience, last)
}

// request sends one request of the cluster's API.
func (n *nemesis) request(method, url string, body any) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var data []byte
	if body != nil {
		data, _ = json.Marshal(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(data))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Request-Timeout", "4s")
	a, err := fetch(n.http, req)
	if err != nil {
		return err
	}
	if a.status != http.StatusOK {
		return statusError(a)
	}
	return nil
}

// transferOften asks for one leader after another.
func (n *nemesis) transferOften(ctx context.Context, step Step) error {
	for _, slot := range append(slices.Clone(step.Order), step.Order...) {
		if ctx.Err() != nil {
			return nil
		}
		target, via := n.cluster.at(slot), n.cluster.at((slot+1)%n.cluster.slots())
		if err := n.request(http.MethodPost, via.url+"/cluster/leader", map[string]any{"id": target.id}); err == nil {
			n.transfers++
		}
		sleep(ctx, step.Hold/5)
	}
	return nil
}
