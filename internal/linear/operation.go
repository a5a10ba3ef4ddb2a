// Package linear decides whether what the clients of a key-value store saw is linearizable: whether every operation can
// be thought to take effect at one moment between its call and its return (Herlihy and Wing, "Linearizability: a
// correctness condition for concurrent objects", 1990). [Check] looks at a whole history; [Online] watches the log
// indexes at which operations took effect, as they complete.
//
// The values written to a key must differ from each other. That makes it known which write a read has seen, and the
// question, which is NP-complete in general, answerable in the time it takes to sort the history.
package linear

import (
	"fmt"
	"math"
	"strings"
)

// Pending is the Return of an operation whose outcome is not known: it may have taken effect at any time after its
// call, it may yet do so, or it may never do so.
const Pending = math.MaxUint64

// Initial is the value of every key before the first write to it. It is never written.
const Initial = 0

// An Operation is one read or write of one key by one client.
type Operation struct {
	Client int
	Key    int
	Write  bool   // a read otherwise
	Value  uint64 // what was written, or what the read returned; of no meaning for a read that is pending

	// Call and Return are when the operation began and ended, in any unit, on one clock for all operations. One operation
	// precedes another if its Return is less than the other's Call; operations with a time in common overlap.
	Call   uint64
	Return uint64 // Pending, or not less than Call
}

// String names the client, what it did, and when: "client 2's read of 7 from key 1 [3, 9]".
func (o Operation) String() string {
	if o.Write {
		return fmt.Sprintf("client %d's write of %d to key %d %s", o.Client, o.Value, o.Key, o.times())
	}
	if o.Return == Pending {
		return fmt.Sprintf("client %d's read of key %d %s", o.Client, o.Key, o.times())
	}
	return fmt.Sprintf("client %d's read of %d from key %d %s", o.Client, o.Value, o.Key, o.times())
}

// brief is String without the key, for sentences that name it at their beginning.
func (o Operation) brief() string {
	verb := "read"
	if o.Write {
		verb = "write"
	}
	return fmt.Sprintf("client %d's %s of %d %s", o.Client, verb, o.Value, o.times())
}

func (o Operation) times() string {
	if o.Return == Pending {
		return fmt.Sprintf("[%d, pending]", o.Call)
	}
	return fmt.Sprintf("[%d, %d]", o.Call, o.Return)
}

// Kind says what sort of violation was found.
type Kind uint8

const (
	// Malformed: the history is none that can be judged. An operation returns before its call, or a value is written twice
	// to a key, or the initial value is written: a mistake of whoever recorded it.
	Malformed Kind = iota
	// NeverWritten: a read returned a value that nobody wrote to the key.
	NeverWritten
	// BeforeWrite: a read returned a value before the write of that value was called.
	BeforeWrite
	// Cycle: of two values, each must have been in force before the other.
	Cycle
	// OutOfOrder: an operation took effect at a lower log index than one that had ended before it began. Only Online
	// finds this.
	OutOfOrder
)

// String names the kind.
func (k Kind) String() string {
	switch k {
	case Malformed:
		return "malformed history"
	case NeverWritten:
		return "read of a value never written"
	case BeforeWrite:
		return "read before the write"
	case Cycle:
		return "values in a cycle"
	case OutOfOrder:
		return "out of order in the log"
	default:
		return fmt.Sprintf("kind %d", uint8(k))
	}
}

// A Violation is proof that a history is not linearizable.
type Violation struct {
	Kind Kind
	Key  int
	// Operations are those that contradict each other, by time of call. Taken alone they are a history that is not
	// linearizable either; except for NeverWritten, where what is missing is the proof, for Malformed, and for OutOfOrder.
	Operations []Operation
	// Explanation is one sentence that says how they contradict each other.
	Explanation string
}

// String returns the kind and the explanation, and the operations, one a line.
func (v *Violation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "not linearizable (%s): %s", v.Kind, v.Explanation)
	for _, o := range v.Operations {
		fmt.Fprintf(&b, "\n  %s", o)
	}
	return b.String()
}
