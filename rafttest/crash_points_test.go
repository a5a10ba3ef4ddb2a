package rafttest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft/internal/choose"
	"github.com/seed695671cb/raft/rafttest/trace"
)

// TestEveryCrashPoint runs a small scenario once for every step at which a member may crash, and for every part of what
// it was writing that its disk may keep: all paths of the choice, one after the other. Then the member starts again and
// the group has to recover.
func TestEveryCrashPoint(t *testing.T) {
	for _, async := range []bool{false, true} {
		e := &choose.Enumerator{}
		crashes := 0
		for e.Next() {
			g := newCrashGroup(async)
			c := &crashRun{group: g, src: e}
			found := guard(c.run)
			require.Nil(t, found, "async %t, path %v", async, e.Path())
			crashes += g.stats.Crashes
		}
		require.Greater(t, crashes, 100)
		require.Equal(t, uint64(crashes+1), e.Paths(), "one crash on each path but that without")
	}
}

func newCrashGroup(async bool) *group {
	g := &group{opt: Options{}.withDefaults(), hash: trace.NewHash()}
	s := memberSettings{
		Async: async, ElectionTick: 10, HeartbeatTick: 1, MaxSizePerMsg: 1 << 20, MaxInflightMsgs: 16, Pace: 1000,
	}
	g.begin(3, 0, []memberSettings{s, s, s})
	return g
}

type crashRun struct {
	*group
	src     choose.Source
	crashed *member
}

// run elects 1, writes twice with a snapshot in between, and lets everything happen in a fixed order.
func (c *crashRun) run() {
	c.do(action{kind: actCampaign, member: 1})
	c.settle(true)
	for i := uint64(0); i < 2; i++ {
		c.do(action{kind: actPropose, member: 1, a: i, b: i})
		c.settle(true)
		c.do(action{kind: actCompact, member: 1, a: 0})
	}
	if c.crashed != nil {
		c.do(action{kind: actStart, member: uint8(c.crashed.id)})
	}
	c.recover()
}

// settle lets everything happen, except for time, in rounds; with faults a member may crash at any step.
func (c *crashRun) settle(faults bool) {
	for busy := true; busy; {
		busy = false
		for _, m := range c.members {
			for s := range stepCount {
				for m.up() && c.do(action{kind: actWork, member: uint8(m.id), a: uint64(s)}) {
					busy = true
					c.mayCrash(m, faults)
				}
			}
		}
		for slot := range c.network.slots {
			if p := &c.network.slots[slot]; p.id != 0 {
				to := c.byID[p.msg.To]
				c.do(action{kind: actDeliver, member: uint8(to.id), packet: slot})
				busy = true
				c.mayCrash(to, faults && to.up())
			}
		}
	}
}

// mayCrash asks whether the member crashes here; once in a run at most.
func (c *crashRun) mayCrash(m *member, may bool) {
	if !may || c.crashed != nil {
		return
	}
	if keep := c.src.Choose(m.unsyncedSteps() + 2); keep > 0 {
		c.do(action{kind: actCrash, member: uint8(m.id), a: uint64(keep - 1)})
		c.crashed = m
	}
}

// recover lets time pass until a command is applied everywhere.
func (c *crashRun) recover() {
	client := uint64(2)
	for range 100 {
		for _, m := range c.members {
			c.do(action{kind: actTick, member: uint8(m.id), a: 1})
			c.settle(false)
		}
		lead := c.leader()
		if lead == nil || c.known.last.term != lead.seen.status.Term {
			continue
		}
		c.do(action{kind: actPropose, member: uint8(lead.id), a: client, b: 0})
		c.settle(false)
		for range 4 {
			c.do(action{kind: actTick, member: uint8(lead.id), a: 1})
			c.settle(false)
		}
		for _, m := range c.members {
			if m.app.applied != c.known.last.index {
				c.fail("liveness", []uint64{m.id}, "member %d has applied %d of %d", m.id, m.app.applied, c.known.last.index)
			}
		}
		return
	}
	c.fail("liveness", nil, "no leader")
}
