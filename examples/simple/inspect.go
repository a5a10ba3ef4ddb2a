package main

// What a replica says of itself when asked.

import (
	"fmt"
	"strconv"
	"strings"
)

// describe is the answer to get.
func describe(r *replica, key string) string {
	value, ok := r.store.get(key)
	if !ok {
		return key + " is not set"
	}
	return key + " = " + value
}

// status shows every replica, after those that answer had the time to catch up.
func (d *demo) status() string {
	// If they do not catch up, that is what status is to show.
	_ = d.client.await(func() bool { return d.cluster.caughtUp(d.client.finished, 0) })
	var lines []string
	for _, id := range d.cluster.ids() {
		lines = append(lines, fmt.Sprintf("replica %d: %s", id, d.statusOf(id)))
	}
	return strings.Join(lines, "\n")
}

func (d *demo) statusOf(id uint64) string {
	r := d.cluster.replicas[id]
	if r == nil {
		return "crashed"
	}
	text := "its disk has failed"
	r.do(func() {
		s := r.node.Status()
		role := strings.ToLower(strings.TrimPrefix(s.RaftState.String(), "State"))
		text = fmt.Sprintf("%s, term %d, %d changes, %d keys, digest %s",
			role, s.Term, r.store.last, len(r.store.pairs), r.store.digest())
	})
	if d.cluster.net.isCut(id) {
		text = "cut off, " + text
	}
	return text
}

// verify writes the status, and checks that the replicas which answer are in the same state. It cannot if not all
// changes are made, because of err.
func (d *demo) verify(err error) {
	fmt.Fprintln(d.out, d.status())
	if err != nil {
		d.fail("simple: the replicas cannot be compared: %v", err)
		return
	}
	var compared []string
	digests := make(map[string]bool)
	for _, id := range d.cluster.ids() {
		if !d.cluster.answers(id) {
			continue
		}
		compared = append(compared, strconv.FormatUint(id, 10))
		r := d.cluster.replicas[id]
		r.do(func() { digests[r.store.digest()] = true })
	}
	if len(digests) != 1 {
		d.fail("simple: replicas %s are not in the same state", strings.Join(compared, ", "))
		return
	}
	fmt.Fprintf(d.out, "verified: replicas %s are in the same state\n", strings.Join(compared, ", "))
}
