// Package minimise shortens a list that makes something fail, such as the events of a run that violates a property, to
// one of which nothing can be left out: delta debugging (Zeller and Hildebrandt, "Simplifying and isolating
// failure-inducing input", 2002), preceded by a search for a short prefix, since a run stops at its violation.
package minimise

import "slices"

// Progress says how far a search is.
type Progress struct {
	// Trials is how often the list was tried so far, Items how many items are left.
	Trials, Items int
	// Chunk is how many items the search now leaves out at once; zero while it looks for a prefix.
	Chunk int
}

// Option is a setting of Minimise.
type Option func(*settings)

type settings struct {
	maxTrials int
	progress  func(Progress)
}

// MaxTrials bounds how often the list is tried, the first trial of the whole list included. The result then fails, but
// more might be left out of it. Without this option, or with n below one, nothing bounds it but the method: at most
// about n*n/2 trials for a list of n items, in practice a few times the length of the result times the logarithm of n.
func MaxTrials(n int) Option {
	return func(s *settings) { s.maxTrials = n }
}

// OnProgress has f called after every trial, from the goroutine that called Minimise.
func OnProgress(f func(Progress)) Option {
	return func(s *settings) { s.progress = f }
}

// Minimise returns a list of items in their order, a part of the given ones, that fails, and from which no single item
// can be left out without it ceasing to fail (one-minimal; fewer items may fail still, if several are left out at once).
// If the whole list does not fail, it is returned as it is, after one trial.
//
// The function fails must give the same answer for the same list each time. It is called with lists that it may keep
// and change, from the calling goroutine alone. It need not hold for all longer prefixes of a list, nor for all lists
// that contain one for which it holds: what is returned was tried.
//
// The same items and answers lead to the same trials and the same result.
func Minimise[T any](items []T, fails func([]T) bool, opts ...Option) []T {
	s := search[T]{items: slices.Clone(items), fails: fails}
	for _, opt := range opts {
		opt(&s.settings)
	}
	if !s.try(s.items) {
		return s.items
	}
	s.shortestPrefix()
	for chunk := len(s.items) / 2; chunk > 1; chunk /= 2 {
		s.chunk = chunk
		s.removeChunks()
	}
	s.chunk = 1
	s.removeSingles()
	return s.items
}

// search is the state of one call of Minimise: items always fail.
type search[T any] struct {
	settings
	fails  func([]T) bool
	items  []T
	trials int
	chunk  int
}

// exhausted reports whether no trial is left.
func (s *search[T]) exhausted() bool { return s.maxTrials > 0 && s.trials >= s.maxTrials }

// try reports whether the list fails. Without a trial left it answers that it does not, so that the list is not taken.
func (s *search[T]) try(list []T) bool {
	if s.exhausted() {
		return false
	}
	s.trials++
	failed := s.fails(slices.Clone(list))
	if s.progress != nil {
		left := len(s.items)
		if failed {
			left = len(list)
		}
		s.progress(Progress{Trials: s.trials, Items: left, Chunk: s.chunk})
	}
	return failed
}

// shortestPrefix cuts the list after the first prefix that fails, if whatever is longer fails as well. Where that does
// not hold, bisection may end at a longer one than necessary; so it is checked at growing distances below the end
// found, and where a shorter prefix fails, the bisection goes on below that.
func (s *search[T]) shortestPrefix() {
	if s.try(nil) {
		s.items = nil
		return
	}
	for again := true; again; {
		s.bisect()
		again = s.probeShorter()
	}
}

// bisect finds a prefix that fails although the one that is an item shorter does not.
func (s *search[T]) bisect() {
	passes := 0
	for len(s.items)-passes > 1 {
		middle := passes + (len(s.items)-passes)/2
		if s.try(s.items[:middle]) {
			s.items = s.items[:middle]
			continue
		}
		if s.exhausted() {
			return
		}
		passes = middle
	}
}

// probeShorter tries prefixes that are shorter than the list by 2, 4, 8 and so on, and takes the first that fails.
func (s *search[T]) probeShorter() bool {
	for less := 2; less < len(s.items); less *= 2 {
		if shorter := s.items[:len(s.items)-less]; s.try(shorter) {
			s.items = shorter
			return true
		}
	}
	return false
}

// without returns the list without the items from position from up to, but not including, position to.
func (s *search[T]) without(from, to int) []T {
	return slices.Concat(s.items[:from], s.items[to:])
}

// removeChunks tries once to leave out each chunk, from the end of the list to its beginning: what happens late depends
// on what happened before, rarely the other way round.
func (s *search[T]) removeChunks() {
	for end := len(s.items); end > 0; end -= s.chunk {
		from := max(0, end-s.chunk)
		if len(s.items) == end-from {
			return // the empty list is known not to fail
		}
		if shorter := s.without(from, end); s.try(shorter) {
			s.items = shorter
		}
	}
}

// removeSingles leaves out single items, round and round from the end, until each of those that are left has been
// tried since the last one went.
func (s *search[T]) removeSingles() {
	if len(s.items) < 2 {
		return // the empty list is known not to fail
	}
	at := len(s.items)
	for needed := 0; needed < len(s.items) && !s.exhausted(); {
		if at == 0 {
			at = len(s.items)
		}
		at--
		shorter := s.without(at, at+1)
		if len(shorter) > 0 && s.try(shorter) {
			s.items = shorter
			needed = 0
			continue
		}
		needed++
	}
}
