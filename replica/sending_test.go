package replica

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

// Snapshots that do not arrive, or are not wanted any more.

// A refusingTransport has no snapshot arrive.
type refusingTransport struct {
	Transport
	refused *atomic.Int64
}

func (r refusingTransport) SendSnapshot(s *OutgoingSnapshot) {
	r.refused.Add(1)
	go s.Done(errors.New("no space left on device"))
}

// A member that cannot take a snapshot has it asked for again and again. The log was once kept behind it for as long as that
// went on.
func TestAMemberThatTakesNoSnapshotDoesNotStopCompaction(t *testing.T) {
	var refused atomic.Int64
	g := newCalmGroup(t, 3, func(c *Config) { c.SnapshotEntries, c.TrailingEntries = 20, 5 })
	g.transportOf = func(_ uint64, inner Transport) Transport { return refusingTransport{inner, &refused} }
	g.startAll()
	leader, behind := g.leader(), g.follower()
	g.network.Isolate(behind.id)
	g.write(leader, "k", 100)
	require.Eventually(t, func() bool { g.write(leader, "k", 5); return leader.Status().FirstIndex > 50 }, time.Minute, time.Millisecond)
	g.network.Heal()
	require.Eventually(t, func() bool { return refused.Load() > 0 }, time.Minute, time.Millisecond)
	index, some := leader.views.oldest()
	require.True(t, some)
	require.Eventually(t, func() bool {
		g.propose(leader, "k:=1")
		return leader.Status().FirstIndex > index+50
	}, time.Minute, testTick, "the log is kept behind a view that nobody has got anything of")
	require.Greater(t, refused.Load(), int64(1))
}

// A view of which a member gets ever more is kept, however often that is interrupted.
func TestAViewIsKeptWhileItIsOfUse(t *testing.T) {
	var v views
	c := &capturedView{meta: pb.SnapshotMetadata{Index: 5}, view: newGatedView(), usedAt: 10}
	v.add(c)
	attempt := func(bytes, now uint64) {
		require.Same(t, c, v.newest())
		require.Same(t, c, v.use(5))
		v.progress(c, 2, bytes, now)
		v.release(c)
		v.expire(now)
	}
	now := uint64(10)
	for i := range uint64(5) {
		now += viewTicks
		attempt(100+i, now)
	}
	require.True(t, v.held())
	for range 4 { // nothing new
		now += viewTicks / 4
		attempt(104, now)
	}
	require.True(t, v.held())
	require.Same(t, c, v.use(5))
	v.progress(c, 2, 50, now+1)
	v.expire(now + 1)
	require.True(t, v.held(), "it is read")
	v.release(c)
	v.expire(now + 1)
	require.False(t, v.held())

	c = &capturedView{meta: pb.SnapshotMetadata{Index: 9}, view: newGatedView()}
	v.add(c)
	v.delivered(c, 500)
	v.expire(500 + viewTicks)
	require.True(t, v.held(), "who has got it goes on from there")
	v.expire(501 + viewTicks)
	require.False(t, v.held())
}

// An endlessTransport sends snapshots until they are not wanted any more.
type endlessTransport struct {
	Transport
	began chan struct{}
}

func (e endlessTransport) SendSnapshot(s *OutgoingSnapshot) {
	go func() {
		e.began <- struct{}{}
		<-s.Context.Done()
		s.Done(s.Context.Err())
	}()
}

// What a leader that is no longer one was sending once went on to its end, and kept the new leader's from being taken.
func TestALeaderThatIsReplacedEndsWhatItSends(t *testing.T) {
	began := make(chan struct{}, 1)
	g := newCalmGroup(t, 3, nil)
	g.transportOf = func(_ uint64, inner Transport) Transport { return endlessTransport{inner, began} }
	g.startAll()
	leader, other := g.leader(), g.follower()
	leader.addView(5, newGatedView())
	message := leader.messageOf(t, 5)
	leader.sendSnapshot(message)
	<-began
	g.leadBy(other.id)
	ended := func(e Event) bool {
		s, is := e.(SnapshotSent)
		return is && errors.Is(s.Err, context.Canceled)
	}
	require.Eventually(t, func() bool { return count(leader, ended) == 1 }, time.Minute, time.Millisecond)

	late := leader.addView(6, newGatedView())
	message.Snapshot = &pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 6}}
	leader.sendSnapshot(message)
	unused := func() bool {
		leader.views.mu.Lock()
		defer leader.views.mu.Unlock()
		return late.readers == 0
	}
	require.Eventually(t, unused, time.Minute, time.Millisecond)
	require.Empty(t, began, "it was for the term before")
}

func TestASnapshotOfALaterLeaderIsTakenInsteadOfOneOfAnEarlier(t *testing.T) {
	g := newTestGroup(t, 3, nil).startAll()
	leader, behind := g.leader(), g.follower()
	other := 6 - leader.id - behind.id
	g.write(leader, "k", 1)
	g.agree("k", "1")
	g.network.Isolate(behind.id)
	g.write(leader, "k", 1)
	contents, header := contentsOf(t, leader, behind.id)
	earlier, err := behind.host.HandleSnapshot(header)
	require.NoError(t, err)
	_, err = earlier.Write(contents[:len(contents)/2])
	require.NoError(t, err)

	later := header
	later.From, later.Stream = other, header.Stream+7
	later.Message.From = other
	_, err = behind.host.HandleSnapshot(later)
	require.ErrorContains(t, err, "try again later", "of the same term")
	later.Message.Term++
	s, err := behind.host.HandleSnapshot(later)
	require.NoError(t, err)
	_, err = earlier.Write(contents[len(contents)/2:])
	require.Error(t, err)
	require.NoError(t, earlier.Close())
	require.Zero(t, s.Offset())
	_, err = s.Write(contents)
	require.NoError(t, err)
	require.NoError(t, s.Finish())
	require.NoError(t, s.Close())
	require.Eventually(t, func() bool { return behind.value("k") == "11" }, time.Minute, time.Millisecond)
	require.Empty(t, behind.host.receiving)

	stale := header
	stale.Message.Snapshot = &pb.Snapshot{Metadata: header.Message.Snapshot.Metadata}
	stale.Message.Snapshot.Metadata.Index += 100
	_, err = behind.host.HandleSnapshot(stale)
	require.ErrorContains(t, err, "of a leader in term")
}

// What a member has got in another way meanwhile is not wanted any more. It may be as much as all that the member has.
func TestASnapshotThatIsNotWantedIsRemoved(t *testing.T) {
	g, behind, s, contents, header := beginReceiving(t)
	_, err := s.Write(contents)
	require.NoError(t, err)
	g.network.Heal()
	g.agree("k", "11")
	require.NoError(t, s.Finish())
	free := func() bool { return behind.staging.acquire("saved", behind.id, 0) == nil }
	require.Eventually(t, free, time.Minute, time.Millisecond)
	require.NoError(t, s.Close())
	w, err := behind.log.StageSnapshot(header.Stream, header.Message.Snapshot.Metadata)
	require.NoError(t, err)
	require.Zero(t, w.Offset(), "nothing is left of it")
	require.NoError(t, w.Close())
	behind.staging.release()
	g.write(g.leader(), "k", 1)
	g.agree("k", "111")
}
