package bench

// What load to make.

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/seed695671cb/raft/examples/kvstore/client"
)

// Store is what the load is put on; *client.Client is one.
type Store interface {
	Put(ctx context.Context, key string, value []byte, options ...client.WriteOption) (client.PutResult, error)
	Get(ctx context.Context, key string, options ...client.ReadOption) (client.Value, error)
	All(ctx context.Context, options client.ListOptions) iter.Seq2[client.Item, error]
}

// Config describes a load.
type Config struct {
	Clients     int                // how many requests are under way at the same time
	Duration    time.Duration      // how long; 0 if Ops bounds the load
	Ops         int64              // how many requests; 0 if Duration bounds the load
	Size        int                // of a value, in bytes; at least MinSize
	Keys        int                // how many different keys; at least one for each client
	Reads       float64            // which part of the requests are reads, 0 to 1
	Consistency client.Consistency // of the reads
	Prefix      string             // of all keys
	Rate        float64            // requests a second that are due; 0 is a closed loop
	Verify      bool               // read everything back at the end
	Seed        uint64             // of the choice of keys
	// Run tells the values of this run from those of earlier ones. It has 1 to 16 letters and digits, and should be
	// random.
	Run string
}

// MaxKeys bounds Config.Keys: the state of each takes some memory.
const MaxKeys = 100_000_000

func (c *Config) check() error {
	switch {
	case c.Clients < 1 || c.Clients > 100_000:
		return fmt.Errorf("%d clients: there are 1 to 100000", c.Clients)
	case c.Duration < 0 || c.Ops < 0 || c.Rate < 0:
		return errors.New("the duration, the number of requests or the rate is negative")
	case (c.Duration == 0) == (c.Ops == 0):
		return errors.New("the load is bounded either by a duration or by a number of requests: give one of them")
	case c.Size < MinSize || c.Size > 4<<20:
		return fmt.Errorf("values of %d bytes: they have %d bytes to 4 MiB", c.Size, MinSize)
	case c.Keys < c.Clients || c.Keys > MaxKeys:
		return fmt.Errorf("%d keys for %d clients: each client needs one at least, and there are at most %d", c.Keys, c.Clients, MaxKeys)
	case c.Reads < 0 || c.Reads > 1:
		return fmt.Errorf("a part of %v reads: it is 0.0 to 1.0", c.Reads)
	case len(c.Run) < 1 || len(c.Run) > 16:
		return fmt.Errorf("the name %q of the run has not 1 to 16 characters", c.Run)
	}
	_, err := client.ParseConsistency(string(c.Consistency))
	return err
}
