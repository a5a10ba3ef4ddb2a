package main

// The state machine: a map, and the number of the last change made to it. It is told of committed changes one after the
// other, and does the same with them on every replica (Raft §2).

import (
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"
)

// store is the state of one replica. It belongs to the replica's goroutine.
//
// The pairs lie in a slice, in an order that depends on nothing but the changes made. So equal histories give equal
// snapshots, without sorting, and a snapshot takes little time.
//
// Invariant: index[k] == i ==> pairs[i].key == k, and both have the same length.
type store struct {
	pairs []pair
	index map[string]int
	// last is the number of the last change made. The client numbers its changes 1, 2, 3 and so on. When a leader
	// crashes, the client cannot know what became of the changes that it had sent, and sends them again: the number
	// tells what is new from what was made before.
	last uint64
}

type pair struct{ key, value string }

func newStore() *store {
	return &store{index: make(map[string]int)}
}

// admit reports whether the change with this number is the next one, and if so takes note of it. Any other has to be
// ignored: a lower number is a repetition; a higher one has lost a predecessor, and the client will send both again. So
// every change is made exactly once, and all are made in order (Raft §8).
func (s *store) admit(number uint64) bool {
	if number != s.last+1 {
		return false
	}
	s.last = number
	return true
}

func (s *store) get(key string) (string, bool) {
	i, ok := s.index[key]
	if !ok {
		return "", false
	}
	return s.pairs[i].value, true
}

func (s *store) put(key, value string) {
	if i, ok := s.index[key]; ok {
		s.pairs[i].value = value
		return
	}
	key = strings.Clone(key) // else it would keep the whole text alive that it is a part of
	s.index[key] = len(s.pairs)
	s.pairs = append(s.pairs, pair{key, value})
}

// del removes a key. The last pair takes its place.
func (s *store) del(key string) {
	i, ok := s.index[key]
	if !ok {
		return
	}
	end := len(s.pairs) - 1
	moved := s.pairs[end]
	s.pairs[i] = moved
	s.index[moved.key] = i
	s.pairs[end] = pair{}
	s.pairs = s.pairs[:end]
	delete(s.index, key)
}

// A log entry holds a change as text: its number, and the command as in the input. Neither keys nor values hold line
// ends, and only values hold blanks, so text is all that is needed.

// encodeChange returns a put or del as the data of a log entry.
func encodeChange(number uint64, cmd command) []byte {
	b := make([]byte, 0, 32+len(cmd.key)+len(cmd.value))
	b = strconv.AppendUint(b, number, 10)
	b = append(append(b, ' '), cmd.name...)
	b = append(append(b, ' '), cmd.key...)
	return append(append(b, ' '), cmd.value...)
}

// apply makes the change that a log entry holds, unless it is not the next one.
func (s *store) apply(data []byte) error {
	digits, text := cutWord(string(data))
	number, err := strconv.ParseUint(digits, 10, 64)
	if err != nil {
		return fmt.Errorf("change %q has no number: %w", data, err)
	}
	cmd, err := parse(text)
	if err != nil {
		return fmt.Errorf("change %q: %w", data, err)
	}
	if !s.admit(number) {
		return nil
	}
	switch cmd.name {
	case "put":
		s.put(cmd.key, cmd.value)
	case "del":
		s.del(cmd.key)
	}
	return nil
}

// encode returns the whole state as text, for a snapshot: the number of the last change and that of the pairs, then a
// pair a line.
func (s *store) encode() []byte {
	size := 64
	for _, p := range s.pairs {
		size += len(p.key) + len(p.value) + 2
	}
	b := fmt.Appendf(make([]byte, 0, size), "%d %d\n", s.last, len(s.pairs))
	for _, p := range s.pairs {
		b = append(append(b, p.key...), ' ')
		b = append(append(b, p.value...), '\n')
	}
	return b
}

// decodeStore returns the state that a snapshot holds.
func decodeStore(data []byte) (*store, error) {
	s := newStore()
	head, rest, _ := strings.Cut(string(data), "\n")
	pairs := 0
	if _, err := fmt.Sscanf(head, "%d %d", &s.last, &pairs); err != nil {
		return nil, fmt.Errorf("snapshot begins with %q instead of two numbers: %w", head, err)
	}
	for text := range strings.Lines(rest) {
		key, value := cutWord(strings.TrimSuffix(text, "\n"))
		s.put(key, value)
	}
	if len(s.pairs) != pairs {
		return nil, fmt.Errorf("snapshot holds %d pairs instead of %d", len(s.pairs), pairs)
	}
	return s, nil
}

// digest identifies the state, the number of the last change included.
func (s *store) digest() string {
	sum := sha256.Sum256(s.encode())
	return fmt.Sprintf("%x", sum[:8])
}
