package replica

import (
	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
)

// A leader whose disk hangs (thesis §10.2.1, Raft §5.6). What a leader sends does not rest on its own write, so that its heartbeats go
// on and its followers commit without it, while it applies nothing and in the end takes no proposals: nobody would replace it. Such
// a leader hands leadership over, for which nobody needs its disk, and if that does not help it falls silent.

// A stall is what the stepping goroutine of a leader knows of the write that the log store is at.
type stall struct {
	// write tells that write from others; see appender.writing. It is 0 if there is none.
	write uint64
	// index was committed at the tick since, and is not stored here; 0 if all that is committed is.
	index, since uint64
	// handing is set when leadership was to be handed over, by the tick until; silent when that has not helped.
	handing bool
	until   uint64
	silent  bool
}

// watchWrite has a leader give up if one write of the log store goes on, and for an election timeout has not stored what the group
// has committed meanwhile. A majority then goes on without this member; if none does, no other leader could do more.
//
// It is the group that says what takes too long: a disk that is as slow as the others' is not behind what is committed.
func (r *Replica) watchWrite() {
	s := &r.stepping
	write, began := r.host.appender.writing()
	if s.role != raft.StateLeader || write == 0 || s.ticked <= began {
		s.stall = stall{}
		return
	}
	status := s.rn.BasicStatus()
	if status.RaftState != raft.StateLeader {
		return // it has just stepped down
	}
	if stored := r.storedIndex(); write != s.stall.write || stored >= s.stall.index {
		s.stall = stall{write: write, since: s.ticked}
		if status.Commit > stored {
			s.stall.index = status.Commit
		}
	}
	timeout := uint64(r.config.ElectionTicks)
	switch st := &s.stall; {
	case st.index == 0 || st.silent || s.ticked-st.since < timeout:
	case !st.handing && r.giveUpLeadership(status.LeadTransferee):
		st.handing, st.until = true, s.ticked+timeout
	case !st.handing || s.ticked >= st.until:
		st.silent = true
		r.logger.Warn("a write of the log store does not end, and nobody has taken over: this leader falls silent")
	}
}

// giveUpLeadership asks the voter that has most of the log to lead, unless a transfer is under way, and reports whether one is then.
// The order to campaign overrides leases, and this leader's own ends with it (thesis §3.10).
func (r *Replica) giveUpLeadership(transferee uint64) bool {
	if transferee == raft.None {
		if transferee = r.successor(); transferee == raft.None {
			return false
		}
		r.stepping.rn.TransferLeader(transferee)
	}
	r.logger.Warn("a write of the log store does not end: leadership is given up", "to", transferee)
	return true
}

// storedIndex returns up to which index this leader's own log is durable.
func (r *Replica) storedIndex() (index uint64) {
	r.stepping.rn.WithProgress(func(id uint64, _ raft.ProgressType, p raft.Progress) {
		if id == r.id {
			index = p.Match
		}
	})
	return index
}

// withholds reports whether a message is not to be sent because the log store hangs. A silent leader keeps back what shows that it
// leads; the others then elect one of themselves, as if it had crashed. Nobody whose vote for itself could not be stored asks
// for those of others, which would only keep them from whom they can elect (Raft §5.2).
func (r *Replica) withholds(m *pb.Message) bool {
	switch m.Type {
	case pb.MsgApp, pb.MsgHeartbeat:
		return r.stepping.stall.silent
	case pb.MsgPreVote, pb.MsgVote:
		write, began := r.host.appender.writing()
		return write != 0 && r.stepping.ticked > began+uint64(r.config.ElectionTicks)
	}
	return false
}
