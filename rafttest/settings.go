package rafttest

import (
	"fmt"
	"math"
	"strings"

	"github.com/seed695671cb/raft"
	"github.com/seed695671cb/raft/internal/choose"
)

// memberSettings are what may differ between the members of a group: fields of raft.Config, by their names, and what kind of
// application and clock the member has.
type memberSettings struct {
	Async             bool
	PreVote           bool
	CheckQuorum       bool
	LeaseReads        bool
	NoForwarding      bool
	StepDownOnRemoval bool

	ElectionTick     int
	HeartbeatTick    int
	MaxSizePerMsg    uint64
	MaxCommittedSize uint64
	MaxUncommitted   uint64
	MaxInflightMsgs  int
	MaxInflightBytes uint64
	MaxPendingReads  int

	// DurableApplication has the application keep what it has applied through a crash; otherwise it starts from the
	// last snapshot.
	DurableApplication bool
	// Pace is how long a tick of the member's clock takes, in thousandths of that of a true clock.
	Pace int
}

// config returns the settings as a Config without ID, Storage, Applied, Rand and Logger.
func (s *memberSettings) config() raft.Config {
	c := raft.Config{
		AsyncStorageWrites: s.Async, PreVote: s.PreVote, CheckQuorum: s.CheckQuorum,
		DisableProposalForwarding: s.NoForwarding, StepDownOnRemoval: s.StepDownOnRemoval,
		ElectionTick: s.ElectionTick, HeartbeatTick: s.HeartbeatTick,
		MaxSizePerMsg: s.MaxSizePerMsg, MaxCommittedSizePerReady: s.MaxCommittedSize,
		MaxUncommittedEntriesSize: s.MaxUncommitted, MaxInflightMsgs: s.MaxInflightMsgs,
		MaxInflightBytes: s.MaxInflightBytes, MaxPendingReads: s.MaxPendingReads,
	}
	if s.LeaseReads {
		c.ReadOnlyOption = raft.ReadOnlyLeaseBased
	}
	return c
}

// String lists what is set, in the words that scripts use for their options where there are such.
func (s memberSettings) String() string {
	var b strings.Builder
	flag := func(set bool, name string) {
		if set {
			fmt.Fprintf(&b, " %s", name)
		}
	}
	number := func(v, usual uint64, name string) {
		if v != usual {
			fmt.Fprintf(&b, " %s=%d", name, v)
		}
	}
	flag(s.Async, "async")
	flag(s.PreVote, "prevote")
	flag(s.CheckQuorum, "checkquorum")
	flag(s.LeaseReads, "lease")
	flag(s.NoForwarding, "no-forwarding")
	flag(s.StepDownOnRemoval, "step-down")
	number(uint64(s.ElectionTick), 10, "election")
	number(uint64(s.HeartbeatTick), 1, "heartbeat")
	number(s.MaxSizePerMsg, math.MaxUint64, "max-size")
	number(s.MaxCommittedSize, 0, "max-committed")
	number(s.MaxUncommitted, 0, "max-uncommitted")
	number(uint64(s.MaxInflightMsgs), 256, "max-inflight")
	number(s.MaxInflightBytes, 0, "max-inflight-bytes")
	number(uint64(s.MaxPendingReads), 0, "max-reads")
	return strings.TrimPrefix(b.String(), " ")
}

// groupSettings are what the members of a group have in common.
type groupSettings struct {
	// lease says that every member reads by lease, and that clocks run apart no more than that allows.
	lease        bool
	electionTick int
	// uniform has all members set alike.
	uniform  bool
	template memberSettings
	// lineage says that members may run other implementations.
	lineage bool
}

func chooseGroupSettings(src choose.Source) groupSettings {
	gs := groupSettings{
		lease:        choose.Chance(src, 300),
		electionTick: choose.Between(src, 5, 12),
		uniform:      choose.Chance(src, 400),
	}
	gs.template = gs.fresh(src)
	return gs
}

// ofLineage leaves out what only this library promises: leases that hold while clocks run apart.
func (gs *groupSettings) ofLineage() {
	gs.lineage, gs.lease = true, false
	gs.template = gs.keepToLineage(gs.template)
}

func (gs *groupSettings) keepToLineage(s memberSettings) memberSettings {
	if gs.lineage {
		s.LeaseReads = false
		if s.MaxSizePerMsg == 0 && s.MaxCommittedSize == 0 {
			s.MaxCommittedSize = 1 // elsewhere nothing would ever be applied
		}
	}
	return s
}

// choose returns the settings of a member.
func (gs *groupSettings) choose(src choose.Source) memberSettings {
	if gs.uniform {
		s := gs.template
		s.Pace = gs.choosePace(src)
		return s
	}
	return gs.keepToLineage(gs.fresh(src))
}

func (gs *groupSettings) fresh(src choose.Source) memberSettings {
	s := memberSettings{
		Async:              choose.Chance(src, 500),
		PreVote:            choose.Chance(src, 500),
		CheckQuorum:        gs.lease || choose.Chance(src, 500),
		LeaseReads:         gs.lease,
		NoForwarding:       choose.Chance(src, 100),
		StepDownOnRemoval:  choose.Chance(src, 500),
		ElectionTick:       gs.electionTick,
		HeartbeatTick:      choose.Between(src, 1, 2),
		MaxSizePerMsg:      choose.Pick(src, []uint64{0, 64, 300, 2000, math.MaxUint64, math.MaxUint64}),
		MaxCommittedSize:   choose.Pick(src, []uint64{0, 0, 100, 1000}),
		MaxUncommitted:     choose.Pick(src, []uint64{0, 0, 500, 5000}),
		MaxInflightMsgs:    choose.Pick(src, []int{1, 2, 4, 16, 256}),
		MaxPendingReads:    choose.Pick(src, []int{0, 0, 1, 4}),
		DurableApplication: choose.Chance(src, 500),
		Pace:               gs.choosePace(src),
	}
	if s.MaxSizePerMsg < 1000 && choose.Chance(src, 300) {
		s.MaxInflightBytes = s.MaxSizePerMsg + uint64(choose.Between(src, 1, 1000))
	}
	return s
}

// choosePace lets clocks run apart: by little where leases rest on them, by a factor of up to five elsewhere.
func (gs *groupSettings) choosePace(src choose.Source) int {
	switch {
	case gs.lease:
		return choose.Between(src, 955, 1045)
	case choose.Chance(src, 100):
		return choose.Between(src, 400, 2000)
	default:
		return choose.Between(src, 900, 1100)
	}
}
