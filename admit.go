package raft

import (
	"errors"
	"fmt"

	pb "github.com/seed695671cb/raft/raftpb"
	"github.com/seed695671cb/raft/tracker"
)

// The gate: whether a message is for this member, is well formed, and belongs to the current term (Raft §5.1). What
// passes it cannot make the handlers fail.

// ErrInvalidMessage is matched, through errors.Is, by every error about a message that is malformed or that no member
// following the protocol can have sent.
var ErrInvalidMessage = errors.New("invalid raft message")

func invalid(m *pb.Message, format string, args ...any) error {
	return fmt.Errorf("%w: %s from %x to %x at term %d: %s", ErrInvalidMessage, m.Type, m.From, m.To, m.Term,
		fmt.Sprintf(format, args...))
}

// admit reports whether the message is to be handled. It first checks the message and returns an error without any
// other effect; then it adopts a higher term, and answers a lower one.
func (r *raft) admit(m *pb.Message) (bool, error) {
	if err := r.checkEnvelope(m); err != nil {
		return false, err
	}
	if err := r.checkContent(m); err != nil {
		return false, err
	}
	switch {
	case m.Term == 0 || IsLocalMsgTarget(m.From):
		return true, nil
	case m.Term > r.term:
		return r.admitNewerTerm(m), nil
	case m.Term < r.term:
		r.answerOlderTerm(m)
		return false, nil
	}
	return r.admitSameTerm(m)
}

// admitNewerTerm steps down to the term of the message (Raft §5.1), unless it is a candidate's and a leader is alive,
// or it concerns only a pre-vote, which changes no term.
func (r *raft) admitNewerTerm(m *pb.Message) bool {
	switch m.Type {
	case pb.MsgVote, pb.MsgPreVote:
		if r.ignoresCandidate(m) {
			r.logger.Debugf("raft %x: ignores %s from %x at term %d: %v", r.id, m.Type, m.From, m.Term, errLeaseGranted)
			return false
		}
		if m.Type == pb.MsgVote {
			r.adoptTerm(m.Term)
		}
	case pb.MsgPreVoteResp:
		if !m.Reject {
			// The grant is for the term that the pre-candidate would raise itself to.
			return r.state == StatePreCandidate && m.Term == r.term+1
		}
		r.adoptTerm(m.Term)
	case pb.MsgApp, pb.MsgHeartbeat, pb.MsgSnap:
		r.becomeFollower(m.Term, m.From)
	default:
		r.adoptTerm(m.Term)
	}
	return true
}

// answerOlderTerm tells a leader or candidate that is behind of the current term, so that it steps down (Raft §5.1).
func (r *raft) answerOlderTerm(m *pb.Message) {
	switch m.Type {
	case pb.MsgApp, pb.MsgHeartbeat, pb.MsgSnap:
		r.send(pb.Message{Type: pb.MsgAppResp, To: m.From})
	case pb.MsgVote, pb.MsgPreVote:
		r.learnCommit(m)
		r.refuseVote(pb.Message{Type: voteResponse(m.Type), To: m.From})
	case pb.MsgVoteResp, pb.MsgPreVoteResp:
		// A refusal bears the term of its sender, which may be behind; what it knows is as good in any term.
		r.learnCommit(m)
	}
}

// admitSameTerm refuses the messages of a second leader in the term (Raft §5.2, Election Safety).
func (r *raft) admitSameTerm(m *pb.Message) (bool, error) {
	switch m.Type {
	case pb.MsgApp, pb.MsgHeartbeat, pb.MsgSnap:
		if r.lead != None && r.lead != m.From {
			return false, invalid(m, "the leader of this term is %x: two leaders in a term, some member has lost its vote", r.lead)
		}
	case pb.MsgVote, pb.MsgPreVote:
		// A promise of silence outlives the term it was made in. While the leader is known, it is refused its vote
		// anyhow.
		return r.lead != None || r.clock.now >= r.silentUntil || !r.ignoresCandidate(m), nil
	case pb.MsgPreVoteResp:
		// A grant is for a later term; one of this term answers a campaign that has moved on.
		return m.Reject, nil
	}
	return true, nil
}

