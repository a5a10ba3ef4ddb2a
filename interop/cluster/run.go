package cluster

import (
	"fmt"

	"github.com/seed695671cb/raft"
	"github.com/seed695671cb/raft/interop/wire"
	"github.com/seed695671cb/raft/rafttest"
)

// Run runs a group of a mix. All is decided by o.Seed; o.Nodes, o.NewDisk, o.NewReplica and o.Upgrades are the mix's. It
// also returns what crossed between implementations.
func Run(pool *Pool, mix Mix, o rafttest.Options) (rafttest.Result, Traffic) {
	g := &group{pool: pool, mix: mix, seed: o.Seed}
	defer g.close()
	return rafttest.Run(g.options(o)), g.traffic
}

// Minimise returns as short a run of the mix as it finds that violates what r does; see rafttest.Minimise.
func Minimise(pool *Pool, mix Mix, r rafttest.Result, trials int) rafttest.Result {
	g := &group{pool: pool, mix: mix, seed: r.Options.Seed}
	defer g.close()
	r.Options = g.options(r.Options)
	return rafttest.Minimise(r, trials)
}

// group is the processes and disks of a run. A run may be done several times, one after another.
type group struct {
	pool  *Pool
	mix   Mix
	seed  uint64
	disks map[uint64]*disk
	// processes are those of a member, by its ID and that of its implementation.
	processes map[string]*process
	// ran is what each member ran, one life after another.
	ran     map[uint64][]Implementation
	traffic Traffic
	// bytes are the messages that were sent, as their senders encoded them, by what this library's encoding sums up to.
	bytes map[uint64][]byte
}

// options completes those of a run.
func (g *group) options(o rafttest.Options) rafttest.Options {
	g.traffic, g.bytes = Traffic{}, map[uint64][]byte{}
	g.disks, g.processes, g.ran = map[uint64]*disk{}, map[string]*process{}, map[uint64][]Implementation{}
	o.Nodes, o.Upgrades, o.NewReplica = len(g.mix.First), g.mix.upgrades(g.seed), g.newReplica
	if !g.mix.onlyOurs() {
		o.Foreign = func(id uint64, upgrades int) bool { return g.mix.runs(g.seed, id, upgrades).ID != Ours.ID }
	}
	o.NewDisk = func(id uint64) rafttest.Disk {
		g.disks[id] = &disk{MemoryDisk: rafttest.NewMemoryDisk()}
		return g.disks[id]
	}
	return o
}

// newReplica begins a life of a member in the process that is its own.
func (g *group) newReplica(cfg *raft.Config, upgrades int) (rafttest.Replica, error) {
	im := g.mix.runs(g.seed, cfg.ID, upgrades)
	p, err := g.process(cfg.ID, im)
	if err != nil {
		return nil, err
	}
	g.ran[cfg.ID] = append(g.ran[cfg.ID], im)
	start, err := startOf(cfg, im)
	if err != nil {
		return nil, err
	}
	_, members, err := cfg.Storage.InitialState()
	if err != nil {
		return nil, err
	}
	r := &replica{process: p, disk: cfg.Storage, group: g, members: members}
	if err := r.tell(wire.OpStart, start.Encode); err != nil {
		return nil, err
	}
	g.disks[cfg.ID].replica = r
	return r, nil
}

// process returns the member's process of an implementation.
func (g *group) process(id uint64, im Implementation) (*process, error) {
	key := fmt.Sprintf("%d %s", id, im.ID)
	if p := g.processes[key]; p != nil {
		return p, nil
	}
	p, err := g.pool.get(im)
	if err == nil {
		g.processes[key] = p
	}
	return p, err
}

// close gives the processes back, but for those that do not answer any more.
func (g *group) close() {
	for _, p := range g.processes {
		if !p.gone {
			g.pool.put(p)
		}
	}
}
