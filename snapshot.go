package raft

import (
	"errors"

	pb "github.com/seed695671cb/raft/raftpb"
	"github.com/seed695671cb/raft/tracker"
)

// Snapshots in place of compacted entries (Raft §7).

// sendSnapshot sends the follower the snapshot that storage has. If there is none to be had now, or the follower seems
// to be away, it is tried again when the follower has been heard of.
func (r *raft) sendSnapshot(i int) {
	p := &r.leading.progress[i]
	to := r.leading.members[i].ID
	if !p.RecentActive {
		p.OnHeldBack()
		return
	}
	snap, err := r.log.storage.Snapshot()
	switch {
	case errors.Is(err, ErrSnapshotTemporarilyUnavailable):
		r.logger.Debugf("raft %x: no snapshot for %x yet", r.id, to)
		p.OnHeldBack()
		return
	case err != nil:
		r.logger.Errorf("raft %x: no snapshot for %x: %v", r.id, to, err)
		p.OnHeldBack()
		return
	case IsEmptySnap(snap):
		r.logger.Errorf("raft %x: %x needs index %d, which was compacted, but storage has no snapshot: make one before compacting",
			r.id, to, p.Next)
		p.OnHeldBack()
		return
	}
	if first := r.log.firstIndex(); snap.Metadata.Index+1 < first {
		r.logger.Errorf("raft %x: no snapshot for %x: storage's is up to %d, but its log begins at %d: keep one that the log follows",
			r.id, to, snap.Metadata.Index, first)
		p.OnHeldBack()
		return
	}
	r.logger.Infof("raft %x: sends %x the snapshot up to %s, it needs index %d", r.id, to, snapshotID(&snap), p.Next)
	r.send(pb.Message{Type: pb.MsgSnap, To: to, Snapshot: &snap})
	r.outbox.messages.weigh(payloadSize(len(snap.Data)))
	p.OnSnapshotSent(snap.Metadata.Index)
}

// handleSnapshot replaces the log and the membership by the leader's snapshot, unless it tells nothing new.
func (r *raft) handleSnapshot(m *pb.Message) {
	if r.restore(m.Snapshot) {
		r.sendAppendResponse(m.From, m.Snapshot.Metadata.Index)
		return
	}
	r.sendAppendResponse(m.From, r.log.committed)
}

// restore reports whether it has put the snapshot in the place of the log. The snapshot may be older than this member's
// addition, and not name it: then its membership says that it has no part yet, and the entries that follow add it.
func (r *raft) restore(snap *pb.Snapshot) bool {
	id := snapshotID(snap)
	membership, err := tracker.NewMembership(snap.Metadata.ConfState)
	held := false
	if err == nil {
		held, err = r.log.matches(id)
	}
	switch {
	case id.index <= r.log.committed:
		r.logger.Infof("raft %x: ignores the snapshot up to %s, has committed %d", r.id, id, r.log.committed)
		return false
	case held:
		// The log already holds all that the snapshot stands for: that much is now known to be committed.
		r.log.commitTo(id.index)
		return false
	case err != nil:
		r.logger.Errorf("raft %x: ignores the snapshot up to %s: %v", r.id, id, err)
		return false
	}
	r.log.restore(*snap)
	r.membership = membership
	r.reschedule()
	r.logger.Infof("raft %x: restores the snapshot up to %s, members %s", r.id, id, membership)
	return true
}

// reportSnapshot takes note of how the sending of a snapshot ended.
func (r *raft) reportSnapshot(id uint64, delivered bool) {
	if r.leading == nil {
		return
	}
	i := r.leading.find(id)
	if i < 0 || r.leading.progress[i].State != tracker.StateSnapshot {
		return
	}
	r.logger.Debugf("raft %x: snapshot for %x delivered: %t", r.id, id, delivered)
	r.leading.progress[i].OnSnapshotStatus(delivered)
	r.refresh(i)
}
