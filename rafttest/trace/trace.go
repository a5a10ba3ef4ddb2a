// Package trace holds the record of a run of a group, simulated or model checked: what happened, in order, and how
// each member stood afterwards. It is written as text in the notation of the scripts in testdata (WriteText), and as
// one page that draws it (WriteHTML).
package trace

import "encoding/binary"

// Trace is the record of a run.
type Trace struct {
	// Title says in one line what ran, and how to run it again.
	Title string `json:"title"`
	// Setup is what the group was before the first event, as lines of script.
	Setup []string `json:"setup,omitempty"`
	// Members are the IDs of all members that ever lived, ascending.
	Members []uint64 `json:"members"`
	// Start is how each member stood before the first event; members that are not yet there are missing.
	Start []MemberState `json:"start"`
	// Events are what happened, oldest first.
	Events []Event `json:"events"`
	// Violation is the property that did not hold, and is what the run ended with; nil if all held.
	Violation *Violation `json:"violation,omitempty"`
}

// Violation is a property that did not hold.
type Violation struct {
	// Property is its name, as in "election safety".
	Property string `json:"property"`
	// Detail says in a sentence what was seen, with all values.
	Detail string `json:"detail"`
	// Members are those concerned, if it concerns some more than others.
	Members []uint64 `json:"members,omitempty"`
	// Evidence are further lines: what each member held, or the operations that contradict each other.
	Evidence []string `json:"evidence,omitempty"`
}

// Kind is the kind of an event.
type Kind string

// The kinds of events.
const (
	KindDeliver   Kind = "deliver"   // a message is taken in by its receiver
	KindLose      Kind = "lose"      // a message is lost
	KindDuplicate Kind = "duplicate" // a message is sent a second time by the network
	KindTick      Kind = "tick"      // time passes at a member
	KindReady     Kind = "ready"     // a member hands out a Ready
	KindWrite     Kind = "write"     // a member's disk writes, or has written
	KindSend      Kind = "send"      // the messages of a Ready leave
	KindApply     Kind = "apply"     // entries are applied
	KindAdvance   Kind = "advance"   // a Ready is done
	KindRequest   Kind = "request"   // an application asks for something: a proposal, a read, a transfer, ...
	KindCrash     Kind = "crash"     // a member stops, and loses what is not durable
	KindStart     Kind = "start"     // a member starts, or starts again
	KindSnapshot  Kind = "snapshot"  // an application makes a snapshot, or compacts the log
	KindNote      Kind = "note"      // something else: a partition begins, a disk stalls, faults end
)

// Event is one thing that happened.
type Event struct {
	// N numbers the events of the run, from 1 on.
	N int `json:"n"`
	// Time is the simulated time, in microseconds; zero where there is none.
	Time uint64 `json:"time,omitempty"`
	Kind Kind   `json:"kind"`
	// Member is where it happened; zero for the network, or the group as a whole.
	Member uint64 `json:"member,omitempty"`
	// Text says it in one line.
	Text string `json:"text"`
	// Script is the same in the notation of the scripts, a command on each line; empty if that has none.
	Script string `json:"script,omitempty"`
	// Packet is the packet that was delivered, lost or duplicated; zero if none was.
	Packet uint64 `json:"packet,omitempty"`
	// Sent are the packets that left in this event.
	Sent []Packet `json:"sent,omitempty"`
	// Fault marks what a healthy group would not see: a loss, a crash, a partition.
	Fault bool `json:"fault,omitempty"`
	// After is how Member stood afterwards; nil if it did not change.
	After *MemberState `json:"after,omitempty"`
}

// Packet is a message on its way. A duplicate is a packet of its own.
type Packet struct {
	// ID numbers the packets of the run, from 1 on.
	ID   uint64 `json:"id"`
	From uint64 `json:"from"`
	To   uint64 `json:"to"`
	// Type is the type of the message, as in "MsgApp".
	Type string `json:"type"`
	Term uint64 `json:"term,omitempty"`
	// Text is the whole message in one line.
	Text string `json:"text"`
	// Reject marks a refusal.
	Reject bool `json:"reject,omitempty"`
}

// MemberState is how a member stands.
type MemberState struct {
	ID uint64 `json:"id"`
	// Down is set while it does not run; of the rest only what is durable counts then.
	Down bool `json:"down,omitempty"`
	// Role is "follower", "pre-candidate", "candidate" or "leader".
	Role string `json:"role"`
	Term uint64 `json:"term"`
	Vote uint64 `json:"vote,omitempty"`
	Lead uint64 `json:"lead,omitempty"`

	Commit  uint64 `json:"commit"`
	Applied uint64 `json:"applied"`
	// Snapshot is the index and term of the snapshot that the log begins after.
	Snapshot TermRun `json:"snapshot"`
	// Log is the log after that, as runs of entries of the same term.
	Log []TermRun `json:"log,omitempty"`
	// Last is the last index of the log, Durable the last that is on disk.
	Last    uint64 `json:"last"`
	Durable uint64 `json:"durable"`
	// Membership is the configuration in force, as tracker.Config prints it.
	Membership string `json:"membership,omitempty"`
}

// TermRun says that the entries from index First on have the given term, up to where the next run begins.
type TermRun struct {
	Term  uint64 `json:"term"`
	First uint64 `json:"first"`
}

// Hash is a running digest of what happens in a run: two runs that agree in it did the same.
type Hash uint64

// NewHash returns the digest of an empty run.
func NewHash() Hash { return 0xcbf29ce484222325 }

// Add takes in a number.
func (h *Hash) Add(v uint64) {
	x := (uint64(*h) ^ v) * 0x9e3779b97f4a7c15
	*h = Hash(x ^ x>>29)
}

// AddBytes takes in a string of bytes.
func (h *Hash) AddBytes(b []byte) {
	h.Add(uint64(len(b)))
	for len(b) >= 8 {
		h.Add(binary.LittleEndian.Uint64(b))
		b = b[8:]
	}
	var rest [8]byte
	copy(rest[:], b)
	h.Add(binary.LittleEndian.Uint64(rest[:]))
}
