package lint

import "testing"

func TestImports(t *testing.T) {
	importing := func(paths ...string) string {
		text := "package p\n\nimport (\n"
		for _, path := range paths {
			text += "\t\"" + path + "\"\n"
		}
		return text + ")\n"
	}
	runRule(t, eachFile(checkImports), []ruleTest{
		{"quorum imports ours", "quorum/a.go", importing(modulePath + "/raftpb"),
			[]string{"quorum/a.go:4: package quorum may not import package raftpb"}},
		{"raftpb imports the root", "raftpb/a.go", importing("fmt", modulePath),
			[]string{"raftpb/a.go:5: package raftpb may not import the root package"}},
		{"tracker looks up", "tracker/a.go", importing(modulePath+"/quorum", modulePath+"/confchange"),
			[]string{"tracker/a.go:5: package tracker may not import package confchange"}},
		{"the root imports what tests it", "raft.go", importing(modulePath + "/internal/choose"),
			[]string{"raft.go:4: the root package may not import package internal/choose"}},
		{"the root imports what embeds it", "raft.go", importing(modulePath+"/rafttest", modulePath+"/replica"),
			[]string{"raft.go:4: the root package may not import package rafttest", "raft.go:5: "}},
		{"a new package", "wal/a.go", importing(),
			[]string{`wal/a.go:1: package directory "wal" is in no level`}},
		{"a dependency for users", "replica/a.go", importing("github.com/stretchr/testify/require"),
			[]string{"replica/a.go:4: package replica may not depend on github.com/stretchr/testify/require"}},
		{"an unlisted dependency of a test", "raft_test.go", importing("go.etcd.io/raft/v3"),
			[]string{"raft_test.go:4: the root package may not depend on go.etcd.io/raft/v3"}},
		{"a similar name", "raftpb/a.go", importing("github.com/gogo/protobuffer"),
			[]string{"raftpb/a.go:4: package raftpb may not depend on"}},

		{"as the layout says", "confchange/a.go", importing("errors", modulePath+"/tracker", modulePath+"/raftpb"), nil},
		{"the wire library", "raftpb/a.go", importing("github.com/gogo/protobuf/proto"), nil},
		{"tests of the root", "raft_test.go", importing(modulePath+"/rafttest", "github.com/stretchr/testify/require"), nil},
		{"internal helpers", "internal/script/a.go", importing(modulePath, "github.com/cockroachdb/datadriven"), nil},
		{"below a listed directory", "rafttest/disk/a.go", importing(modulePath + "/rafttest"), nil},
	})
}
