package tracker

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft/quorum"
)

func ids(list ...uint64) map[uint64]struct{} {
	s := map[uint64]struct{}{}
	for _, id := range list {
		s[id] = struct{}{}
	}
	return s
}

func TestConfigIsWrittenOnOneLine(t *testing.T) {
	c := Config{
		Voters:       quorum.JointConfig{ids(3, 2, 1), ids(2, 1, 5)},
		Learners:     ids(4, 10, 9),
		LearnersNext: ids(5),
		AutoLeave:    true,
	}
	require.Equal(t, "voters=(1 2 3)&&(1 2 5) learners=(4 9 10) learners_next=(5) autoleave", c.String())
	require.Equal(t, "voters=(1)", Config{Voters: quorum.JointConfig{ids(1)}}.String())
	require.Equal(t, "voters=()", Config{}.String())
}

func TestConfigClonesShareNothing(t *testing.T) {
	build := func() Config {
		return Config{
			Voters:       quorum.JointConfig{ids(1, 2), ids(2, 3)},
			Learners:     ids(4),
			LearnersNext: ids(3),
			AutoLeave:    true,
		}
	}
	c := build()
	clone := c.Clone()
	require.Equal(t, c, clone)
	for _, m := range []map[uint64]struct{}{
		clone.Voters[0], clone.Voters[1], clone.Learners, clone.LearnersNext,
	} {
		m[99] = struct{}{}
	}
	clone.AutoLeave = false
	require.Equal(t, build(), c)

	empty := Config{}
	require.Equal(t, empty, empty.Clone(), "nil maps stay nil")
}
