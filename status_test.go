package raft

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
	"github.com/seed695671cb/raft/tracker"
)

// What a member tells of itself: Status, BasicStatus, WithProgress (Raft Fig. 2).

func TestStatusOfALeader(t *testing.T) {
	c := newCluster(t)
	cs := pb.ConfState{Voters: []uint64{1, 2}, Learners: []uint64{3}}
	for id := uint64(1); id <= 3; id++ {
		c.add(id, cs)
	}
	c.elect(1)
	s := c.members[1].rn.Status()
	require.Equal(t, uint64(1), s.ID)
	require.Equal(t, pb.HardState{Term: 2, Vote: 1, Commit: 2}, s.HardState)
	require.Equal(t, SoftState{Lead: 1, RaftState: StateLeader}, s.SoftState)
	require.Equal(t, uint64(2), s.Applied)
	require.Equal(t, "voters=(1 2) learners=(3)", s.Config.String())
	require.Len(t, s.Progress, 3)
	pr := s.Progress[3]
	require.Equal(t, "StateReplicate match=2 next=3 learner", pr.String())
	require.Equal(t, s.BasicStatus, c.members[1].rn.BasicStatus())
}

func TestStatusOfAFollower(t *testing.T) {
	c := newVoters(t, 3)
	c.elect(1)
	s := c.members[2].rn.Status()
	require.Nil(t, s.Progress)
	require.Equal(t, SoftState{Lead: 1, RaftState: StateFollower}, s.SoftState)
	// Programs look for members and learners there too: it knows who they are, and nothing else of the others.
	var seen []string
	c.members[2].rn.WithProgress(func(id uint64, typ ProgressType, pr tracker.Progress) {
		require.NoError(t, pr.Check())
		seen = append(seen, fmt.Sprintf("%d: %d match=%d next=%d", id, typ, pr.Match, pr.Next))
	})
	require.Equal(t, []string{"1: 0 match=0 next=3", "2: 0 match=2 next=3", "3: 0 match=0 next=3"}, seen)
}

// What Status returns belongs to the caller.
func TestStatusIsACopy(t *testing.T) {
	c := newVoters(t, 2)
	c.elect(1)
	c.isolated[2] = true
	c.propose(1, "a")
	c.stabilize()
	before := fingerprint(c.raft(1))
	s := c.members[1].rn.Status()
	pr := s.Progress[2]
	require.Equal(t, 1, pr.Inflights.Count())
	pr.OnUnreachable()
	pr.Inflights.Add(99, 1)
	delete(s.Config.Voters[0], 1)
	require.Equal(t, before, fingerprint(c.raft(1)))
}

func TestStatusShowsATransfer(t *testing.T) {
	c := newVoters(t, 3)
	c.elect(1)
	c.isolated[2] = true
	c.propose(1, "a")
	c.stabilize()
	c.members[1].rn.TransferLeader(2)
	require.Equal(t, uint64(2), c.members[1].rn.BasicStatus().LeadTransferee)
	require.Contains(t, DescribeStatus(c.members[1].rn.Status()), "transferee=2")
	require.Zero(t, c.members[2].rn.BasicStatus().LeadTransferee)
}

func TestWithProgressVisitsInOrder(t *testing.T) {
	c := newCluster(t)
	cs := pb.ConfState{Voters: []uint64{2, 9}, Learners: []uint64{5}}
	for _, id := range []uint64{9, 2, 5} {
		c.add(id, cs)
	}
	c.elect(9)
	var ids []uint64
	var types []ProgressType
	c.members[9].rn.WithProgress(func(id uint64, typ ProgressType, pr tracker.Progress) {
		ids = append(ids, id)
		types = append(types, typ)
		require.Nil(t, pr.Inflights)
		require.Equal(t, uint64(2), pr.Match)
	})
	require.Equal(t, []uint64{2, 5, 9}, ids)
	require.Equal(t, []ProgressType{ProgressTypePeer, ProgressTypeLearner, ProgressTypePeer}, types)
}

func TestStatusText(t *testing.T) {
	c := newVoters(t, 2)
	c.elect(1)
	require.Equal(t, `1 StateLeader term=2 vote=1 lead=1 commit=2 applied=2
voters=(1 2)
1: StateReplicate match=2 next=3
2: StateReplicate match=2 next=3`, DescribeStatus(c.members[1].rn.Status()))
	text, err := json.Marshal(c.members[1].rn.Status())
	require.NoError(t, err)
	require.Equal(t, string(text), c.members[1].rn.Status().String(), "programs read it as JSON")
}

func TestStatusJSON(t *testing.T) {
	c := newVoters(t, 10)
	c.elect(10)
	text, err := json.Marshal(c.members[10].rn.Status())
	require.NoError(t, err)
	var got map[string]any
	require.NoError(t, json.Unmarshal(text, &got))
	require.Equal(t, "a", got["id"])
	require.Equal(t, "a", got["lead"])
	require.Equal(t, "StateLeader", got["raftState"])
	require.Equal(t, 2.0, got["commit"])
	require.Equal(t, map[string]any{"match": 2.0, "next": 3.0, "state": "StateReplicate"},
		got["progress"].(map[string]any)["a"])
	require.Len(t, got["progress"], 10)
}

func TestStateTypeText(t *testing.T) {
	for s, want := range map[StateType]string{
		StateFollower: "StateFollower", StateCandidate: "StateCandidate", StateLeader: "StateLeader",
		StatePreCandidate: "StatePreCandidate", 9: "StateType(9)",
	} {
		require.Equal(t, want, s.String())
		text, err := json.Marshal(s)
		require.NoError(t, err)
		require.Equal(t, `"`+want+`"`, string(text))
	}
}
