package lint

import (
	"go/ast"
)

// Bounds on lines, all inclusive.
const (
	maxFuncLines     = 60
	maxFileLines     = 500
	maxTestFileLines = 800
)

// checkSize bounds the length of files and functions. A function counts from the line of the word func to that of its
// closing brace.
func checkSize(s *source) []finding {
	if s.generated {
		return nil
	}
	var findings []finding
	bound := maxFileLines
	if s.isTest() {
		bound = maxTestFileLines
	}
	if s.lines > bound {
		findings = append(findings, s.finding(s.file.Package, "the file has %d lines, at most %d are allowed", s.lines, bound))
	}
	for _, decl := range s.file.Decls {
		fn, ok := decl.(*ast.FuncDecl)
		if !ok || fn.Body == nil {
			continue
		}
		lines := s.line(fn.Body.Rbrace) - s.line(fn.Type.Func) + 1
		if lines > maxFuncLines && !isFlatSwitch(s, fn.Body) {
			findings = append(findings, s.finding(fn.Pos(), "function %s has %d lines, at most %d are allowed",
				fn.Name.Name, lines, maxFuncLines))
		}
	}
	return findings
}

// isFlatSwitch reports whether a body is one switch that reads as a table: each case is one line, or makes one call.
// A return may follow the switch.
func isFlatSwitch(s *source, body *ast.BlockStmt) bool {
	stmts := body.List
	if n := len(stmts); n == 2 {
		if _, isReturn := stmts[1].(*ast.ReturnStmt); isReturn {
			stmts = stmts[:1]
		}
	}
	if len(stmts) != 1 {
		return false
	}
	var cases []ast.Stmt
	switch sw := stmts[0].(type) {
	case *ast.SwitchStmt:
		cases = sw.Body.List
	case *ast.TypeSwitchStmt:
		cases = sw.Body.List
	default:
		return false
	}
	for _, c := range cases {
		if !isFlatCase(s, c.(*ast.CaseClause)) {
			return false
		}
	}
	return true
}

func isFlatCase(s *source, c *ast.CaseClause) bool {
	if len(c.Body) == 0 {
		return true
	}
	if len(c.Body) == 1 && s.line(c.Body[0].Pos()) == s.line(c.Body[0].End()) {
		return true
	}
	calls, flat := 0, true
	for _, stmt := range c.Body {
		ast.Inspect(stmt, func(n ast.Node) bool {
			switch n.(type) {
			case *ast.CallExpr:
				calls++
			case *ast.BlockStmt:
				flat = false
			}
			return true
		})
	}
	return flat && calls <= 1
}