// messageTypes is the number of message types, which are numbered from zero without a gap.
const messageTypes = pb.MsgForgetLeader + 1

// checkEnvelope checks type, addresses and term.
func (r *raft) checkEnvelope(m *pb.Message) error {
	if m.Type < 0 || m.Type >= messageTypes {
		return invalid(m, "unknown type")
	}
	if m.To != r.id && m.To != None {
		return invalid(m, "this member is %x: the transport delivered it to the wrong one", r.id)
	}
	if isStorageResponse(m.Type) {
		return r.checkStorageThread(m)
	}
	if IsLocalMsg(m.Type) {
		return ErrStepLocalMsg
	}
	if IsLocalMsgTarget(m.From) {
		return invalid(m, "a local storage thread does not send this")
	}
	if m.Term > maxTerm {
		return invalid(m, "terms end at %d", uint64(maxTerm))
	}
	if isRequest(m.Type) {
		return r.checkRequest(m)
	}
	switch {
	case m.From == None:
		return invalid(m, "it names no sender")
	case m.From == r.id:
		return invalid(m, "it claims to come from this member")
	case m.Term == 0:
		return invalid(m, "it bears no term")
	}
	if IsResponseMsg(m.Type) && r.membership.Find(m.From) < 0 {
		return ErrStepPeerNotFound
	}
	return nil
}

// isStorageResponse reports whether the type is an acknowledgement of a local storage thread.
func isStorageResponse(t pb.MessageType) bool {
	return t == pb.MsgStorageAppendResp || t == pb.MsgStorageApplyResp
}

// isRequest reports whether the type is one that an application may pass to Step itself, without sender or term.
func isRequest(t pb.MessageType) bool {
	switch t {
	case pb.MsgProp, pb.MsgReadIndex, pb.MsgTransferLeader, pb.MsgForgetLeader:
		return true
	default:
		return false
	}
}

// checkRequest checks a request, which need not name a sender, and bears no term unless a follower passed it on.
func (r *raft) checkRequest(m *pb.Message) error {
	switch {
	case travelsWithoutTerm(m.Type) && m.Term != 0:
		return invalid(m, "requests of this type bear no term")
	case m.Type == pb.MsgTransferLeader && m.From == None:
		return invalid(m, "it names no member to transfer leadership to")
	case m.Type == pb.MsgForgetLeader && (m.Term != 0 || m.From != None && m.From != r.id):
		return invalid(m, "only this member's own application may ask for it: call ForgetLeader")
	}
	return nil
}

func (r *raft) checkStorageThread(m *pb.Message) error {
	want := uint64(LocalAppendThread)
	if m.Type == pb.MsgStorageApplyResp {
		want = LocalApplyThread
	}
	switch {
	case m.From != want:
		return invalid(m, "only the local thread %x may send it", want)
	case !r.asyncStorageWrites:
		return invalid(m, "AsyncStorageWrites is not set: call Advance instead")
	}
	return nil
}

// checkContent checks the fields that have a meaning for the type.
func (r *raft) checkContent(m *pb.Message) error {
	if m.Index > maxIndex || m.Commit > maxIndex {
		return invalid(m, "index %d, commit %d: indexes end at %d", m.Index, m.Commit, uint64(maxIndex))
	}
	switch m.Type {
	case pb.MsgApp:
		return r.checkAppend(m)
	case pb.MsgAppResp:
		return r.checkAppendResponse(m)
	case pb.MsgHeartbeat:
		if m.Term >= r.term && m.Commit > r.log.lastIndex() {
			return invalid(m, "commit %d is above the last index %d that this member acknowledged: has it lost its log?",
				m.Commit, r.log.lastIndex())
		}
	case pb.MsgVote, pb.MsgPreVote:
		return checkVoteRequest(m)
	case pb.MsgVoteResp, pb.MsgPreVoteResp:
		return checkPosition(m, "its last committed entry", entryID{term: m.RejectHint, index: m.Commit})
	case pb.MsgTimeoutNow:
		return checkPosition(m, "the end of the log", entryID{term: m.LogTerm, index: m.Index})
	case pb.MsgSnap:
		return checkSnapshot(m)
	case pb.MsgProp:
		return checkProposal(m)
	case pb.MsgReadIndex:
		if len(m.Entries) != 1 {
			return invalid(m, "it has %d entries, want one that holds the request's context", len(m.Entries))
		}
	case pb.MsgReadIndexResp:
		if !m.Reject && len(m.Entries) != 1 {
			return invalid(m, "it has %d entries, want one that holds the request's context", len(m.Entries))
		}
	}
	return nil
}

