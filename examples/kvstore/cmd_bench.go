package main

// bench.

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/seed695671cb/raft/examples/kvstore/bench"
	"github.com/seed695671cb/raft/examples/kvstore/client"
)

const benchUsage = `bench

Puts load on the cluster and reports throughput and latency. With --verify it reads all keys back in the end and checks
that each holds the last value that was acknowledged, or a later one: status 1 if not. Values say who wrote them and
have a checksum, so that reads are checked as well while the load goes on.

The status is 1, too, if not one request has succeeded, and if --verify was given and the run was interrupted before the
verification had come to its end. Without --verify a run that is interrupted reports what it has measured until then,
with status 0. Single requests that fail are counted in the report, and the status does not depend on them.

  kvstore bench --duration 30s --verify
  kvstore bench --clients 256 --size 1024 --reads 0.9 --consistency lease
  kvstore bench --ops 100000 --keys 1000 --seed 7
  kvstore bench --rate 2000              requests are due at fixed times, and latency counts from then

The keys stay; all of them begin with the prefix.
`

// Why a run is no success although it came to a report.
var (
	errUnkept     = errors.New("verification failed: the cluster does not hold what it acknowledged")
	errUnverified = errors.New("interrupted before the verification had come to its end: nothing is verified")
	errNothing    = errors.New("not one request has succeeded: the report has the errors by code")
)

func benchCommand(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) error {
	line, flags := clientLine("bench", benchUsage)
	config := bench.Config{Run: rand.Text()[:10]}
	consistency := benchFlags(line, &config)
	if _, err := line.parse(args, 0, 0, stdout); err != nil {
		return err
	}
	level, err := parseConsistency(*consistency)
	if err != nil {
		return err
	}
	config.Consistency = level
	if config.Ops == 0 && config.Duration == 0 {
		config.Duration = 10 * time.Second
	}
	kv, err := flags.connect(true)
	if err != nil {
		return err
	}
	defer kv.Close()
	if err := kv.Discover(ctx); err != nil {
		return err
	}
	return runBench(ctx, kv, config, flags.json, stdout, stderr)
}

// benchFlags adds the flags of the load, and returns the consistency by name.
func benchFlags(line *commandLine, config *bench.Config) *string {
	line.IntVar(&config.Clients, "clients", 64, "`number` of requests under way at the same time, each on a connection of its own")
	line.DurationVar(&config.Duration, "duration", 0, "how long, a `duration` such as 30s (default 10s unless --ops is given)")
	line.Int64Var(&config.Ops, "ops", 0, "end after this `number` of requests")
	line.IntVar(&config.Size, "size", 256, "`bytes` of a value")
	line.IntVar(&config.Keys, "keys", 10000, "`number` of different keys")
	line.Float64Var(&config.Reads, "reads", 0, "`part` of the requests that are reads, 0.0 to 1.0")
	line.StringVar(&config.Prefix, "prefix", "bench/", "`text` with which all keys begin")
	line.Float64Var(&config.Rate, "rate", 0, "`requests` a second that are due, whether or not clients are free (default: as fast as answers come)")
	line.BoolVar(&config.Verify, "verify", false, "read everything back at the end and check it")
	line.Uint64Var(&config.Seed, "seed", 1, "`number` from which the choice of keys is drawn")
	return line.String("consistency", "linearizable", "`level` of the reads: linearizable, lease or stale")
}

func runBench(ctx context.Context, kv *client.Client, config bench.Config, asJSON bool, stdout, stderr io.Writer) error {
	show := newProgress(stderr)
	report, err := bench.Run(ctx, kv, config, show.update)
	show.end()
	if report == nil {
		return usagef("bench: %v", err)
	}
	write := report.Text
	if asJSON {
		write = func(out io.Writer) error { return writeJSON(out, report) }
	}
	if failed := write(stdout); failed != nil {
		return failed
	}
	if err != nil {
		return err
	}
	return judge(report, config.Verify)
}

// judge tells why a run is no success, nil if it is one.
func judge(report *bench.Report, verify bool) error {
	switch {
	case !report.OK():
		return errUnkept
	case verify && report.Interrupted:
		return errUnverified
	case report.NothingSucceeded():
		return errNothing
	default:
		return nil
	}
}

// progress shows how far a load has got: a bar on a terminal, otherwise a line every few seconds.
type progress struct {
	out   io.Writer
	bar   *progressbar.ProgressBar
	phase string
	last  bench.Progress
	told  time.Time
}

// tellEvery is how often a line is written where there is no terminal.
const tellEvery = 2 * time.Second

func newProgress(out io.Writer) *progress {
	return &progress{out: out, told: time.Now()}
}

func (p *progress) update(now bench.Progress) {
	if isTerminal(p.out) {
		p.updateBar(now)
		return
	}
	if time.Since(p.told) < tellEvery {
		return
	}
	p.told = time.Now()
	fmt.Fprintf(p.out, "%s: %.0f s, %d done, %.0f/s, %d errors\n", now.Phase, now.Elapsed.Seconds(), now.Done, p.rate(now), now.Errors)
	p.last = now
}

func (p *progress) updateBar(now bench.Progress) {
	if p.phase != now.Phase {
		p.end()
		p.phase = now.Phase
		p.bar = progressbar.NewOptions64(100, progressbar.OptionSetWriter(p.out), progressbar.OptionSetWidth(30),
			progressbar.OptionSetPredictTime(false), progressbar.OptionClearOnFinish())
	}
	p.bar.Describe(fmt.Sprintf("%-6s %8d done %7.0f/s %d errors", now.Phase, now.Done, p.rate(now), now.Errors))
	_ = p.bar.Set64(percent(now)) // a terminal that is gone is no reason to end the load
	p.last = now
}

// percent is how much of the load is done, below 100, since the bar would be taken away then.
func percent(now bench.Progress) int64 {
	part := 0.0
	switch {
	case now.Total > 0:
		part = float64(now.Done) / float64(now.Total)
	case now.Until > 0:
		part = now.Elapsed.Seconds() / now.Until.Seconds()
	}
	return min(int64(100*part), 99)
}

// rate is the number of requests a second since the last time that something was shown.
func (p *progress) rate(now bench.Progress) float64 {
	since := p.last
	if since.Phase != now.Phase {
		since = bench.Progress{}
	}
	passed := (now.Elapsed - since.Elapsed).Seconds()
	if passed <= 0 {
		return 0
	}
	return float64(now.Done-since.Done) / passed
}

func (p *progress) end() {
	if p.bar != nil {
		_ = p.bar.Finish()
		p.bar = nil
	}
}
