package replica

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

// contentsOf returns the contents of a snapshot of the member, and its header for another.
func contentsOf(t *testing.T, m *testMember, to uint64) ([]byte, SnapshotHeader) {
	var c *capturedView
	require.Eventually(t, func() bool {
		m.apply(applyJob{capture: true})
		c = m.views.newest()
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
	g.propose(leader, "k+=1")
	g.agree("k", "1")
	g.network.Isolate(behind.id)
	g.propose(leader, "k+=2")
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
	index := header.Message.Snapshot.Metadata.Index // which is told after the state has been replaced
	require.Eventually(t, func() bool { return behind.Applied() >= index }, time.Minute, time.Millisecond)
	require.ErrorContains(t, send(contents, header), "applied here already")
	g.network.Heal()
	g.propose(leader, "k+=3")
	g.agree("k", "123")
}

// beginReceiving has a member that is cut off, and lacks a command, be sent a snapshot with it.
func beginReceiving(t *testing.T) (g *testGroup, behind *testMember, s SnapshotSink, contents []byte, header SnapshotHeader) {
	g = newTestGroup(t, 3, nil).startAll()
	leader := g.leader()
	behind = g.follower()
	g.write(leader, "k", 1)
	g.agree("k", "1")
	g.network.Isolate(behind.id)
	g.write(leader, "k", 1)
	contents, header = contentsOf(t, leader, behind.id)
	s, err := behind.host.HandleSnapshot(header)
	require.NoError(t, err)
	return g, behind, s, contents, header
}

// The log store may be closed when the replica has stopped, whatever a transport still does.
func TestASinkEndsWithItsReplica(t *testing.T) {
	g, behind, s, contents, header := beginReceiving(t)
	_, err := s.Write(contents[:len(contents)/2])
	require.NoError(t, err)
	staged := s.Offset()
	require.NoError(t, behind.Stop(patient(t)))
	_, err = s.Write(contents[staged:])
	require.ErrorIs(t, err, ErrStopped)
	require.ErrorIs(t, s.Finish(), ErrStopped)
	require.Equal(t, staged, s.Offset())
	require.NoError(t, s.Close())
	require.Empty(t, behind.host.receiving, "its place is free")
	require.ErrorIs(t, behind.staging.acquire("received", header.From, 9), ErrStopped)
	_, err = behind.receiveSnapshot(header)
	require.ErrorIs(t, err, ErrStopped)
	require.Empty(t, behind.host.receiving)

	g.network.Heal()
	g.start(behind.id, nil)
	g.write(g.leader(), "k", 1)
	g.agree("k", "111")
}

// What checks contents waits for more of them in a goroutine. If no more came it once did so until the replica stopped.
func TestContentsThatDoNotGoOnAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, err := NewMemoryLogStore().Open(7)
		require.NoError(t, err)
		r := &Replica{id: 2, group: 7, log: log, host: &Host{receiving: make(chan struct{}, 1)}, stop: make(chan struct{})}
		meta := pb.SnapshotMetadata{Index: 5, Term: 1}
		var contents bytes.Buffer
		_, err = (&capturedView{view: registerView("{}"), header: contentsHeader{applied: 5, term: 1}}).writeTo(&contents)
		require.NoError(t, err)
		receive := func() {
			message := pb.Message{Type: pb.MsgSnap, From: 1, To: 2, Snapshot: &pb.Snapshot{Metadata: meta}}
			s, err := r.receiveSnapshot(SnapshotHeader{Group: 7, From: 1, To: 2, Stream: 3, Message: message})
			require.NoError(t, err)
			_, err = s.Write(contents.Next(4))
			require.NoError(t, err)
			time.Sleep(verifierTime * 3 / 4)
			require.NoError(t, s.Close())
		}
		checking := func() *verifier {
			r.staging.mu.Lock()
			defer r.staging.mu.Unlock()
			return r.staging.verifier
		}
		receive()
		first := checking()
		require.NotNil(t, first)
		time.Sleep(verifierTime / 2)
		receive() // over the time at which the first part would be forgotten
		require.Same(t, first, checking(), "it has seen all that came")
		require.EqualValues(t, 8, first.seen)
		time.Sleep(verifierTime + time.Second)
		synctest.Wait()
		require.Nil(t, checking())
		require.Error(t, <-first.done, "its goroutine has ended")
		receive()
		require.Nil(t, checking(), "the beginning was not seen")
	})
}
