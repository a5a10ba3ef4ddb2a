package quorum

import "strconv"

// VoteResult is the state of a vote: of one majority, or of both of a joint configuration (Raft §5.2, §6). The zero
// value is not a result.
type VoteResult uint8

const (
	// VotePending means that answers still to come decide the vote.
	VotePending VoteResult = 1
	// VoteLost means that so many voters have refused that no majority is left.
	VoteLost VoteResult = 2
	// VoteWon means that a majority has granted the vote, whatever the others say.
	VoteWon VoteResult = 3
)

// And combines the results of the two majorities of a joint configuration: lost if either is lost, won if both are
// won, pending otherwise.
func (r VoteResult) And(o VoteResult) VoteResult {
	if r == VoteLost || o == VoteLost {
		return VoteLost
	}
	if r == VoteWon && o == VoteWon {
		return VoteWon
	}
	return VotePending
}

// String returns the name of the constant, or "VoteResult(n)" for a number that has none.
func (r VoteResult) String() string {
	switch r {
	case VotePending:
		return "VotePending"
	case VoteLost:
		return "VoteLost"
	case VoteWon:
		return "VoteWon"
	default:
		return "VoteResult(" + strconv.Itoa(int(r)) + ")"
	}
}
