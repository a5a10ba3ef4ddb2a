package model

import (
	pb "github.com/seed695671cb/raft/raftpb"
	"github.com/seed695671cb/raft/rafttest/trace"
)

// A group is the product of its members: an event concerns one member, which takes in one input, changes its own
// state, and sends messages. The code is deterministic, so what an input does to a local state has to be found out
// once, by running the real code; from then on it is looked up. The search works on the numbers below alone.

// LocalID numbers the distinct local states: all that one member is and has, its disk and its storage threads'
// queues included. States of different members are different.
type LocalID uint32

// MessageID numbers the distinct messages.
type MessageID uint32

// InputKind is what can happen to one member.
type InputKind uint8

const (
	// InputDeliver: the message Arg arrives.
	InputDeliver InputKind = iota
	// InputTimeout: time passes until the member campaigns, or, on a leader, until it has checked its quorum.
	InputTimeout
	// InputSilence: an election timeout passes, not long enough for the member to campaign.
	InputSilence
	// InputHeartbeat: a heartbeat interval passes at a leader.
	InputHeartbeat
	// InputPropose: the application proposes entry number Arg.
	InputPropose
	// InputChange: the application asks for membership change number Arg of the bounds.
	InputChange
	// InputRead: the application asks for read number Arg.
	InputRead
	// InputTransfer: the application asks for member Arg to lead.
	InputTransfer
	// InputCampaign: the application has the member campaign.
	InputCampaign
	// InputStored: the append thread does its oldest piece of work.
	InputStored
	// InputApplied: the apply thread does its oldest piece of work.
	InputApplied
	// InputCrash: the member stops; of the writes under way, Arg steps reach the disk.
	InputCrash
	// InputRestart: it starts again.
	InputRestart
	// InputCompact: the application makes a snapshot of what it has applied, and compacts the log up to it.
	InputCompact
	// InputReportSnapshot: the member learns that the snapshot it sent to member Arg/2 arrived (Arg even) or did not.
	InputReportSnapshot
	// InputPass: Arg ticks pass, whatever becomes due. Where leases are relied on, clocks may not drift apart without
	// bound: there time is to pass at all members alike.
	InputPass

	inputKinds // the number of kinds
)

// Input is one thing that happens to one member.
type Input struct {
	Kind InputKind
	Arg  uint32
}

// Outcome is what an input does to a local state. It is never modified.
type Outcome struct {
	// Next is the local state afterwards.
	Next LocalID
	// Sent are the messages that leave, in order.
	Sent []MessageID
	// Void is set if nothing happened: the input is not possible, or changed nothing and sent nothing. A message
	// delivered in vain is still taken from the network.
	Void bool
	// Broken is a property of one member's step that did not hold; nil if all held.
	Broken *trace.Violation
}

// EntryFact is an entry as the checks see it. Two entries with the same index, term and digest are the same.
type EntryFact struct {
	Term   uint64
	Digest uint64
}

// LogFact is a log, from index 1 on; entries before First are known only by the snapshot that stands for them.
type LogFact struct {
	First   uint64 // the index of Entries[0]
	Entries []EntryFact
}

// Facts are what the checks of a whole group need to know of a local state. They are never modified.
type Facts struct {
	Member uint64
	Up     bool
	Leader bool
	Term   uint64
	// Log is the member's log, Durable what its disk holds of it.
	Log, Durable LogFact
	// Committed are all entries that the member has ever known to be committed, in this life or an earlier one, from
	// index 1 on; CommittedIn is the term in which it learnt of the last of them.
	Committed   []EntryFact
	CommittedIn uint64
	// Led has bit t set if the member has ever led term t (terms are below 64).
	Led uint64
	// Voters and Outgoing are the voters of the configuration in force, ascending; Outgoing is empty unless it is joint.
	Voters, Outgoing []uint64
	// Applied are digests of the configuration in force after each applied index, from index 1 on; zero where unknown.
	Configs []uint64
	// Reads are the reads answered so far: the number of the read and the index.
	Reads []ReadFact
	// Pending says which storage threads have work.
	AppendPending, ApplyPending bool
	// ReportsDue are the members to which a snapshot was sent whose fate the member has not been told.
	ReportsDue []uint64
}

// ReadFact is a read that was answered.
type ReadFact struct {
	Number uint32
	Index  uint64
}

// Machine runs the real code, one member at a time, each step once. Its methods may be called from several goroutines.
type Machine interface {
	// Members returns the number of members that can ever be, with IDs from 1 on.
	Members() int
	// Initial returns the state in which the member begins.
	Initial(member uint64) LocalID
	// Step returns what the input does to the state.
	Step(s LocalID, in Input) *Outcome
	// Facts returns what the checks need to know of the state.
	Facts(s LocalID) *Facts
	// Names returns the fingerprint of the state under each renaming of the members, the identity first; the same
	// order for all states and messages. Without symmetry there is the identity alone.
	Names(s LocalID) []uint64
	// Renamings returns the renamings in the order of Names: under the k-th, member i is called Renamings()[k][i-1].
	// They are a group: what two of them do one after the other, a third does at once.
	Renamings() [][]uint64
	// Message returns a message, and MessageNames its fingerprints as Names does.
	Message(id MessageID) *pb.Message
	MessageNames(id MessageID) []uint64
	// Counts returns how many local states, messages and steps are known.
	Counts() (states, messages, steps int)
}
