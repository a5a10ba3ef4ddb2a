package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seed695671cb/raft/examples/kvstore/chaos/check"
	"github.com/seed695671cb/raft/examples/kvstore/chaos/history"
)

// Config says how to run. Zero values stand for the defaults that are given.
type Config struct {
	Program         string        // the kvstore executable
	Dir             string        // where everything goes: data, logs, and what is written about the run
	Seed            uint64        // of the plan, and of what clients do
	Members         int           // 5
	Clients         int           // that write; 10
	Groups          int           // of keys, in use at the same time; 4
	GroupOps        int           // operations after which a group is replaced by a fresh one; 300
	Think           time.Duration // average pause of a client between operations; 10 ms
	Duration        time.Duration // of the faults; the last step is finished. 1 minute
	Faults          []string      // kinds; all
	SnapshotEntries int           // after how many entries members compact their logs; 500
	Args            []string      // further arguments of each member
	Out             io.Writer     // where progress is told; nowhere
	Check           check.Config
}

func (c *Config) setDefaults() {
	setDefault(&c.Members, 5)
	setDefault(&c.Clients, 10)
	setDefault(&c.Groups, 4)
	setDefault(&c.GroupOps, 300)
	setDefault(&c.Think, 10*time.Millisecond)
	setDefault(&c.Duration, time.Minute)
	setDefault(&c.SnapshotEntries, 500)
	if c.Faults == nil {
		c.Faults = AllFaults()
	}
	if c.Out == nil {
		c.Out = io.Discard
	}
	c.Check.Dir = c.Dir
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// groupUnknown is after how many writes without an answer a group of keys is replaced.
const groupUnknown = 5

// A run is one run under way.
type run struct {
	config  Config
	steps   []Step
	log     *history.Log
	scene   *scene
	cluster *cluster
	view    *view
	nemesis *nemesis
	work    *workload
	avail   *availability
	stalls  stallMeter

	mu         sync.Mutex
	failures   []string
	unexpected map[string]int
}

// Run starts a cluster, lets clients use it while it breaks and heals it, checks what they saw, and returns the figures.
// The error is for what kept the run from taking place; violations are in the figures. No process is left. Everything
// about the run is in config.Dir then, the members' data included.
func Run(ctx context.Context, config Config) (*Figures, *history.Log, error) {
	config.setDefaults()
	r := &run{config: config, log: &history.Log{}, avail: &availability{}, unexpected: map[string]int{}}
	var err error
	if r.steps, err = NewPlan(config.Seed, config.Members, config.Faults, config.Duration); err != nil {
		return nil, nil, err
	}
	if err := writeJSON(filepath.Join(config.Dir, "plan.json"), r.steps); err != nil {
		return nil, nil, err
	}
	if r.cluster, err = newCluster(config.Program, config.Dir, config.Members, config.SnapshotEntries, config.Args); err != nil {
		return nil, nil, err
	}
	defer r.cluster.close()
	r.prepare()
	figures, err := r.carryOut(ctx)
	if err != nil {
		return nil, nil, err
	}
	r.say("checking %d operations and %d watched changes", len(r.log.Ops), len(r.log.Events))
	r.check(figures)
	return figures, r.log, writeJSON(filepath.Join(config.Dir, "figures.json"), figures)
}

// prepare makes what takes part.
func (r *run) prepare() {
	r.scene = &scene{
		members:    r.cluster,
		log:        r.log,
		board:      newBoard(r.config.Groups, r.config.GroupOps, groupUnknown),
		start:      time.Now(),
		acked:      r.avail.ack,
		unexpected: r.noteUnexpected,
	}
	r.view = newView(r.scene)
	r.nemesis = &nemesis{cluster: r.cluster, view: r.view, avail: r.avail, say: r.say, http: newHTTPClient(), done: map[Act]int{}}
	r.work = newWorkload(r.scene, r.config.Seed, r.config.Clients, r.config.Think)
}

// carryOut brings the cluster up, performs the plan, heals, and reads everything.
func (r *run) carryOut(ctx context.Context) (*Figures, error) {
	var background sync.WaitGroup
	defer background.Wait()
	watching, stop := context.WithCancel(context.Background())
	defer stop()
	if err := r.bringUp(watching, &background); err != nil {
		return nil, err
	}
	from := r.nemesis.now()
	r.work.start(context.Background())
	faults, cancel := context.WithTimeout(ctx, r.config.Duration)
	defer cancel()
	err := r.nemesis.carryOut(faults, r.steps)
	r.fail(err)
	sleep(faults, r.config.Duration) // without faults there is work alone
	to := r.nemesis.now()
	r.work.quiet()
	if err == nil {
		r.say("reading everything")
		r.fail(r.work.finish())
		r.fail(r.agree())
	}
	r.work.stop()
	return r.figures(from, to), nil
}

// bringUp starts all processes and waits until they serve.
func (r *run) bringUp(ctx context.Context, background *sync.WaitGroup) error {
	for slot := range r.cluster.slots() {
		if err := r.cluster.start(slot); err != nil {
			return err
		}
		background.Go(func() { r.view.follow(ctx, slot) })
	}
	background.Go(func() { r.stalls.run(ctx) })
	background.Go(func() { r.cluster.supervise(ctx.Done(), r.fail) })
	if err := r.nemesis.recover(); err != nil {
		return fmt.Errorf("bring up the cluster, see %s: %w\n%s", r.config.Dir, err, tail(r.cluster.members[0].logFile()))
	}
	r.nemesis.recovery = nil
	r.say("%d members serve", r.cluster.slots())
	return nil
}

// agree compares what the members say of themselves at the end.
func (r *run) agree() error {
	var last error
	for start := time.Now(); time.Since(start) < finalPatience/2; time.Sleep(100 * time.Millisecond) {
		if last = r.agreeOnce(); last == nil {
			return nil
		}
	}
	return fmt.Errorf("the members do not agree at the end: %w", last)
}

func (r *run) agreeOnce() error {
	var first status
	for slot := range r.cluster.slots() {
		st, err := r.view.ask(context.Background(), r.cluster.at(slot))
		if err != nil {
			return err
		}
		if slot == 0 {
			first = st
		}
		same := st.Term == first.Term && st.Leader == first.Leader && st.Rev == first.Rev && st.Keys == first.Keys && sameMembers(st, first)
		if !same || len(st.Members) != r.cluster.slots() {
			return fmt.Errorf("member %d says term %d, leader %d, rev %d, keys %d, members %v; member %d says %d, %d, %d, %d, %v",
				first.ID, first.Term, first.Leader, first.Rev, first.Keys, first.Members, st.ID, st.Term, st.Leader, st.Rev, st.Keys, st.Members)
		}
	}
	return nil
}

func sameMembers(a, b status) bool {
	return slices.Equal(a.Members, b.Members)
}

func (r *run) figures(from, to time.Duration) *Figures {
	n := r.nemesis
	f := &Figures{
		Seed: r.config.Seed, Members: r.config.Members, Duration: to - from,
		Replays: int(r.scene.replays.Load()), Faults: map[string]int{},
		LeaderChanges: r.view.leaderChanges(), Transfers: n.transfers, Elections: n.elections, Recoveries: n.recovery,
		MembersReplaced: n.replaced, Restarts: r.cluster.restarts, SnapshotRestores: r.cluster.restores(),
		DisksFailed: n.diskHit, DisksNoticed: n.diskSeen, Stalls: int(r.stalls.stalls.Load()), LongestStall: time.Duration(r.stalls.longest.Load()),
		Outages: r.avail.outages(from, to),
	}
	for act, count := range n.done {
		f.Faults[string(act)] = count
	}
	for _, o := range f.Outages {
		f.Unavailable += o.length()
	}
	for _, w := range r.work.watchers {
		f.WatchResumes += int(w.hops.Load())
	}
	for _, death := range r.cluster.unexcused() {
		r.fail(errors.New(death))
	}
	f.Failures = r.failures
	for _, text := range slices.Sorted(maps.Keys(r.unexpected)) {
		f.Unexpected = append(f.Unexpected, fmt.Sprintf("%d times: %s", r.unexpected[text], text))
	}
	f.countOps(r.log.Ops)
	return f
}

func (r *run) check(f *Figures) {
	f.Check = check.Run(r.log, r.config.Check)
	f.WatchEvents = f.Check.Events
	f.conclude()
}

// fail notes that something went wrong; nil is nothing.
func (r *run) fail(err error) {
	if err == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, err.Error())
}

// maxUnexpected bounds how many different unexpected answers are kept.
const maxUnexpected = 20

func (r *run) noteUnexpected(member uint64, text string) {
	text = fmt.Sprintf("member %d: %s", member, text)
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.unexpected[text]; known || len(r.unexpected) < maxUnexpected {
		r.unexpected[text]++
	}
}

// say tells about progress.
func (r *run) say(format string, args ...any) {
	at := time.Since(r.scene.start)
	fmt.Fprintf(r.config.Out, "%7.1fs %s\n", at.Seconds(), strings.TrimSpace(fmt.Sprintf(format, args...)))
}

func writeJSON(path string, x any) error {
	data, err := json.MarshalIndent(x, "", " ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", filepath.Base(path), err)
	}
	if err := os.WriteFile(path, append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("keep what is known of the run: %w", err)
	}
	return nil
}
