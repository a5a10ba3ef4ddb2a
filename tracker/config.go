package tracker

// This file holds the form of a configuration that programs see in Status: maps from which one can ask and pick.

import (
	"maps"
	"strings"

	"github.com/seed695671cb/raft/quorum"
)

// Config is a configuration of the group (Raft §6), as Status shows it. It belongs to whoever holds it; changing it
// changes nothing in the replica it came from.
type Config struct {
	// Voters holds the incoming majority, and the outgoing one while the configuration is joint.
	Voters quorum.JointConfig
	// AutoLeave says that the leader ends the joint configuration by itself once it is applied.
	AutoLeave bool
	// Learners receive the log and do not vote. None of them is in Voters. Nil if there are none.
	Learners map[uint64]struct{}
	// LearnersNext are outgoing voters that become learners when the joint configuration is left; until then they are
	// not in Learners. Nil if there are none.
	LearnersNext map[uint64]struct{}
}

// Clone returns a copy that shares nothing with c. Maps that are nil stay nil.
func (c *Config) Clone() Config {
	return Config{
		Voters:       quorum.JointConfig{maps.Clone(c.Voters[0]), maps.Clone(c.Voters[1])},
		AutoLeave:    c.AutoLeave,
		Learners:     maps.Clone(c.Learners),
		LearnersNext: maps.Clone(c.LearnersNext),
	}
}

// String returns the configuration on one line, IDs ascending and empty parts left out, as in
// "voters=(1 2 3)&&(1 2 5) learners=(4) learners_next=(5) autoleave".
func (c Config) String() string {
	var b strings.Builder
	b.WriteString("voters=" + c.Voters.String())
	if len(c.Learners) > 0 {
		b.WriteString(" learners=" + quorum.MajorityConfig(c.Learners).String())
	}
	if len(c.LearnersNext) > 0 {
		b.WriteString(" learners_next=" + quorum.MajorityConfig(c.LearnersNext).String())
	}
	if c.AutoLeave {
		b.WriteString(" autoleave")
	}
	return b.String()
}
