//go:build etcd37

package lib

import (
	pb "go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// What differs between a library whose messages and entries are values and one that has pointers: here, pointers.

type (
	// Message is a message as Ready hands it out and Step takes it.
	Message = *pb.Message
	// Entry is an entry as Ready hands it out.
	Entry = *pb.Entry
)

// To is the member that the message is for.
func To(m *Message) uint64 { return (*m).GetTo() }

// From is the member that sent the message.
func From(m *Message) uint64 { return (*m).GetFrom() }

// IndexOf is the message's index.
func IndexOf(m *Message) uint64 { return (*m).GetIndex() }

// IsAppend reports whether the message is an append.
func IsAppend(m *Message) bool { return (*m).GetType() == pb.MsgApp }

// IsAppendResponse reports whether the message answers an append.
func IsAppendResponse(m *Message) bool { return (*m).GetType() == pb.MsgAppResp }

// IsHeartbeat reports whether the message is a heartbeat.
func IsHeartbeat(m *Message) bool { return (*m).GetType() == pb.MsgHeartbeat }

// IsStorageAppend reports whether the message is for the local thread that writes.
func IsStorageAppend(m *Message) bool { return (*m).GetType() == pb.MsgStorageAppend }

// IsStorageApply reports whether the message is for the local thread that applies.
func IsStorageApply(m *Message) bool { return (*m).GetType() == pb.MsgStorageApply }

// Entries are the message's entries.
func Entries(m *Message) []Entry { return (*m).Entries }

// Responses are the messages that a storage thread passes on when the work is done.
func Responses(m *Message) []Message { return (*m).Responses }

// Data is the entry's payload.
func Data(e *Entry) []byte { return (*e).Data }

// Index is the entry's index.
func Index(e *Entry) uint64 { return (*e).GetIndex() }

// Term is the entry's term.
func Term(e *Entry) uint64 { return (*e).GetTerm() }

// NewEntry returns an entry as it stands in a log.
func NewEntry(term, index uint64, data []byte) Entry {
	return &pb.Entry{Term: &term, Index: &index, Data: data, Type: pb.EntryNormal.Enum()}
}

// NewProposal returns a message that proposes one entry for each payload.
func NewProposal(from uint64, payloads [][]byte) Message {
	ents := make([]Entry, len(payloads))
	for i, p := range payloads {
		ents[i] = &pb.Entry{Data: p}
	}
	return &pb.Message{Type: pb.MsgProp.Enum(), From: &from, To: &from, Entries: ents}
}

// NewAppend returns a leader's append.
func NewAppend(to, from, term, index, logTerm, commit uint64, ents []Entry) Message {
	return &pb.Message{Type: pb.MsgApp.Enum(), To: &to, From: &from, Term: &term, Index: &index, LogTerm: &logTerm,
		Commit: &commit, Entries: ents}
}

// NewAppendResponse returns a follower's acknowledgement of its log up to index.
func NewAppendResponse(to, from, term, index uint64) Message {
	return &pb.Message{Type: pb.MsgAppResp.Enum(), To: &to, From: &from, Term: &term, Index: &index}
}

// SetIndex changes the index of a message that was made here.
func SetIndex(m *Message, index uint64) { *(*m).Index = index }

// NewVoteResponse returns a voter's grant.
func NewVoteResponse(to, from, term uint64) Message {
	return &pb.Message{Type: pb.MsgVoteResp.Enum(), To: &to, From: &from, Term: &term}
}

// NewHeartbeat returns a leader's heartbeat.
func NewHeartbeat(to, from, term, commit uint64) Message {
	return &pb.Message{Type: pb.MsgHeartbeat.Enum(), To: &to, From: &from, Term: &term, Commit: &commit}
}

// NewHeartbeatResponse returns the answer to a heartbeat.
func NewHeartbeatResponse(to, from, term uint64) Message {
	return &pb.Message{Type: pb.MsgHeartbeatResp.Enum(), To: &to, From: &from, Term: &term}
}

// SetUp gives an empty storage a snapshot at index 1, term 1, with the members.
func SetUp(s *MemoryStorage, voters, learners []uint64) error {
	one := uint64(1)
	return s.ApplySnapshot(&pb.Snapshot{Metadata: &pb.SnapshotMetadata{
		Index: &one, Term: &one, ConfState: &pb.ConfState{Voters: voters, Learners: learners},
	}})
}

// SetHard stores a hard state.
func SetHard(s *MemoryStorage, term, vote, commit uint64) error {
	return s.SetHardState(&pb.HardState{Term: &term, Vote: &vote, Commit: &commit})
}

// Save writes what the Ready wants written: the snapshot, the entries, the hard state.
func Save(s *MemoryStorage, rd *Ready) error {
	if rd.Snapshot != nil && rd.Snapshot.GetMetadata().GetIndex() != 0 {
		if err := s.ApplySnapshot(rd.Snapshot); err != nil {
			return err
		}
	}
	if len(rd.Entries) > 0 {
		if err := s.Append(rd.Entries); err != nil {
			return err
		}
	}
	if rd.HardState != nil {
		return s.SetHardState(rd.HardState)
	}
	return nil
}

// SaveMessage writes what a message for the thread that writes holds.
func SaveMessage(s *MemoryStorage, m *Message) error {
	msg := *m
	if msg.Snapshot != nil && msg.Snapshot.GetMetadata().GetIndex() != 0 {
		if err := s.ApplySnapshot(msg.Snapshot); err != nil {
			return err
		}
	}
	if len(msg.Entries) > 0 {
		if err := s.Append(msg.Entries); err != nil {
			return err
		}
	}
	if msg.GetTerm() != 0 || msg.GetVote() != 0 || msg.GetCommit() != 0 {
		return SetHard(s, msg.GetTerm(), msg.GetVote(), msg.GetCommit())
	}
	return nil
}

// Compact drops the log up to index.
func Compact(s *MemoryStorage, index uint64) error { return s.Compact(index) }

// Snapshot makes the storage's snapshot one at index.
func Snapshot(s *MemoryStorage, index uint64, voters, learners []uint64) error {
	_, err := s.CreateSnapshot(index, &pb.ConfState{Voters: voters, Learners: learners}, nil)
	return err
}

// Size is the message's encoded size.
func Size(m *Message) int { return proto.Size(*m) }

// Marshal encodes the message into memory of its own.
func Marshal(m *Message) ([]byte, error) { return proto.Marshal(*m) }

// MarshalTo encodes the message into buf, which has Size bytes.
func MarshalTo(m *Message, buf []byte) (int, error) {
	out, err := proto.MarshalOptions{}.MarshalAppend(buf[:0], *m)
	return len(out), err
}

// Unmarshal decodes data.
func Unmarshal(m *Message, data []byte) error {
	*m = new(pb.Message)
	return proto.Unmarshal(data, *m)
}
