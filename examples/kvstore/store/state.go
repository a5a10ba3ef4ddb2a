package store

import (
	"encoding/binary"
	"fmt"
)

// The counters of the replicated state, which together with the stored records are all of it.

// A state holds the counters as they are after some command.
type state struct {
	rev       uint64 // that of the last change, 0 before the first
	keys      uint64
	dataBytes uint64 // of keys and values

	oldest     uint64 // first revision of the history
	events     uint64 // how many there are in the history
	eventBytes uint64

	idemOldest uint64 // sequence of the first idempotency key that is remembered
	idemNext   uint64 // sequence of the next one to come
	idemBytes  uint64

	bounds Bounds
}

const (
	stateVersion = 1
	stateFields  = 13
	stateBytes   = 1 + 8*stateFields
)

func newState(bounds Bounds) state {
	return state{oldest: 1, idemOldest: 1, idemNext: 1, bounds: bounds}
}

// fields lists all of the state in the order in which it is stored.
func (s *state) fields() [stateFields]*uint64 {
	b := &s.bounds
	return [stateFields]*uint64{
		&s.rev, &s.keys, &s.dataBytes,
		&s.oldest, &s.events, &s.eventBytes,
		&s.idemOldest, &s.idemNext, &s.idemBytes,
		&b.MaxEvents, &b.MaxEventBytes, &b.MaxIdempotency, &b.MaxIdempotencyBytes,
	}
}

func (s *state) append(dst []byte) []byte {
	dst = append(dst, stateVersion)
	for _, field := range s.fields() {
		dst = binary.BigEndian.AppendUint64(dst, *field)
	}
	return dst
}

func decodeState(data []byte) (state, error) {
	if len(data) != stateBytes || data[0] != stateVersion {
		return state{}, fmt.Errorf("the counters have %d bytes and version %x, expected %d and %x: %w",
			len(data), data[:min(1, len(data))], stateBytes, stateVersion, ErrInvalid)
	}
	var s state
	for i, field := range s.fields() {
		*field = binary.BigEndian.Uint64(data[1+8*i:])
	}
	if s.oldest == 0 || s.oldest > s.rev+1 || s.idemOldest == 0 || s.idemOldest > s.idemNext {
		return state{}, fmt.Errorf("the counters contradict each other: %w", ErrInvalid)
	}
	return s, nil
}
