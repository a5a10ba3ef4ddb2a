package rafttest

import (
	"fmt"
	"math"

	"github.com/seed695671cb/raft"
	"github.com/seed695671cb/raft/internal/choose"
	"github.com/seed695671cb/raft/rafttest/trace"
)

// Source is where a run's choices come from: Choose returns a number from 0 to below n, which is at least 1.
type Source = choose.Source

// Options say what is run. The zero value is a run of a group of some size, with faults of some kinds.
type Options struct {
	// Seed decides all that is left to chance.
	Seed uint64
	// Events is how many events happen before the last recovery. Zero: 20,000.
	Events int
	// Nodes is how many members the group begins with, 1 to 7. Zero: as the seed has it. Membership changes may add
	// others, up to an ID of 9.
	Nodes int
	// Clients is how many clients there are, 1 to 8. Zero: 5.
	Clients int
	// Faults changes how much goes wrong: it is given what the seed has drawn. Nil: it stays as it is.
	Faults func(Faults) Faults
	// StormEvents is after how many events faults pause, and the group has to recover. Zero: 10,000.
	StormEvents int
	// Record has the run recorded: Result.Trace is set. It costs time and memory. A violation is recorded in any case,
	// by a second run.
	Record bool

	// NewDisk returns an empty disk for a member. Nil: NewMemoryDisk.
	NewDisk func(id uint64) Disk
	// NewStateMachine returns a state machine without state, for a life of a member. Nil: there is none but the
	// simulator's own.
	NewStateMachine func(id uint64) StateMachine
	// Command returns a command for the state machine, all chance in it drawn from the source. Nil: zeros of some length.
	Command func(Source) []byte

	// NewReplica returns what member cfg.ID runs in a life that begins; cfg.Storage is its disk. upgrades is how often the
	// member has been upgraded. Nil: raft.NewRawNode.
	NewReplica func(cfg *raft.Config, upgrades int) (Replica, error)
	// Foreign reports whether what a member runs after so many upgrades is another implementation of the etcd raft
	// lineage. If it is set, nothing is asked of the group that only this library promises; docs/CHECKING.md lists what
	// that is. Nil: none is.
	Foreign func(id uint64, upgrades int) bool
	// Upgrades are IDs of members that are stopped and started again, one after another, spread evenly over the events,
	// whatever else happens. One that is down at its turn is upgraded when it starts, one that is added later has been.
	Upgrades []uint64
}

// mixed reports whether other implementations may take part.
func (o *Options) mixed() bool { return o.Foreign != nil }

// check reports what is wrong with the options.
func (o *Options) check() {
	refuse := func(format string, args ...any) {
		panic(violation{trace.Violation{Property: "options", Detail: fmt.Sprintf(format, args...)}})
	}
	wrong := func(field string, value, low, high int) {
		if value < low || value > high {
			refuse("Options.%s is %d: want %d to %d, or 0", field, value, low, high)
		}
	}
	wrong("Events", o.Events, 1, math.MaxInt32)
	wrong("StormEvents", o.StormEvents, 1, math.MaxInt32)
	wrong("Clients", o.Clients, 1, maxClients)
	wrong("Nodes", o.Nodes, 0, maxFirstMembers)
	for _, id := range o.Upgrades {
		if id < 1 || id > maxMembers {
			refuse("Options.Upgrades names member %d: want 1 to %d", id, maxMembers)
		}
	}
}

// withDefaults fills in what is zero.
func (o Options) withDefaults() Options {
	if o.Events == 0 {
		o.Events = 20000
	}
	if o.Clients == 0 {
		o.Clients = 5
	}
	if o.StormEvents == 0 {
		o.StormEvents = 10000
	}
	return o
}

// Stats count what happened in a run.
type Stats struct {
	Messages, Elections, Crashes, Snapshots, Changes, Proposals, Writes, Reads, LostReads, Recoveries int
	// CrashesAtWork are the crashes of members that had begun with a Ready, TornWrites those that left a part of a write.
	CrashesAtWork, TornWrites int
	// Partitions are links cut, Wipes the disks lost by members that were removed, Transfers those asked for.
	Partitions, Wipes, Transfers int
}

// Result is what became of a run.
type Result struct {
	Options Options
	// Events is how many events happened.
	Events uint64
	// Hash sums up all of them: it is the same for every run of the same Options.
	Hash  uint64
	Stats Stats
	// Violation is the property that did not hold; nil if all did.
	Violation *trace.Violation
	// Trace is the record of the run, if there was a violation or Options.Record is set.
	Trace *trace.Trace

	// What a replay needs.
	actions []action
	setup   setup
}

// setup is what a run begins with.
type setup struct {
	common   groupSettings
	nodes    int
	learners int
	settings []memberSettings
	runSeed  uint64
}

