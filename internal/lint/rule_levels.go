package lint

import (
	"go/ast"
	"slices"
)

// checkLevels holds the files of the root package to their levels: no file names what a higher level declares, and the
// file with the goroutines reaches the state machine through RawNode's methods alone.
func checkLevels(s *source) []finding {
	if s.dir() != "." || s.isTest() {
		return nil
	}
	row, known := rootFiles()[s.name]
	if !known {
		return []finding{s.finding(s.file.Package, "say in levels.go at which level this file belongs")}
	}
	findings := checkNames(s, forbiddenNames(row.level))
	if row.level == levelNode {
		findings = append(findings, checkNoReachingIn(s)...)
	}
	return findings
}

func checkNames(s *source, forbidden []string) []finding {
	var findings []finding
	ast.Inspect(s.file, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		if ok && id != s.file.Name && slices.Contains(forbidden, id.Name) {
			findings = append(findings, s.finding(id.Pos(), "%s belongs to a higher level than this file", id.Name))
		}
		return true
	})
	return findings
}

func checkNoReachingIn(s *source) []finding {
	var findings []finding
	ast.Inspect(s.file, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if ok && sel.Sel.Name == "raft" {
			findings = append(findings, s.finding(sel.Sel.Pos(), "call a method of RawNode instead of reaching into .raft"))
		}
		return true
	})
	return findings
}
