package workload

import (
	"fmt"

	"github.com/seed695671cb/raft/bench/lib"
	"github.com/seed695671cb/raft/bench/measure"
)

// The part of W6 that has a leader: its ticks, its heartbeats, and whole groups while a second passes.

// startLeaderTicks counts the ticks of a leader on which no heartbeat is due, and then checks that the next one is.
func startLeaderTicks(n int) (measure.Job, int, error) {
	g, err := newGroup(3, 0, func(c *lib.Config) { c.HeartbeatTick, c.ElectionTick = n+1, 2*n+2 })
	if err != nil {
		return measure.Job{}, 0, err
	}
	node := g.leader().node
	run := func() error {
		for range n {
			node.Tick()
		}
		return nil
	}
	check := func() error {
		if node.HasReady() {
			return fmt.Errorf("the leader has something to do before a heartbeat is due")
		}
		node.Tick()
		if !node.HasReady() {
			return fmt.Errorf("the leader sends no heartbeat when one is due")
		}
		return nil
	}
	return measure.Job{Run: run, Check: check}, n, nil
}

// startBeats counts the ticks of a leader on which heartbeats are due, with the Ready that holds them.
func startBeats(n int) (measure.Job, int, error) {
	g, err := newGroup(3, 0, nil)
	if err != nil {
		return measure.Job{}, 0, err
	}
	node, beats := g.leader().node, 0
	run := func() error {
		for range n {
			node.Tick()
			rd := node.Ready()
			for i := range rd.Messages {
				if lib.IsHeartbeat(&rd.Messages[i]) {
					beats++
				}
			}
			node.Advance(rd)
		}
		return nil
	}
	return measure.Job{Run: run, Check: func() error { return checkBeats(beats, 2*n) }}, n, nil
}

func checkBeats(got, want int) error {
	if got != want {
		return fmt.Errorf("%d heartbeats were sent or answered, want %d", got, want)
	}
	return nil
}

// startHeartbeats counts a heartbeat from where the follower is given it to where the leader is given the answer.
func startHeartbeats(n int) (measure.Job, int, error) {
	g, err := newGroup(3, 0, nil)
	if err != nil {
		return measure.Job{}, 0, err
	}
	leader, follower := g.leader().node, g.members[1].node
	leader.Tick()
	rd := leader.Ready()
	var beat lib.Message
	for i := range rd.Messages {
		if lib.To(&rd.Messages[i]) == 2 {
			beat = rd.Messages[i]
		}
	}
	leader.Advance(rd)
	answers := 0
	run := func() error {
		for range n {
			if err := follower.Step(beat); err != nil {
				return err
			}
			rd := follower.Ready()
			for i := range rd.Messages {
				answers++
				if err := leader.Step(rd.Messages[i]); err != nil {
					return err
				}
			}
			follower.Advance(rd)
		}
		return nil
	}
	check := func() error {
		if leader.HasReady() {
			return fmt.Errorf("the leader has something to do after answers to heartbeats")
		}
		return checkBeats(answers, n)
	}
	return measure.Job{Run: run, Check: check}, n, nil
}

// startSecondsOfTen has seconds pass with a heartbeat on each tick.
func startSecondsOfTen(n int) (measure.Job, int, error) {
	job, err := groupSeconds(secondGroups, n, ticksASecond)
	return job, n, err
}

// startSecondsOfOne has seconds pass with one heartbeat each.
func startSecondsOfOne(n int) (measure.Job, int, error) {
	job, err := groupSeconds(secondGroups, n, 1)
	return job, n, err
}

// groupSeconds has seconds of ten ticks pass for so many groups of three, whose leaders send so many heartbeats in one.
// On each tick, one group after the other is ticked and settled.
func groupSeconds(count, seconds, beats int) (measure.Job, error) {
	groups, err := restartableGroups(count)
	if err != nil {
		return measure.Job{}, err
	}
	if err := restartGroups(groups, ticksASecond/beats); err != nil {
		return measure.Job{}, err
	}
	answers := 0
	deliver := func(m *lib.Message) bool {
		if !lib.IsHeartbeat(m) {
			answers++
		}
		return true
	}
	for _, g := range groups {
		g.deliver = deliver
	}
	run := func() error {
		for range seconds * ticksASecond {
			if err := tickGroups(groups); err != nil {
				return err
			}
		}
		return nil
	}
	check := func() error {
		if err := checkBeats(answers, 2*count*beats*seconds); err != nil {
			return err
		}
		return checkLead(groups)
	}
	return measure.Job{Run: run, Check: check}, nil
}

func tickGroups(groups []*group) error {
	for _, g := range groups {
		for _, m := range g.members {
			m.node.Tick()
		}
		if err := g.settle(); err != nil {
			return err
		}
	}
	return nil
}
