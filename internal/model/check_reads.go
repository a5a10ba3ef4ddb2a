package model

import (
	"fmt"
	"slices"

	"github.com/seed695671cb/raft/rafttest/trace"
)

// A read that was asked for when some member already knew an index to be committed must be answered with that index or
// a later one (thesis §6.4). The highest index known to be committed when a read is asked for is its floor.

// newReads returns the reads that were answered in a step.
func newReads(before, after *Facts) []ReadFact {
	var answered []ReadFact
	for _, r := range after.Reads {
		if !slices.Contains(before.Reads, r) {
			answered = append(answered, r)
		}
	}
	return answered
}

// checkRead checks one answer.
func checkRead(read ReadFact, floor uint64, after *Facts, group []*Facts) *trace.Violation {
	if read.Index >= floor {
		return nil
	}
	return violation("linearizable reads", fmt.Sprintf(
		"read %d at member %d was answered with index %d, although index %d was known to be committed when it was asked for",
		read.Number, after.Member, read.Index, floor), group...)
}

// committedAnywhere returns the highest index that any member knows to be committed.
func committedAnywhere(group []*localInfo) uint64 {
	highest := 0
	for _, l := range group {
		highest = max(highest, len(l.facts.Committed))
	}
	return uint64(highest)
}
