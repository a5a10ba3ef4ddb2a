package lint

import "testing"

func TestLevels(t *testing.T) {
	runRule(t, eachFile(checkLevels), []ruleTest{
		{"the log names the state machine", "log.go", "package raft\n\nfunc f(r *raft) {}\n",
			[]string{"log.go:3: raft belongs to a higher level"}},
		{"the log has it as a receiver", "storage.go", "package raft\n\n\nfunc (r *raft) f() {}\n",
			[]string{"storage.go:4: raft"}},
		{"the log collects output", "entry.go", "package raft\n\nvar r Ready\n",
			[]string{"entry.go:3: Ready"}},
		{"the core collects output", "lease.go", "package raft\n\nfunc f() *Ready { return &Ready{} }\n",
			[]string{"lease.go:3: Ready", "lease.go:3: Ready"}},
		{"the core knows its wrapper", "raft.go", "package raft\n\ntype t struct{ n *RawNode }\n",
			[]string{"raft.go:3: RawNode"}},
		{"the node reaches in", "node.go", "package raft\n\nfunc f(n *node) {\n\tn.rn.raft.tick()\n}\n",
			[]string{"node.go:4: call a method of RawNode"}},
		{"a new file", "wal.go", "package raft\n", []string{"wal.go:1: say in levels.go at which level"}},

		{"a comment is no use", "log.go", "package raft\n\n// raft hands out a Ready.\nfunc f() {}\n", nil},
		{"other names", "log.go", "package raft\n\ntype raftLog struct{ isReady, HasReady bool }\n", nil},
		{"the core names itself", "role.go", "package raft\n\nfunc (r *raft) f() {}\n", nil},
		{"RawNode reaches in", "rawnode.go", "package raft\n\nfunc f(rn *RawNode) Ready { return rn.raft.x }\n", nil},
		{"tests see everything", "log_test.go", "package raft\n\nfunc f(r *raft) Ready { panic(1) }\n", nil},
		{"other packages", "replica/log.go", "package replica\n\nfunc f(r *raft.RawNode) {}\n", nil},
	})
}
