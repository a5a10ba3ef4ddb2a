package demo

// What the controls do to a member.

import (
	"fmt"

	"github.com/seed695671cb/raft/examples/kvstore/proxy"
)

// act does what a control says to a member. It returns when it has happened.
func (c *cluster) act(id uint64, action string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	m, err := c.find(id)
	if err != nil {
		return err
	}
	state := m.child.state()
	switch action {
	case "kill":
		return expect(m, state != stateDead, "restart it", m.child.kill)
	case "restart":
		return expect(m, state == stateDead, "kill it first", func() error { return c.launch(m) })
	case "pause":
		return expect(m, state == stateRunning, "only a running member can be paused", func() error { return m.child.setPaused(true) })
	case "resume":
		return expect(m, state == statePaused, "only a paused member can be resumed", func() error { return m.child.setPaused(false) })
	case "partition":
		return expect(m, !m.partitioned, "it is partitioned already", func() error { return c.partition(m, true) })
	case "heal":
		return expect(m, m.partitioned, "it is not partitioned", func() error { return c.partition(m, false) })
	default:
		return fmt.Errorf("there is no control %q: %w", action, errUnknownMember)
	}
}

// expect runs the action if the member's state allows it.
func expect(m *member, allowed bool, instead string, action func() error) error {
	if !allowed {
		return fmt.Errorf("member %d is %s, %s: %w", m.id, m.child.state(), instead, errWrongState)
	}
	return action()
}

func (c *cluster) partition(m *member, partitioned bool) error {
	m.partitioned = partitioned
	c.applyPartitions()
	return nil
}

// applyPartitions takes the network away between each partitioned member and all others, and gives it back elsewhere. What
// is under way is held, not ended, as if packets were lost. It must be called with mu held.
func (c *cluster) applyPartitions() {
	for _, from := range c.members {
		for _, to := range c.members {
			if from == to {
				continue
			}
			rule := proxy.Rule{}
			if from.partitioned || to.partitioned {
				rule.Mode = proxy.Hold
			}
			c.network.Set(from.id, to.id, rule)
		}
	}
}

// A memberStatus is a member as the controls show it.
type memberStatus struct {
	ID          uint64 `json:"id"`
	URL         string `json:"url"`
	State       string `json:"state"`
	Partitioned bool   `json:"partitioned"`
	PID         int    `json:"pid"`
}

func (c *cluster) statuses() []memberStatus {
	c.mu.Lock()
	defer c.mu.Unlock()
	statuses := make([]memberStatus, 0, len(c.members))
	for _, m := range c.members {
		status := memberStatus{ID: m.id, URL: m.url(), State: m.child.state(), Partitioned: m.partitioned}
		if status.State != stateDead {
			status.PID = m.child.pid()
		}
		statuses = append(statuses, status)
	}
	return statuses
}