func (r *raft) checkAppend(m *pb.Message) error {
	if err := checkPosition(m, "the entry before", entryID{term: m.LogTerm, index: m.Index}); err != nil {
		return err
	}
	if m.Index+uint64(len(m.Entries)) >= maxIndex {
		return invalid(m, "indexes end below %d", uint64(maxIndex))
	}
	if len(m.Entries) > 0 && m.Entries[0].Term == 0 {
		return invalid(m, "its first entry bears no term")
	}
	if err := checkContiguous(entryID{term: m.LogTerm, index: m.Index}, m.Entries, m.Term); err != nil {
		return invalid(m, "%v", err)
	}
	return checkChangesDecode(m)
}

// checkPosition checks the identity of an entry that a message names: of no later term than the message's, and of
// term 0 exactly if it is the position before the first entry.
func checkPosition(m *pb.Message, what string, id entryID) error {
	if id.term > m.Term || (id.index == 0) != (id.term == 0) {
		return invalid(m, "%s cannot be %s", what, id)
	}
	return nil
}

// checkChangesDecode refuses entries that no application could apply.
func checkChangesDecode(m *pb.Message) error {
	for i := range m.Entries {
		if m.Entries[i].Type == pb.EntryNormal {
			continue
		}
		if _, err := decodeChange(&m.Entries[i]); err != nil {
			return invalid(m, "entry %d: %v", i, err)
		}
	}
	return nil
}

// checkAppendResponse refuses an answer to what this leader cannot have sent.
func (r *raft) checkAppendResponse(m *pb.Message) error {
	if m.Reject && m.Index == 0 {
		return invalid(m, "it rejects index 0, which every log holds")
	}
	if r.state == StateLeader && m.Term == r.term && m.Index > r.log.lastIndex() {
		return invalid(m, "it answers an append at index %d, the leader's last is %d", m.Index, r.log.lastIndex())
	}
	return nil
}

// checkVoteRequest lets a candidate have entries of its own term, and of later ones: a crash may have kept entries and
// lost the term that was written with them, and not every implementation takes it up from the log again. Such a candidate
// asks in a term in which, or after which, a majority has voted: it cannot win, and whoever has no vote to keep may give it one.
func checkVoteRequest(m *pb.Message) error {
	if m.Commit > m.Index || m.RejectHint > m.LogTerm {
		return invalid(m, "its last committed entry %d/%d is beyond its last %d/%d", m.RejectHint, m.Commit, m.LogTerm, m.Index)
	}
	if (m.Index == 0) != (m.LogTerm == 0) {
		return invalid(m, "its last entry cannot be %s", entryID{term: m.LogTerm, index: m.Index})
	}
	return nil
}

func checkSnapshot(m *pb.Message) error {
	if m.Snapshot == nil || IsEmptySnap(*m.Snapshot) {
		return invalid(m, "it holds no snapshot, or one whose metadata has no index")
	}
	meta := &m.Snapshot.Metadata
	if meta.Index >= maxIndex || meta.Term == 0 || meta.Term > m.Term {
		return invalid(m, "the snapshot ends in %d/%d, which cannot be in the log of this term", meta.Term, meta.Index)
	}
	membership, err := tracker.NewMembership(meta.ConfState)
	switch {
	case err != nil:
		return invalid(m, "the snapshot's membership is impossible: %v", err)
	case !membership.HasVoters():
		return invalid(m, "the snapshot names no members: pass the ConfState to CreateSnapshot")
	}
	return nil
}

func checkProposal(m *pb.Message) error {
	if len(m.Entries) == 0 {
		return invalid(m, "it holds no entries")
	}
	return checkChangesDecode(m)
}
