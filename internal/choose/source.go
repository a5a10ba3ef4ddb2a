// Package choose is the one place where code under exploration gets its decisions from. Code that asks a [Source] for
// every decision can be run from a seed ([Seeded], a simulation), over all decisions there are ([Enumerator], a model
// checker), from a string of bytes ([Bytes], a fuzz target), or once more ([Recorder] and [Replay]).
package choose

// A Source makes choices. Sources are not safe for use by several goroutines at a time.
//
// By convention 0 is the plain choice: nothing goes wrong, nothing is late. A source that has run out of choices goes on
// with zeros, so that what follows is an uneventful end.
type Source interface {
	// Choose returns a number in [0, n). It panics if n is less than 1: there is nothing to choose from, which is a
	// mistake of the caller.
	Choose(n int) int
}

// noChoice is what every source panics with when n is less than 1. A constant keeps Seeded.Choose small.
const noChoice = "choose: there is nothing to choose from; Choose(n) needs n of at least 1"

// A Choice is one choice that was made: the number Made out of [0, N).
type Choice struct {
	N    int
	Made int
}
