package lint

import "go/ast"

// maxNesting bounds how many statements with blocks stand inside one another, inclusive.
const maxNesting = 3

// checkNesting bounds the depth of if, for, switch, select and bare blocks inside one another. The cases of a switch
// and an else-if are at the depth of their statement, and a function literal starts anew. Test files are exempt.
func checkNesting(s *source) []finding {
	if s.generated || s.isTest() {
		return nil
	}
	var findings []finding
	var path []ast.Node // from the file down to the node that is being visited
	ast.Inspect(s.file, func(n ast.Node) bool {
		if n == nil {
			path = path[:len(path)-1]
			return true
		}
		path = append(path, n)
		if nests(path) && nestingDepth(path) == maxNesting+1 {
			findings = append(findings, s.finding(n.Pos(), "nested more than %d deep; return early or name a part", maxNesting))
		}
		return true
	})
	return findings
}

// nestingDepth counts the nesting statements on a path since the last function began, the end of the path included.
func nestingDepth(path []ast.Node) int {
	depth := 0
	for i := len(path); i > 0; i-- {
		switch path[i-1].(type) {
		case *ast.FuncDecl, *ast.FuncLit:
			return depth
		}
		if nests(path[:i]) {
			depth++
		}
	}
	return depth
}

// nests reports whether the last node of a path opens a level.
func nests(path []ast.Node) bool {
	n := path[len(path)-1]
	switch n := n.(type) {
	case *ast.ForStmt, *ast.RangeStmt, *ast.SwitchStmt, *ast.TypeSwitchStmt, *ast.SelectStmt:
		return true
	case *ast.IfStmt:
		outer, ok := path[len(path)-2].(*ast.IfStmt)
		return !ok || outer.Else != n
	case *ast.BlockStmt:
		return isBare(path[len(path)-2])
	default:
		return false
	}
}

// isBare reports whether a block with the given parent stands by itself, where a statement would.
func isBare(parent ast.Node) bool {
	switch parent.(type) {
	case *ast.BlockStmt, *ast.CaseClause, *ast.CommClause, *ast.LabeledStmt:
		return true
	default:
		return false
	}
}
