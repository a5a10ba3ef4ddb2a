package raft

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

// flakyDisk fails to read one term.
type flakyDisk struct {
	Storage
	at uint64
}

func (d *flakyDisk) Term(i uint64) (uint64, error) {
	if i == d.at {
		return 0, errors.New("read error")
	}
	return d.Storage.Term(i)
}

func flakyMember(t *testing.T) (*cluster, *flakyDisk) {
	c := newVoters(t, 3)
	seed(c, 1, pb.HardState{Term: 2, Commit: 2}, at(2, 2), at(2, 3), at(2, 4), at(2, 5), at(2, 6))
	m := c.members[1]
	d := &flakyDisk{Storage: m.cfg.Storage}
	m.cfg.Storage = d
	c.start(1)
	return c, d
}

// Member 1 acknowledged 2/2 to 2/6, restarts, and one read of a term fails: a late append must not cut the
// acknowledged suffix.
func TestFailedReadDoesNotTruncateByAppend(t *testing.T) {
	c, d := flakyMember(t)
	d.at = 4
	require.NoError(t, c.step(appendFrom(2, 1, 2, at(2, 3), 3, at(2, 4), at(2, 5))))
	require.Equal(t, at(2, 6), c.raft(1).log.lastID())
}

func TestFailedReadDoesNotTruncateBySnapshot(t *testing.T) {
	c, d := flakyMember(t)
	d.at = 4
	require.NoError(t, c.step(snapshotFrom(2, 1, 2, at(2, 4), voters(1, 2, 3))))
	require.Equal(t, at(2, 6), c.raft(1).log.lastID())
}
