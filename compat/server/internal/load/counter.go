package load

import (
	"context"
	"fmt"
	"strconv"
	"sync"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// A counter is a key that is raised by one at a time, and what all who use it know of it. Since it only grows, a history
// of it is linearizable if each read is at least what was known when it began and at most what has been asked for when it
// ended, and if no value is acknowledged twice.
type counter struct {
	key string

	mu      sync.Mutex
	known   int64          // the highest value that was read or acknowledged
	asked   int64          // the highest value that a transaction has tried to write
	granted map[int64]bool // values whose transaction was acknowledged
}

func newCounter(key string) *counter { return &counter{key: key, granted: map[int64]bool{}} }

// A report tells of something that must not be.
type report func(format string, args ...any)

// A reading is a value and the revision that wrote it; both are zero before the first one is written.
type reading struct {
	value    int64
	revision int64
}

// read reads linearizably.
func (c *counter) read(ctx context.Context, client *clientv3.Client, violate report) (reading, error) {
	before := c.floor()
	got, err := c.get(ctx, client)
	if err == nil {
		c.judge(before, got.value, violate)
	}
	return got, err
}

// readLocal reads what a member has at the moment.
func (c *counter) readLocal(ctx context.Context, client *clientv3.Client, violate report) error {
	got, err := c.get(ctx, client, clientv3.WithSerializable())
	if err == nil {
		c.learn(got.value, violate)
	}
	return err
}

// raise adds one to what it reads, unless somebody else was faster.
func (c *counter) raise(ctx context.Context, client *clientv3.Client, violate report) error {
	seen, err := c.read(ctx, client, violate)
	if err != nil {
		return err
	}
	next := seen.value + 1
	c.ask(next)
	done, err := client.Txn(ctx).
		If(clientv3.Compare(clientv3.ModRevision(c.key), "=", seen.revision)).
		Then(clientv3.OpPut(c.key, strconv.FormatInt(next, 10))).
		Commit()
	if err != nil || !done.Succeeded {
		return err
	}
	c.grant(next, violate)
	return nil
}

func (c *counter) get(ctx context.Context, client *clientv3.Client, options ...clientv3.OpOption) (reading, error) {
	got, err := client.Get(ctx, c.key, options...)
	if err != nil || len(got.Kvs) == 0 {
		return reading{}, err
	}
	value, err := strconv.ParseInt(string(got.Kvs[0].Value), 10, 64)
	if err != nil {
		return reading{}, fmt.Errorf("value of %s: %w", c.key, err)
	}
	return reading{value: value, revision: got.Kvs[0].ModRevision}, nil
}

func (c *counter) floor() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.known
}

func (c *counter) ask(value int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = max(c.asked, value)
}

// judge looks at what a linearizable read returned that began when the counter was known to be before.
func (c *counter) judge(before, value int64, violate report) {
	if value < before {
		violate("%s was %d already, and a linearizable read that began afterwards returned %d", c.key, before, value)
	}
	c.learn(value, violate)
}

// learn takes note of a value that was read. A value that a member shows is committed, so later reads must not fall behind
// it, even if it was not read linearizably.
func (c *counter) learn(value int64, violate report) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if value > c.asked {
		violate("%s is %d, and nobody asked for more than %d", c.key, value, c.asked)
	}
	c.known = max(c.known, value)
}

// checkEnd judges what a linearizable read found after all users had stopped; text is empty if there was nothing.
func (c *counter) checkEnd(text string, violate report) {
	value := int64(0)
	if text != "" {
		var err error
		if value, err = strconv.ParseInt(text, 10, 64); err != nil {
			violate("%s holds %q, which is no number", c.key, text)
		}
	}
	c.judge(c.floor(), value, violate)
}

func (c *counter) grant(value int64, violate report) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.granted[value] {
		violate("%s was raised to %d twice", c.key, value)
	}
	c.granted[value] = true
	c.known = max(c.known, value)
}
