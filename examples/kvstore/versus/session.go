package main

// A session: both clusters run, and are given the same loads in turn.

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// A trial is a load that both systems are given.
type trial struct {
	Op      string `json:"op"`
	Clients int    `json:"clients"`
}

// fillers is how many clients write every key at the beginning, and read every key in the end.
const fillers = 64

// settleTime is between two loads, for what the one before has left to do.
const settleTime = 500 * time.Millisecond

func measure(ctx context.Context, s settings) (*report, error) {
	c, err := startClusters(ctx, s)
	if err != nil {
		return nil, err
	}
	r, err := c.measure(ctx, s)
	return r, errors.Join(err, c.close())
}

func (c *clusters) measure(ctx context.Context, s settings) (*report, error) {
	r := newReport(s)
	order := []string{systemKvstore, systemEtcd}
	for _, system := range order {
		if err := c.fill(ctx, system); err != nil {
			return nil, err
		}
	}
	for round := range s.rounds {
		for i, trial := range r.trials() {
			if (round+i)%2 == 1 {
				order = []string{systemEtcd, systemKvstore}
			} else {
				order = []string{systemKvstore, systemEtcd}
			}
			if err := c.trial(ctx, s, r, trial, round, order); err != nil {
				return nil, err
			}
		}
	}
	for _, system := range order {
		if _, err := c.load(ctx, system, trial{opCheck, fillers}, settings{}, 0); err != nil {
			return nil, fmt.Errorf("%s does not hold what was written: %w", system, err)
		}
	}
	return r, nil
}

// fill waits until a cluster serves, and writes every key.
func (c *clusters) fill(ctx context.Context, system string) error {
	ctx, cancel := context.WithTimeout(ctx, serveTime)
	defer cancel()
	for {
		_, err := c.load(ctx, system, trial{opFill, fillers}, settings{}, 0)
		if err == nil {
			return nil
		}
		if ended := c.all[system].ended(); ended != nil || ctx.Err() != nil {
			return fmt.Errorf("%s does not serve: %w", system, errors.Join(ended, err))
		}
		sleep(ctx, settleTime)
	}
}

// trial puts a load on both systems, one after the other.
func (c *clusters) trial(ctx context.Context, s settings, r *report, t trial, round int, order []string) error {
	for _, system := range order {
		sleep(ctx, min(settleTime, s.duration))
		got, err := c.load(ctx, system, t, s, uint64(round)+1)
		if err != nil {
			return fmt.Errorf("%s, %s by %d clients, round %d: %w", system, t.Op, t.Clients, round+1, err)
		}
		r.add(t, system, *got)
		fmt.Fprintf(s.progress, "round %d of %d: %-7s %s, %3d clients: %6.0f/s, p50 %.2f ms, p99 %.2f ms, %.0f us of CPU each\n",
			round+1, s.rounds, system, t.Op, t.Clients, got.rate(), ms(got.P50), ms(got.P99), got.perOp())
	}
	return nil
}

// load runs the clients' process.
func (c *clusters) load(ctx context.Context, system string, t trial, s settings, seed uint64) (*sample, error) {
	of := c.all[system]
	if err := of.ended(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	of.whenEnded(ctx, cancel)
	pids := strings.Trim(strings.ReplaceAll(fmt.Sprint(of.pids()), " ", ","), "[]")
	cmd := exec.CommandContext(ctx, c.self, roleLoad, "-system", system, "-endpoints", strings.Join(of.endpoints, ","),
		"-op", t.Op, "-clients", fmt.Sprint(t.Clients), "-duration", s.duration.String(), "-warmup", s.warmup.String(),
		"-seed", fmt.Sprint(seed), "-pids", pids)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return nil, errors.Join(fmt.Errorf("the clients have failed: %w: %s", err, bytes.TrimSpace(stderr.Bytes())), of.ended())
	}
	var got sample
	if err := json.Unmarshal(stdout.Bytes(), &got); err != nil {
		return nil, fmt.Errorf("the clients' figures are not readable: %w", err)
	}
	if got.Ops == 0 {
		return nil, errors.New("nothing was done in the time that was measured: measure longer with -duration")
	}
	return &got, nil
}
