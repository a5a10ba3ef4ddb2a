package linear

import "fmt"

// Online checks the order of operations that take effect at entries of one log, at constant cost for each, while they
// run. The rule is real-time order: an operation that begins after another has ended takes effect at no lower index, and
// at a higher one if it is a write, which makes an entry of its own. It holds across keys, because they share the log.
//
// The rule is necessary, not sufficient: it says nothing of the values that were read. [Check] does.
//
// Call [Online.Called] when an operation begins and [Online.Done] when its client learns that it has ended. An operation
// whose outcome its client never learns has no Done. The zero value is ready for use; it is not safe for use by several
// goroutines at a time.
type Online struct {
	highest Floor
}

// A Floor is the lowest index at which a read may take effect, and one less than a write may, with the operation that set
// it. Each operation carries its own from Called to Done.
type Floor struct {
	index uint64
	by    Operation
}

// Index returns the index: the highest at which an operation had taken effect that had ended by then. It is zero if none
// had.
func (f Floor) Index() uint64 { return f.index }

// Called returns the floor for an operation that begins now.
func (o *Online) Called() Floor { return o.highest }

// Done takes an operation that has ended, the floor that Called returned when it began, and the log index at which it
// took effect: for a write the index of its entry, for a read the applied index of the state that it was answered from.
// It returns nil if the order is kept.
func (o *Online) Done(floor Floor, op Operation, index uint64) *Violation {
	lowest := floor.index
	if op.Write {
		lowest++
	}
	if index < lowest {
		return outOfOrder(floor, op, index)
	}
	if index > o.highest.index {
		o.highest = Floor{index: index, by: op}
	}
	return nil
}

func outOfOrder(floor Floor, op Operation, index uint64) *Violation {
	if floor.index == 0 {
		return &Violation{
			Kind: OutOfOrder, Key: op.Key, Operations: []Operation{op},
			Explanation: fmt.Sprintf("%v took effect at index 0, where there is no entry", op),
		}
	}
	return &Violation{
		Kind: OutOfOrder, Key: op.Key, Operations: []Operation{floor.by, op},
		Explanation: fmt.Sprintf("%v took effect at index %d, but began after %v had ended, which took effect at index %d",
			op, index, floor.by, floor.index),
	}
}
