package replica

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

// contentsOf returns the contents of a snapshot of the member, and its header for another.
func contentsOf(t *testing.T, m *testMember, to uint64) ([]byte, SnapshotHeader) {
	var c *capturedView
	require.Eventually(t, func() bool {
		m.apply(applyJob{capture: true})
		c = m.views.newest(0)
		return c != nil
	}, time.Minute, time.Millisecond)
	var b bytes.Buffer
	_, err := c.writeTo(&b)
	require.NoError(t, err)
	_, term := m.Leader()
	message := pb.Message{Type: pb.MsgSnap, From: m.id, To: to, Term: term, Snapshot: &pb.Snapshot{Metadata: c.meta}}
	return b.Bytes(), SnapshotHeader{Group: m.group, From: m.id, To: to, Stream: c.stream, Message: message}
}

// A member that is cut off is given snapshots by hand.
func TestWhatArrivesIsCheckedBeforeItReplacesAnything(t *testing.T) {
	g := newTestGroup(t, 3, nil).startAll()
	leader, behind := g.leader(), g.follower()
	_, err := leader.Propose(patient(t), []byte("k+=1"))
	require.NoError(t, err)
	g.agree("k", "1")
	g.network.Isolate(behind.id)
	_, err = leader.Propose(patient(t), []byte("k+=2"))
	require.NoError(t, err)
	contents, header := contentsOf(t, leader, behind.id)

	send := func(contents []byte, h SnapshotHeader) error {
		s, err := behind.host.HandleSnapshot(h)
		if err != nil {
			return err
		}
		defer s.Close()
		for i := int(s.Offset()); i < len(contents); i++ {
			if _, err := s.Write(contents[i : i+1]); err != nil {
				return err
			}
		}
		return s.Finish()
	}
	damaged := bytes.Clone(contents)
	damaged[len(damaged)/2] ^= 1
	require.ErrorContains(t, send(damaged, header), "refused")
	require.ErrorContains(t, send(contents[:len(contents)-1], header), "refused")
	other := header
	other.Message.Snapshot = &pb.Snapshot{Metadata: header.Message.Snapshot.Metadata}
	other.Message.Snapshot.Metadata.Index++
	require.ErrorContains(t, send(contents, other), "refused", "of another entry")
	wrong := header
	wrong.To = 9
	require.Error(t, send(contents, wrong))
	wrong = header
	wrong.Message = pb.Message{}
	require.Error(t, send(contents, wrong))
	wrong = header
	wrong.Group = 99
	require.ErrorContains(t, send(contents, wrong), "not started")
	require.Equal(t, "1", behind.value("k"))
	require.NoError(t, behind.Err())

	// A part, and then the rest, as after a connection that broke.
	s, err := behind.host.HandleSnapshot(header)
	require.NoError(t, err)
	_, err = behind.host.HandleSnapshot(header)
	require.ErrorContains(t, err, "try again later", "one at a time")
	require.NotNil(t, behind.Status().Receiving)
	require.NoError(t, s.Close())
	require.Nil(t, behind.Status().Receiving)
	require.NoError(t, send(contents, header))
	require.Eventually(t, func() bool { return behind.value("k") == "12" }, time.Minute, time.Millisecond)
	require.ErrorContains(t, send(contents, header), "applied here already")
	g.network.Heal()
	_, err = leader.Propose(patient(t), []byte("k+=3"))
	require.NoError(t, err)
	g.agree("k", "123")
}
