package restore

// The run as a whole.

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed695671cb/raft/examples/kvstore/internal/process"
)

// padding is how many small values are written before it is looked again whether the logs have let go of the large ones.
const padding = 500

// Run runs the members, and reports what it saw. A report that is not OK comes without an error; the error is about what could not
// be run, or did not end while ctx lasted.
func Run(ctx context.Context, config Config) (*Report, error) {
	if err := config.complete(); err != nil {
		return nil, fmt.Errorf("restore: %w", err)
	}
	c, err := newCluster(&config)
	if err != nil {
		return nil, fmt.Errorf("restore: %w", err)
	}
	report, err := c.run(ctx)
	if err = errors.Join(err, c.close()); err != nil {
		return nil, fmt.Errorf("restore: %w", err)
	}
	return report, nil
}

func (c *cluster) run(ctx context.Context) (*Report, error) {
	report := &Report{Size: c.config.Size, MemoryBound: c.config.MemoryBound}
	data := &dataSet{config: c.config, kv: c.kv, target: c.config.Size, sums: map[string][]byte{}}
	if err := c.prepare(ctx, data, report); err != nil {
		return nil, err
	}
	c.tell("the members hold %s in %d keys; adding a member", megabytes(data.bytes), data.keys)
	writers := data.trickle(ctx)
	err := c.receive(ctx, &report.Transfer)
	report.Writes = writers.end()
	if err != nil {
		return nil, err
	}
	if err := c.measureMemory(report); err != nil {
		return nil, err
	}
	c.tell("the new member has caught up after %v; comparing", report.Transfer.CaughtUp.Round(time.Millisecond))
	if err := c.compare(ctx, data, report); err != nil {
		return nil, err
	}
	return report, nil
}

// prepare starts the members that begin, fills them, and has their logs begin behind all that.
func (c *cluster) prepare(ctx context.Context, data *dataSet, report *Report) error {
	for id := 1; id <= voters; id++ {
		if err := c.start(id); err != nil {
			return err
		}
	}
	if err := c.until(ctx, "the members serve", func() (bool, error) {
		v, err := c.view(ctx, 1)
		return v.Leader != 0, err
	}); err != nil {
		return err
	}
	began := time.Now()
	if err := data.fill(ctx); err != nil {
		return err
	}
	report.Filled = time.Since(began)
	report.Bytes, report.Keys = data.bytes, data.keys
	c.tell("filled in %v; compacting the logs", report.Filled.Round(time.Millisecond))
	if err := c.compact(ctx, data); err != nil {
		return err
	}
	for id := 1; id <= voters; id++ {
		m, err := process.MemoryOf(c.members[id].PID())
		if err != nil {
			return err
		}
		report.Memory = append(report.Memory, memoryOf{Member: id, Filling: m.Peak, Before: m.Resident})
		if err := process.ResetPeak(c.members[id].PID()); err != nil {
			return err
		}
	}
	return nil
}

// compact has every member compact its log, until none of the entries that filled the data set is left.
func (c *cluster) compact(ctx context.Context, data *dataSet) error {
	v, err := c.view(ctx, 1)
	if err != nil {
		return err
	}
	filled := max(v.Last, v.Commit)
	return c.until(ctx, "the logs are compacted", func() (bool, error) {
		kept := false
		for id := 1; id <= voters; id++ {
			if _, err := c.kv.Snapshot(ctx, c.url[id]); err != nil {
				return false, err
			}
			v, err := c.view(ctx, id)
			if err != nil {
				return false, err
			}
			kept = kept || v.First <= filled
		}
		if !kept {
			return true, nil
		}
		return false, data.pad(ctx, padding)
	})
}

// measureMemory takes the peaks since the new member was added.
func (c *cluster) measureMemory(report *Report) error {
	report.Memory = append(report.Memory, memoryOf{Member: newMember})
	for i := range report.Memory {
		m, err := process.MemoryOf(c.members[i+1].PID())
		if err != nil {
			return err
		}
		report.Memory[i].Restoring = m.Peak
	}
	last := &report.Memory[newMember-1].Restoring
	*last = max(*last, report.Transfer.peakOfKilled)
	return nil
}

func (c *cluster) tell(format string, args ...any) {
	fmt.Fprintf(c.config.Log, format+"\n", args...)
}
