package replica

import (
	"cmp"
	"errors"
	"fmt"
	"math"
)

// The defaults of Config, and what is wrong with one.

const (
	defaultElectionTicks   = 10
	defaultHeartbeatTicks  = 1
	defaultProposals       = 4096
	defaultProposalBytes   = 64 << 20
	defaultCommandBytes    = 8 << 20
	defaultReads           = 65536
	defaultMessages        = 4096
	defaultMessageBytes    = 64 << 20
	defaultSessions        = 4096
	defaultSnapshotEntries = 100_000
	defaultSnapshotBytes   = 64 << 20
	defaultTrailingEntries = 10_000
	defaultTrailingBytes   = 64 << 20
)

// complete returns the configuration with its defaults filled in.
func (c Config) complete(host uint64) (Config, error) {
	if err := c.validate(host); err != nil {
		return c, err
	}
	c.ElectionTicks = cmp.Or(c.ElectionTicks, defaultElectionTicks)
	c.HeartbeatTicks = cmp.Or(c.HeartbeatTicks, defaultHeartbeatTicks)
	c.MaxProposals = cmp.Or(c.MaxProposals, defaultProposals)
	c.MaxProposalBytes = cmp.Or(c.MaxProposalBytes, defaultProposalBytes)
	c.MaxCommandBytes = cmp.Or(c.MaxCommandBytes, defaultCommandBytes)
	c.MaxReads = cmp.Or(c.MaxReads, defaultReads)
	c.MaxMessages = cmp.Or(c.MaxMessages, defaultMessages)
	c.MaxMessageBytes = cmp.Or(c.MaxMessageBytes, defaultMessageBytes)
	c.MaxSessions = cmp.Or(c.MaxSessions, defaultSessions)
	c.SnapshotEntries = cmp.Or(c.SnapshotEntries, defaultSnapshotEntries)
	c.SnapshotBytes = cmp.Or(c.SnapshotBytes, defaultSnapshotBytes)
	c.TrailingEntries = cmp.Or(c.TrailingEntries, defaultTrailingEntries)
	c.TrailingBytes = cmp.Or(c.TrailingBytes, defaultTrailingBytes)
	if c.HeartbeatTicks >= c.ElectionTicks {
		return c, fmt.Errorf("Config.HeartbeatTicks is %d and ElectionTicks %d: followers have to hear of their leader several "+
			"times before they campaign", c.HeartbeatTicks, c.ElectionTicks)
	}
	return c, nil
}

func (c *Config) validate(host uint64) error {
	if c.StateMachine == nil {
		return errors.New("Config.StateMachine is nil: a replica needs one to apply commands to")
	}
	bounds := []struct {
		name  string
		value int
	}{
		{"ElectionTicks", c.ElectionTicks}, {"HeartbeatTicks", c.HeartbeatTicks},
		{"MaxProposals", c.MaxProposals}, {"MaxProposalBytes", c.MaxProposalBytes}, {"MaxCommandBytes", c.MaxCommandBytes},
		{"MaxReads", c.MaxReads}, {"MaxMessages", c.MaxMessages}, {"MaxMessageBytes", c.MaxMessageBytes},
		{"MaxSessions", c.MaxSessions},
	}
	for _, b := range bounds {
		if b.value < 0 || b.value > math.MaxInt32 {
			return fmt.Errorf("field %s of Config is %d: it must be in 0..%d, 0 for the default", b.name, b.value, math.MaxInt32)
		}
	}
	return c.validatePeers(host)
}

func (c *Config) validatePeers(host uint64) error {
	seen := map[uint64]bool{}
	for _, p := range c.Peers {
		switch {
		case p.ID == 0:
			return errors.New("Config.Peers holds a member with ID 0: IDs are not 0")
		case seen[p.ID]:
			return fmt.Errorf("Config.Peers holds member %d twice", p.ID)
		case p.Learner && !c.Join:
			return fmt.Errorf("Config.Peers holds member %d as a learner: begin the group with voters, and add it then", p.ID)
		}
		seen[p.ID] = true
	}
	if len(c.Peers) > 0 && !c.Join && !seen[host] {
		return fmt.Errorf("Config.Peers does not hold member %d, this host: set Join if it is to be added to a group", host)
	}
	return nil
}
