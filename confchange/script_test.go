package confchange

import (
	"strconv"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft/raftpb"
	"github.com/seed695671cb/raft/tracker"
)

// TestScripts runs the scripts of testdata. A script has a configuration, which is empty at first. Each command makes
// another of it and prints that, or prints an error and leaves it as it was. The input of a command lists changes as
// raftpb.ConfChangesFromString reads them (v adds a voter, l a learner, r removes, u updates). The commands are
//
//	start voters=(1,2) [learners=(3)] [outgoing=(1,4)] [next=(4)] [autoleave]    takes a configuration as given
//	simple                                         makes the changes at once
//	enter [autoleave]                              enters a joint configuration by the changes
//	leave                                          leaves the joint configuration
//	apply [transition=auto|implicit|explicit|9]    does one of these, as a ConfChangeV2 of the changes says
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		s := &script{}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			next, err := s.run(t, d)
			if err != nil {
				return "error: " + err.Error() + "\n"
			}
			require.NoError(t, next.Check())
			s.m = next
			return next.String() + "\n"
		})
	})
}

type script struct {
	m tracker.Membership
}

func (s *script) run(t *testing.T, d *datadriven.TestData) (tracker.Membership, error) {
	ccs, err := raftpb.ConfChangesFromString(d.Input)
	require.NoError(t, err, d.Pos)
	switch d.Cmd {
	case "start":
		return tracker.NewMembership(raftpb.ConfState{
			Voters:         argIDs(t, d, "voters"),
			Learners:       argIDs(t, d, "learners"),
			VotersOutgoing: argIDs(t, d, "outgoing"),
			LearnersNext:   argIDs(t, d, "next"),
			AutoLeave:      d.HasArg("autoleave"),
		})
	case "simple":
		return Simple(s.m, ccs...)
	case "enter":
		return EnterJoint(s.m, d.HasArg("autoleave"), ccs...)
	case "leave":
		return LeaveJoint(s.m)
	case "apply":
		return Apply(s.m, raftpb.ConfChangeV2{Transition: argTransition(t, d), Changes: ccs})
	default:
		d.Fatalf(t, "unknown command %q", d.Cmd)
		return tracker.Membership{}, nil
	}
}

func argIDs(t *testing.T, d *datadriven.TestData, key string) []uint64 {
	arg, ok := d.Arg(key)
	if !ok {
		return nil
	}
	var ids []uint64
	for _, v := range arg.Vals {
		id, err := strconv.ParseUint(v, 10, 64)
		require.NoError(t, err, d.Pos)
		ids = append(ids, id)
	}
	return ids
}

func argTransition(t *testing.T, d *datadriven.TestData) raftpb.ConfChangeTransition {
	name := "auto"
	d.MaybeScanArgs(t, "transition", &name)
	switch name {
	case "auto":
		return raftpb.ConfChangeTransitionAuto
	case "implicit":
		return raftpb.ConfChangeTransitionJointImplicit
	case "explicit":
		return raftpb.ConfChangeTransitionJointExplicit
	default:
		n, err := strconv.Atoi(name)
		require.NoError(t, err, d.Pos)
		return raftpb.ConfChangeTransition(n)
	}
}
