package choose

import "fmt"

// Enumerator makes every sequence of choices there is, one path of the tree of choices after the other:
//
//	for e.Next() {
//		run(e)
//	}
//
// calls run once for each path, in lexicographic order: first with zeros throughout, and with the last choice changing
// fastest. Nothing of the code under test is copied or saved: each run repeats the path before up to a point, and
// differs from there. The code must therefore be deterministic: what it asks for may depend on the choices made, and on
// nothing else. A run ends a path by returning, and may do so early, but not while [Enumerator.Replaying].
//
// The zero value is ready for use and has no bound.
type Enumerator struct {
	// MaxDepth bounds how many choices a path has, inclusive; later ones are 0. Zero means no bound. It must not change
	// after the first call of Next.
	MaxDepth int

	path    []Choice // the choices of the current path, and during a replay those that it has yet to repeat
	asked   int      // how many choices the current path has asked for, at most len(path)
	replay  int      // how many choices the current path shares with the one before, plus the one that differs
	running bool     // Next has returned true, and nothing since has returned false
	cut     bool     // the current path had a choice beyond MaxDepth
	done    bool     // every path has been visited

	paths, truncated uint64
}

// Next moves to the next path, and returns false when every path has been visited. It panics if the run before asked
// for fewer choices than an earlier one on the same path.
func (e *Enumerator) Next() bool {
	if e.done {
		return false
	}
	if !e.running {
		e.running = true
		return true
	}
	e.finish()
	last := len(e.path) - 1
	for last >= 0 && e.path[last].Made+1 == e.path[last].N {
		last--
	}
	e.path = e.path[:last+1]
	if last < 0 {
		e.running, e.done = false, true
		return false
	}
	e.path[last].Made++
	e.asked, e.replay, e.cut = 0, len(e.path), false
	return true
}

// finish counts the path that has just been run.
func (e *Enumerator) finish() {
	if e.asked < e.replay {
		panic(fmt.Sprintf("choose: the code under test is not deterministic: it ended after %d choices on a path where it "+
			"went on before; path: %v", e.asked, e.path))
	}
	e.paths++
	if e.cut {
		e.truncated++
	}
}

// Choose returns the choice of the current path at the current position. It panics outside of a path, and if an earlier
// path that began with the same choices asked for another n here.
func (e *Enumerator) Choose(n int) int {
	if n < 1 {
		panic(noChoice)
	}
	if !e.running {
		panic("choose: Choose of an Enumerator without a path; call it only after Next has returned true")
	}
	if e.asked < len(e.path) {
		return e.repeat(n)
	}
	if e.MaxDepth > 0 && e.asked == e.MaxDepth {
		e.cut = e.cut || n > 1
		return 0
	}
	e.path = append(e.path, Choice{N: n})
	e.asked++
	return 0
}

func (e *Enumerator) repeat(n int) int {
	c := e.path[e.asked]
	if c.N != n {
		panic(fmt.Sprintf("choose: the code under test is not deterministic: choice %d (counted from 0) is one of %d, and "+
			"was one of %d when the same path was run before; path: %v", e.asked, n, c.N, e.path[:e.asked]))
	}
	e.asked++
	return c.Made
}

// Replaying reports whether all choices so far were made by the path before as well. A run that stops at states which
// it has seen before must not stop there: this is how it gets to new ones.
func (e *Enumerator) Replaying() bool { return e.asked < e.replay }

// Path returns the choices that the current path has made so far, to report it or to run it again with [Replay]. The
// slice is valid until the next call of Next.
func (e *Enumerator) Path() []Choice { return e.path[:e.asked:e.asked] }

// Paths returns how many paths have been visited from beginning to end.
func (e *Enumerator) Paths() uint64 { return e.paths }

// Truncated returns how many of the visited paths went beyond MaxDepth where there was more than one choice: each
// stands for paths that have not been visited.
func (e *Enumerator) Truncated() uint64 { return e.truncated }