// Run runs a group, decided by o.Seed, until so many events have happened and the group has recovered, or a property
// does not hold. It never panics: what panics is a violation, and so are options that are out of bounds. Several runs may
// go on at the same time if the functions in o allow it.
func Run(o Options) Result { return RunWith(o, choose.NewSeeded(o.Seed)) }

// RunWith is Run with all that is left to chance drawn from src instead of from the seed.
func RunWith(o Options, src Source) Result {
	if o.Record {
		return run(o, src, newRecorder())
	}
	if s, seeded := src.(*choose.Seeded); !seeded || *s != *choose.NewSeeded(o.Seed) {
		recorded := choose.NewRecorder(src)
		result := run(o, recorded, nil)
		if result.Violation == nil {
			return result
		}
		return result.sameAs(run(o, choose.NewReplay(recorded.Choices()), newRecorder()))
	}
	result := run(o, src, nil)
	if result.Violation == nil {
		return result
	}
	return result.sameAs(run(o, choose.NewSeeded(o.Seed), newRecorder()))
}

// sameAs returns the record of a run that was done again, if it went as the first time. If not, the first is what counts:
// something is not decided by the source of choices.
func (r *Result) sameAs(again Result) Result {
	if again.Violation != nil && again.Hash == r.Hash {
		return again
	}
	r.Violation.Evidence = append([]string{
		"done again, the run went otherwise: something in the disk, the state machine or Options is not decided by the seed",
	}, r.Violation.Evidence...)
	r.Trace = &trace.Trace{Title: title(&r.Options), Violation: r.Violation}
	return *r
}

func run(o Options, src choose.Source, rec *recorder) Result {
	o = o.withDefaults()
	if found := guard(o.check); found != nil {
		return Result{Options: o, Violation: found, Trace: &trace.Trace{Title: title(&o), Violation: found}}
	}
	d := &driver{src: src}
	s := chooseSetup(&o, src)
	d.faults = chooseFaults(src)
	if o.mixed() {
		d.faults.Wipe = 0
	}
	if o.Faults != nil {
		d.faults = o.Faults(d.faults)
	}
	g := &group{opt: o, runSeed: s.runSeed, common: s.common, hash: trace.NewHash(), recorder: rec, driver: d}
	d.g = g
	found := guard(func() {
		g.begin(s.nodes, s.learners, s.settings)
		if rec != nil {
			rec.time = func() uint64 { return d.now }
			rec.start(g)
		}
		d.begin()
		d.run(uint64(o.Events), uint64(o.StormEvents))
		g.checkHistory()
	})
	found = g.explain(found)
	result := Result{Options: o, Events: g.event, Hash: uint64(g.hash), Stats: g.stats, Violation: found, setup: s}
	if rec != nil {
		result.Trace, result.actions = rec.trace, rec.actions
		rec.finish(g, title(&o), found)
	}
	return result
}

// title says how to run it again.
func title(o *Options) string {
	return fmt.Sprintf("go run ./rafttest/cmd/raftsim -first %d -seeds 1 -events %d -nodes %d", o.Seed, o.Events, o.Nodes)
}

func chooseSetup(o *Options, src choose.Source) setup {
	s := setup{common: chooseGroupSettings(src), nodes: o.Nodes, runSeed: uint64(src.Choose(1 << 30))}
	drawn := choose.Between(src, 1, maxFirstMembers)
	if s.nodes == 0 {
		s.nodes = drawn
	}
	if o.mixed() {
		s.common.ofLineage()
	}
	if s.nodes > 2 && choose.Chance(src, 200) {
		s.learners = 1
	}
	for range s.nodes {
		s.settings = append(s.settings, s.common.choose(src))
	}
	return s
}

// run lets events happen, with a recovery after each storm.
func (d *driver) run(events, storm uint64) {
	for d.g.event < events {
		until := min(d.g.event+storm, events)
		for d.g.event < until {
			d.upgrade(events)
			t := d.next()
			d.happen(&t)
		}
		d.calmDown()
	}
}

// highestID is the highest ID that a membership change may name: two beyond the members that there ever were.
func (g *group) highestID() int { return min(len(g.members)+2, maxMembers) }

// Add adds up the counts of several runs.
func (s *Stats) Add(o *Stats) {
	s.Messages += o.Messages
	s.Elections += o.Elections
	s.Crashes += o.Crashes
	s.Snapshots += o.Snapshots
	s.Changes += o.Changes
	s.Proposals += o.Proposals
	s.Writes += o.Writes
	s.Reads += o.Reads
	s.LostReads += o.LostReads
	s.Recoveries += o.Recoveries
	s.CrashesAtWork += o.CrashesAtWork
	s.TornWrites += o.TornWrites
	s.Partitions += o.Partitions
	s.Wipes += o.Wipes
	s.Transfers += o.Transfers
}
