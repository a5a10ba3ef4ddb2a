package lint

import (
	"go/ast"
	"go/token"
	"strings"
)

// checkGlobals allows package-level variables only where they cannot hold state: error values, assertions that a type
// implements an interface, tables in arrays, and the listed exceptions. Test files and generated files are exempt.
func checkGlobals(sources []*source) []finding {
	var findings []finding
	tables := map[string]bool{} // directory and name of each table, which nothing may assign to
	for _, s := range sources {
		if s.generated || s.isTest() {
			continue
		}
		for _, spec := range globals(s.file) {
			findings = append(findings, checkGlobal(s, spec)...)
			if isTable(spec) {
				tables[s.dir()+":"+spec.Names[0].Name] = true
			}
		}
	}
	for _, s := range sources {
		findings = append(findings, checkTableWrites(s, tables)...)
	}
	return findings
}

func globals(file *ast.File) []*ast.ValueSpec {
	var specs []*ast.ValueSpec
	for _, decl := range file.Decls {
		gen, ok := decl.(*ast.GenDecl)
		if !ok || gen.Tok != token.VAR {
			continue
		}
		for _, spec := range gen.Specs {
			specs = append(specs, spec.(*ast.ValueSpec))
		}
	}
	return specs
}

func checkGlobal(s *source, spec *ast.ValueSpec) []finding {
	if isAssertion(spec) || areErrors(spec) || isTable(spec) {
		return nil
	}
	var findings []finding
	for _, name := range spec.Names {
		if _, allowed := allowedGlobals()[s.name+":"+name.Name]; !allowed {
			findings = append(findings, s.finding(name.Pos(), "package-level variable %s can hold state", name.Name))
		}
	}
	return findings
}

// isAssertion recognises `var _ X = ...`.
func isAssertion(spec *ast.ValueSpec) bool {
	for _, name := range spec.Names {
		if name.Name != "_" {
			return false
		}
	}
	return spec.Type != nil
}

// areErrors recognises names that begin with err, each with a new error as its value.
func areErrors(spec *ast.ValueSpec) bool {
	if len(spec.Names) != len(spec.Values) {
		return false
	}
	for i, name := range spec.Names {
		if !strings.HasPrefix(strings.ToLower(name.Name), "err") || !isNewError(spec.Values[i]) {
			return false
		}
	}
	return true
}

func isNewError(value ast.Expr) bool {
	if addr, ok := value.(*ast.UnaryExpr); ok && addr.Op == token.AND {
		value = addr.X
	}
	switch value := value.(type) {
	case *ast.CallExpr:
		name := dotted(value.Fun)
		return name == "errors.New" || name == "fmt.Errorf"
	case *ast.CompositeLit:
		return strings.HasSuffix(strings.ToLower(dotted(value.Type)), "error")
	default:
		return false
	}
}

// dotted writes an identifier, qualified or not; "" stands for any other expression.
func dotted(expr ast.Expr) string {
	switch expr := expr.(type) {
	case *ast.Ident:
		return expr.Name
	case *ast.SelectorExpr:
		return dotted(expr.X) + "." + expr.Sel.Name
	default:
		return ""
	}
}

// isTable recognises one array of constants: nothing in it is called, pointed at, or shared with other variables.
func isTable(spec *ast.ValueSpec) bool {
	if len(spec.Names) != 1 || len(spec.Values) != 1 {
		return false
	}
	lit, ok := spec.Values[0].(*ast.CompositeLit)
	if !ok {
		return false
	}
	typ, ok := lit.Type.(*ast.ArrayType)
	if !ok || typ.Len == nil {
		return false
	}
	constant := true
	ast.Inspect(lit, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncType, *ast.MapType, *ast.StarExpr, *ast.ChanType, *ast.InterfaceType, *ast.CallExpr:
			constant = false
		case *ast.UnaryExpr:
			constant = constant && n.Op != token.AND
		case *ast.ArrayType:
			constant = constant && n.Len != nil
		}
		return constant
	})
	return constant
}

// checkTableWrites reports assignments to an element of a table, and to the whole of it. It goes by name, so a local
// variable must not share a table's name either.
func checkTableWrites(s *source, tables map[string]bool) []finding {
	var findings []finding
	report := func(target ast.Expr) {
		if name := assigned(target); tables[s.dir()+":"+name] {
			findings = append(findings, s.finding(target.Pos(), "the table %s is written to", name))
		}
	}
	ast.Inspect(s.file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for _, target := range n.Lhs {
				report(target)
			}
		case *ast.IncDecStmt:
			report(n.X)
		case *ast.UnaryExpr:
			if n.Op == token.AND {
				report(n.X)
			}
		}
		return true
	})
	return findings
}

// assigned returns the name of the variable that an assignment to the expression would change.
func assigned(target ast.Expr) string {
	switch target := target.(type) {
	case *ast.Ident:
		return target.Name
	case *ast.IndexExpr:
		return assigned(target.X)
	case *ast.SelectorExpr:
		return assigned(target.X)
	default:
		return ""
	}
}
