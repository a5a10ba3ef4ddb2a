package lint

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestModule holds the module to every rule.
func TestModule(t *testing.T) {
	sources, err := loadModule(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	if len(sources) < 20 {
		t.Fatalf("found only %d Go files", len(sources))
	}
	for _, f := range lint(sources) {
		t.Error("\n" + f.String())
	}
}

// TestAllowedGlobalsExist keeps the list of exceptions from outliving what it excuses.
func TestAllowedGlobalsExist(t *testing.T) {
	sources, err := loadModule(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, s := range sources {
		for _, spec := range globals(s.file) {
			for _, name := range spec.Names {
				found[s.name+":"+name.Name] = true
			}
		}
	}
	for name, reason := range allowedGlobals() {
		if !found[name] {
			t.Errorf("%s (%s) is allowed and does not exist; remove it from levels.go", name, reason)
		}
	}
}

func TestFindingsAreSortedByFileAndLine(t *testing.T) {
	var got []string
	for _, f := range lint([]*source{
		parse(t, "unknown.go", "package raft\n"),
		parse(t, "entry.go", "package raft\n\nvar a = 1\n\nvar b = 1\n"),
	}) {
		got = append(got, f.String())
	}
	want := []string{
		"entry.go:1: begin the file with a comment that says what it is for",
		"entry.go:3: package-level variable a can hold state",
		"entry.go:5: package-level variable b can hold state",
		"unknown.go:1: say in levels.go at which level this file belongs",
		"unknown.go:1: begin the file with a comment that says what it is for",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// A ruleTest is a doctored file and what the rule must say about it: the beginning of each finding, in order.
type ruleTest struct {
	name string
	file string
	text string
	want []string
}

func runRule(t *testing.T, check rule, tests []ruleTest) {
	t.Helper()
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			got := check([]*source{parse(t, tc.file, tc.text)})
			if len(got) != len(tc.want) {
				t.Fatalf("want %d findings, got %v", len(tc.want), got)
			}
			for i, f := range got {
				if !strings.HasPrefix(f.String(), tc.want[i]) {
					t.Errorf("want %q, got %q", tc.want[i], f)
				}
			}
		})
	}
}

func parse(t *testing.T, name, text string) *source {
	t.Helper()
	s, err := parseSource(name, text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
