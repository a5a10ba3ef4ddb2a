package trace

import "github.com/seed695671cb/raft"

// RoleOf names a role as MemberState.Role does.
func RoleOf(s raft.StateType) string {
	switch s {
	case raft.StateLeader:
		return "leader"
	case raft.StateCandidate:
		return "candidate"
	case raft.StatePreCandidate:
		return "pre-candidate"
	default:
		return "follower"
	}
}
