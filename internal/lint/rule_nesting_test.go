package lint

import "testing"

func TestNesting(t *testing.T) {
	function := func(body string) string { return "package p\n\nfunc f() {\n" + body + "\n}\n" }
	deep := []string{"raft.go:3: nested more than 3 deep"}
	sameLine := func(body string) string { return "package p\n\nfunc f() { " + body + " }\n" }
	runRule(t, eachFile(checkNesting), []ruleTest{
		{"four ifs", "raft.go", sameLine("if a { if b { if c { if d { } } } }"), deep},
		{"five are one finding", "raft.go", sameLine("if a { if b { if c { if d { if e { } } } } }"), deep},
		{"two at the fourth level", "raft.go", function("for {\nfor {\nfor {\nfor {\n}\nfor {\n}\n}\n}\n}"),
			[]string{"raft.go:7: nested", "raft.go:9: nested"}},
		{"each kind", "raft.go", sameLine("for range x { switch x { case 1: select { default: switch x.(type) { } } } }"), deep},
		{"in an else", "raft.go", sameLine("if a { } else { if b { for { for { } } } }"), deep},
		{"in an else-if", "raft.go", sameLine("if a { } else if b { for { for { for { } } } }"), deep},
		{"a bare block", "raft.go", sameLine("for { for { for { { x() } } } }"), deep},
		{"in a literal", "raft.go", sameLine("go func() { for { for { for { if a { } } } } }()"), deep},
		{"in a condition", "raft.go", sameLine("if func() bool { for { for { for { if a { } } } } }() { }"), deep},
		{"after a label", "raft.go", sameLine("for { for { for { l: for { break l } } } }"), deep},

		{"three", "raft.go", sameLine("for { switch x { case 1: if a { x() } } }"), nil},
		{"a chain", "raft.go", sameLine("for { for { if a { } else if b { } else if c { } else if d { } else { } } }"), nil},
		{"a literal starts anew", "raft.go", sameLine("for { for { for { go func() { for { for { for { } } } }() } } }"), nil},
		{"side by side", "raft.go", sameLine("for { for { if a { }; if b { }; for { } } }; for { for { for { } } }"), nil},
		{"tests", "raft_test.go", sameLine("for { for { for { for { } } } }"), nil},
	})
}
