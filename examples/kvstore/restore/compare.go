package restore

// Comparing what the members hold, each read by itself, with each other and with what was acknowledged.

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/seed695671cb/raft/examples/kvstore/client"
)

// holding is what a member holds.
type holding struct {
	keys int
	sum  [sha256.Size]byte // of all keys, revisions and values, in order
	// lost are keys of the data set that do not hold what was acknowledged.
	lost []string
	err  error
}

// compare waits until all members have applied the same, and compares them.
func (c *cluster) compare(ctx context.Context, data *dataSet, report *Report) error {
	if err := c.until(ctx, "all members have applied the same", func() (bool, error) { return c.level(ctx) }); err != nil {
		return err
	}
	var held [newMember + 1]holding
	var work sync.WaitGroup
	for id := 1; id <= newMember; id++ {
		work.Go(func() { held[id] = c.read(ctx, id, data) })
	}
	work.Wait()
	for id := 1; id <= newMember; id++ {
		h := &held[id]
		if h.err != nil {
			return fmt.Errorf("read what member %d holds: %w", id, h.err)
		}
		if len(h.lost) > 0 {
			report.Differences = append(report.Differences,
				fmt.Sprintf("member %d: %d keys do not hold what was acknowledged, %s the first", id, len(h.lost), h.lost[0]))
		}
		if h.sum != held[1].sum || h.keys != held[1].keys {
			report.Differences = append(report.Differences,
				fmt.Sprintf("member %d holds %d keys, and member 1 %d, or others", id, h.keys, held[1].keys))
		}
	}
	report.Compared = held[1].keys
	report.Sum = fmt.Sprintf("%x", held[1].sum)
	return nil
}

// level tells whether all members have applied the same.
func (c *cluster) level(ctx context.Context) (bool, error) {
	var applied uint64
	for id := 1; id <= newMember; id++ {
		v, err := c.view(ctx, id)
		if err != nil {
			return false, err
		}
		if id == 1 {
			applied = v.Applied
		}
		if v.Applied != applied || v.Commit != applied {
			return false, nil
		}
	}
	return true, nil
}

// read reads all that a member has, without asking another one.
func (c *cluster) read(ctx context.Context, id int, data *dataSet) holding {
	h := holding{}
	kv, err := client.New(client.Options{Endpoints: []string{"http://" + c.listen[id]}, Timeout: time.Minute, AttemptTimeout: time.Minute})
	if err != nil {
		h.err = err
		return h
	}
	defer kv.Close()
	all := sha256.New()
	for item, err := range kv.All(ctx, client.ListOptions{KeysOnly: true, Limit: 10000, Consistency: client.Stale}) {
		if err != nil {
			h.err = err
			return h
		}
		value, err := kv.Get(ctx, item.Key, client.At(client.Stale))
		if err != nil {
			h.err = err
			return h
		}
		sum := sha256.Sum256(value.Data)
		fmt.Fprintf(all, "%q %d %d %d %d %x\n", item.Key, item.Rev, value.Rev, item.Created, item.Version, sum)
		h.keys++
		if !data.agrees(item.Key, sum[:]) {
			h.lost = append(h.lost, item.Key)
		}
	}
	copy(h.sum[:], all.Sum(nil))
	if missing := len(data.sums) + padKeys - h.keys; missing > 0 {
		h.lost = append(h.lost, fmt.Sprintf("%d that are missing", missing))
	}
	return h
}

// agrees tells whether a key may hold what it does.
func (d *dataSet) agrees(key string, sum []byte) bool {
	acknowledged, written := d.sums[key]
	if strings.HasPrefix(key, "pad/") {
		return true
	}
	return written && (acknowledged == nil || bytes.Equal(acknowledged, sum))
}
