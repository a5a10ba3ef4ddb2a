//go:build !etcd37

package lib

// What differs between a library whose messages and entries are values and one that has pointers: here, values.

// To is the member that the message is for.
func To(m *Message) uint64 { return m.To }

// From is the member that sent the message.
func From(m *Message) uint64 { return m.From }

// IndexOf is the message's index.
func IndexOf(m *Message) uint64 { return m.Index }

// IsAppend reports whether the message is an append.
func IsAppend(m *Message) bool { return m.Type == msgApp }

// IsAppendResponse reports whether the message answers an append.
func IsAppendResponse(m *Message) bool { return m.Type == msgAppResp }

// IsHeartbeat reports whether the message is a heartbeat.
func IsHeartbeat(m *Message) bool { return m.Type == msgHeartbeat }

// IsStorageAppend reports whether the message is for the local thread that writes.
func IsStorageAppend(m *Message) bool { return m.Type == msgStorageAppend }

// IsStorageApply reports whether the message is for the local thread that applies.
func IsStorageApply(m *Message) bool { return m.Type == msgStorageApply }

// Entries are the message's entries.
func Entries(m *Message) []Entry { return m.Entries }

// Responses are the messages that a storage thread passes on when the work is done.
func Responses(m *Message) []Message { return m.Responses }

// Data is the entry's payload.
func Data(e *Entry) []byte { return e.Data }

// Index is the entry's index.
func Index(e *Entry) uint64 { return e.Index }

// Term is the entry's term.
func Term(e *Entry) uint64 { return e.Term }

// NewEntry returns an entry as it stands in a log.
func NewEntry(term, index uint64, data []byte) Entry {
	return Entry{Term: term, Index: index, Data: data}
}

// NewProposal returns a message that proposes one entry for each payload.
func NewProposal(from uint64, payloads [][]byte) Message {
	ents := make([]Entry, len(payloads))
	for i, p := range payloads {
		ents[i].Data = p
	}
	return Message{Type: msgProp, From: from, To: from, Entries: ents}
}

// NewAppend returns a leader's append.
func NewAppend(to, from, term, index, logTerm, commit uint64, ents []Entry) Message {
	return Message{Type: msgApp, To: to, From: from, Term: term, Index: index, LogTerm: logTerm, Commit: commit, Entries: ents}
}

// NewAppendResponse returns a follower's acknowledgement of its log up to index.
func NewAppendResponse(to, from, term, index uint64) Message {
	return Message{Type: msgAppResp, To: to, From: from, Term: term, Index: index}
}

// SetIndex changes the index of a message that was made here.
func SetIndex(m *Message, index uint64) { m.Index = index }

// NewVoteResponse returns a voter's grant.
func NewVoteResponse(to, from, term uint64) Message {
	return Message{Type: msgVoteResp, To: to, From: from, Term: term}
}

// NewHeartbeat returns a leader's heartbeat.
func NewHeartbeat(to, from, term, commit uint64) Message {
	return Message{Type: msgHeartbeat, To: to, From: from, Term: term, Commit: commit}
}

// NewHeartbeatResponse returns the answer to a heartbeat.
func NewHeartbeatResponse(to, from, term uint64) Message {
	return Message{Type: msgHeartbeatResp, To: to, From: from, Term: term}
}

// SetUp gives an empty storage a snapshot at index 1, term 1, with the members.
func SetUp(s *MemoryStorage, voters, learners []uint64) error {
	var snap snapshot
	snap.Metadata.Index, snap.Metadata.Term = 1, 1
	snap.Metadata.ConfState = confState{Voters: voters, Learners: learners}
	return s.ApplySnapshot(snap)
}

// SetHard stores a hard state.
func SetHard(s *MemoryStorage, term, vote, commit uint64) error {
	return s.SetHardState(hardState{Term: term, Vote: vote, Commit: commit})
}

// Save writes what the Ready wants written: the snapshot, the entries, the hard state.
func Save(s *MemoryStorage, rd *Ready) error {
	if rd.Snapshot.Metadata.Index != 0 {
		if err := s.ApplySnapshot(rd.Snapshot); err != nil {
			return err
		}
	}
	if len(rd.Entries) > 0 {
		if err := s.Append(rd.Entries); err != nil {
			return err
		}
	}
	if rd.HardState != (hardState{}) {
		return s.SetHardState(rd.HardState)
	}
	return nil
}

// SaveMessage writes what a message for the thread that writes holds.
func SaveMessage(s *MemoryStorage, m *Message) error {
	if m.Snapshot != nil && m.Snapshot.Metadata.Index != 0 {
		if err := s.ApplySnapshot(*m.Snapshot); err != nil {
			return err
		}
	}
	if len(m.Entries) > 0 {
		if err := s.Append(m.Entries); err != nil {
			return err
		}
	}
	if m.Term != 0 || m.Vote != 0 || m.Commit != 0 {
		return s.SetHardState(hardState{Term: m.Term, Vote: m.Vote, Commit: m.Commit})
	}
	return nil
}

// Compact drops the log up to index.
func Compact(s *MemoryStorage, index uint64) error { return s.Compact(index) }

// Snapshot makes the storage's snapshot one at index.
func Snapshot(s *MemoryStorage, index uint64, voters, learners []uint64) error {
	_, err := s.CreateSnapshot(index, &confState{Voters: voters, Learners: learners}, nil)
	return err
}

// Size is the message's encoded size.
func Size(m *Message) int { return m.Size() }

// Marshal encodes the message into memory of its own.
func Marshal(m *Message) ([]byte, error) { return m.Marshal() }

// MarshalTo encodes the message into buf, which has Size bytes.
func MarshalTo(m *Message, buf []byte) (int, error) { return m.MarshalTo(buf) }

// Unmarshal decodes data.
func Unmarshal(m *Message, data []byte) error { return m.Unmarshal(data) }
