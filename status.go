package raft

import (
	"encoding/json"
	"fmt"

	pb "github.com/seed695671cb/raft/raftpb"
	"github.com/seed695671cb/raft/tracker"
)

// BasicStatus is the state of a member, without what it knows of the others. Making one allocates nothing.
type BasicStatus struct {
	// ID is the member's ID.
	ID uint64

	pb.HardState
	SoftState

	// Applied is the highest index that the application has applied.
	Applied uint64

	// LeadTransferee is the member to which leadership is being transferred, or None. Only a leader knows.
	LeadTransferee uint64
}

// Status is the state of a member, its configuration, and on a leader the progress of every member.
type Status struct {
	BasicStatus
	// Config is the configuration in force.
	Config tracker.Config
	// Progress is nil unless the member leads.
	Progress map[uint64]tracker.Progress
}

// BasicStatus returns the state of the member. It allocates nothing.
func (rn *RawNode) BasicStatus() BasicStatus {
	r := &rn.raft
	s := BasicStatus{
		ID:        r.id,
		HardState: r.hardState(),
		SoftState: r.softState(),
		Applied:   r.log.applied,
	}
	if r.leading != nil {
		s.LeadTransferee = r.leading.transferee
	}
	return s
}

// Status returns a copy of the state of the member, its configuration, and the progress of all members. It costs an
// allocation for each of them: use BasicStatus or WithProgress where that matters.
func (rn *RawNode) Status() Status {
	s := Status{BasicStatus: rn.BasicStatus(), Config: rn.raft.membership.Config()}
	l := rn.raft.leading
	if l == nil {
		return s
	}
	s.Progress = make(map[uint64]tracker.Progress, len(l.members))
	for i, member := range l.members {
		pr := l.progress[i]
		pr.Inflights = pr.Inflights.Clone()
		s.Progress[member.ID] = pr
	}
	return s
}

// statusJSON is the form of a Status in JSON. IDs are hexadecimal, as in logs.
type statusJSON struct {
	ID             string                  `json:"id"`
	Term           uint64                  `json:"term"`
	Vote           string                  `json:"vote"`
	Commit         uint64                  `json:"commit"`
	Lead           string                  `json:"lead"`
	RaftState      StateType               `json:"raftState"`
	Applied        uint64                  `json:"applied"`
	Progress       map[string]progressJSON `json:"progress"`
	LeadTransferee string                  `json:"leadtransferee"`
}

type progressJSON struct {
	Match uint64 `json:"match"`
	Next  uint64 `json:"next"`
	State string `json:"state"`
}

// MarshalJSON encodes the status with hexadecimal IDs.
func (s Status) MarshalJSON() ([]byte, error) {
	j := statusJSON{
		ID:             fmt.Sprintf("%x", s.ID),
		Term:           s.Term,
		Vote:           fmt.Sprintf("%x", s.Vote),
		Commit:         s.Commit,
		Lead:           fmt.Sprintf("%x", s.Lead),
		RaftState:      s.RaftState,
		Applied:        s.Applied,
		Progress:       make(map[string]progressJSON, len(s.Progress)),
		LeadTransferee: fmt.Sprintf("%x", s.LeadTransferee),
	}
	for id, pr := range s.Progress {
		j.Progress[fmt.Sprintf("%x", id)] = progressJSON{Match: pr.Match, Next: pr.Next, State: pr.State.String()}
	}
	return json.Marshal(j)
}

// String returns the status as MarshalJSON encodes it. DescribeStatus is easier to read.
func (s Status) String() string {
	text, err := s.MarshalJSON()
	if err != nil {
		return err.Error() // never: there is nothing in it that JSON has not got
	}
	return string(text)
}
