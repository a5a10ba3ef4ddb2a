package restore

// Adding the new member, and watching it until it has caught up.

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed695671cb/raft/examples/kvstore/client"
	"github.com/seed695671cb/raft/examples/kvstore/internal/process"
)

// settledLag is how many entries the new member may be behind when it counts as having caught up.
const settledLag = 20

// soon is how long to wait between looks at what changes within moments.
const soon = 2 * time.Millisecond

// killedAt is the part of the data set that has arrived when the new member is killed.
const killedAt = 0.4

// transfer is what was seen of the snapshot.
type transfer struct {
	Arrived   time.Duration `json:"arrived_ns"`   // until all of the snapshot was with the new member
	Installed time.Duration `json:"installed_ns"` // until that had the snapshot's state
	CaughtUp  time.Duration `json:"caught_up_ns"` // until it was promoted
	Bytes     int64         `json:"bytes"`        // of the snapshot, at the last look before it had arrived
	Sent      int64         `json:"sent_bytes"`   // that were sent to the new member, until the snapshot had arrived
	Rest      int64         `json:"rest_bytes"`   // that were sent from then until it was promoted
	// Of a member that was killed: what it had at the last look, and where the snapshot went on, at the first.
	Killed  int64 `json:"killed_at_bytes,omitempty"`
	Resumed int64 `json:"resumed_at_bytes,omitempty"`

	peakOfKilled int64
}

// receive adds the new member and waits until it has caught up and is promoted.
func (c *cluster) receive(ctx context.Context, seen *transfer) error {
	began := time.Now()
	if err := c.start(newMember); err != nil {
		return err
	}
	if err := c.kv.AddMember(ctx, client.Member{ID: newMember, URL: c.url[newMember], Learner: true}); err != nil {
		return fmt.Errorf("add the new member: %w", err)
	}
	if c.config.Resume {
		if err := c.interrupt(ctx, seen); err != nil {
			return err
		}
	}
	err := c.until(ctx, "the snapshot is installed", func() (bool, error) {
		v, err := c.view(ctx, newMember)
		if err != nil {
			return false, err
		}
		if v.Receiving != nil {
			seen.Bytes = max(seen.Bytes, v.Receiving.Bytes)
			seen.Arrived, seen.Sent = time.Since(began), c.relay.received()
		}
		return v.Applied > 0, nil
	})
	if err != nil {
		return err
	}
	seen.Installed = time.Since(began)
	if err := c.promote(ctx); err != nil {
		return err
	}
	seen.CaughtUp, seen.Rest = time.Since(began), c.relay.received()-seen.Sent
	return nil
}

// interrupt kills the new member in the middle, and starts it again.
func (c *cluster) interrupt(ctx context.Context, seen *transfer) error {
	received := func() (int64, error) {
		v, err := c.view(ctx, newMember)
		if err != nil || v.Receiving == nil {
			return 0, err
		}
		return v.Receiving.Bytes, nil
	}
	err := c.untilEvery(ctx, soon, "a part of the snapshot has arrived", func() (bool, error) {
		bytes, err := received()
		seen.Killed = bytes
		return float64(bytes) > killedAt*float64(c.config.Size), err
	})
	if err != nil {
		return err
	}
	before, err := process.MemoryOf(c.members[newMember].PID())
	if err != nil {
		return err
	}
	seen.peakOfKilled = before.Peak
	c.members[newMember].Kill()
	c.tell("killed the new member when it had %s of the snapshot", megabytes(seen.Killed))
	if err := c.start(newMember); err != nil {
		return err
	}
	return c.untilEvery(ctx, soon, "the snapshot goes on", func() (bool, error) {
		bytes, err := received()
		seen.Resumed = bytes
		return bytes > 0, err
	})
}

// promote waits until the new member is hardly behind, and gives it a vote.
func (c *cluster) promote(ctx context.Context) error {
	return c.until(ctx, "the new member has caught up and is promoted", func() (bool, error) {
		v, err := c.view(ctx, 1)
		if err != nil || v.Leader == 0 {
			return false, err
		}
		if v, err = c.view(ctx, int(v.Leader)); err != nil {
			return false, err
		}
		for _, m := range v.Members {
			if m.ID == newMember && m.State == "replicate" && m.Lag != nil && *m.Lag <= settledLag {
				return promoted(c.kv.Promote(ctx, newMember))
			}
		}
		return false, nil
	})
}

// promoted takes a refusal for a reason to ask again.
func promoted(err error) (bool, error) {
	if errors.Is(err, client.ErrConflict) {
		return false, nil
	}
	return err == nil, err
}
