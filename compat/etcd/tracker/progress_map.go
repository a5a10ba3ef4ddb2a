package tracker

// This file holds the progress of all members by ID.

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// ProgressMap holds the Progress of each member by its ID. It is not safe for use from several goroutines.
type ProgressMap map[uint64]*Progress

// String returns one line for each member, IDs ascending, as in "2: StateProbe match=5 next=8\n".
func (m ProgressMap) String() string {
	var b strings.Builder
	for _, id := range slices.Sorted(maps.Keys(m)) {
		fmt.Fprintf(&b, "%d: %s\n", id, m[id])
	}
	return b.String()
}
