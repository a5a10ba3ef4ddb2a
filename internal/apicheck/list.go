package apicheck

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/types"
	"regexp"
	"strings"
)

// A declaration is one line of a list, taken apart for comparison.
type declaration struct {
	line  string // as written
	name  string // what is declared; unique within a list
	shape string // what is said of it: its type or signature in one canonical spelling, and a constant's value
}

// parseList takes a list apart. Empty lines and lines that begin with # are comments.
func parseList(text string) ([]declaration, error) {
	var decls []declaration
	seen := map[string]bool{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		d, err := parseLine(line)
		if err != nil {
			return nil, err
		}
		if seen[d.name] {
			return nil, fmt.Errorf("%q declares what another line declares", line)
		}
		seen[d.name] = true
		decls = append(decls, d)
	}
	return decls, nil
}

// The forms of a line. The first group is what is declared, the second what is said of it.
var forms = [...]struct{ pattern, wrap string }{
	{`^(pkg \w+, const \w+) (.+ = .+)$`, ""},
	{`^(pkg \w+, var \w+) (.+)$`, ""},
	{`^(pkg \w+, func \w+)([(\[].+)$`, "func"},
	{`^(pkg \w+, method \(\*?\w+\) \w+)(\(.+)$`, "func"},
	{`^(pkg \w+, type \w+ struct, embedded .+)()$`, ""},
	{`^(pkg \w+, type \w+ struct, \w+) (.+)$`, ""},
	{`^(pkg \w+, type \w+ interface, unexported methods)()$`, ""},
	{`^(pkg \w+, type \w+ interface, \w+)(\(.+)$`, "func"},
	{`^(pkg \w+, type \w+) (.+)$`, ""},
}

func parseLine(line string) (declaration, error) {
	for _, form := range forms {
		m := regexp.MustCompile(form.pattern).FindStringSubmatch(line)
		if m != nil {
			return declaration{line: line, name: m[1], shape: shape(form.wrap + m[2])}, nil
		}
	}
	return declaration{}, fmt.Errorf("%q is in none of the forms of an api list", line)
}

// shape spells a type in one way: names of parameters and results are dropped, byte and uint8 are the same, and so are
// any and interface{}. The left side of a constant's "T = V" and the right side of an alias's "= T" are types too.
func shape(text string) string {
	if typ, isAlias := strings.CutPrefix(text, "= "); isAlias {
		return "= " + shape(typ)
	}
	if typ, value, isConst := strings.Cut(text, " = "); isConst {
		return shape(typ) + " = " + value
	}
	expr, err := parser.ParseExpr(strings.ReplaceAll(text, "interface{}", "any"))
	if err != nil {
		return text // "struct", "interface", a generic signature: compared as written
	}
	ast.Inspect(expr, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncType:
			dropNames(n.Params)
			dropNames(n.Results)
		case *ast.Ident:
			n.Name = canonicalName(n.Name)
		}
		return true
	})
	return types.ExprString(expr)
}

func canonicalName(name string) string {
	switch name {
	case "byte":
		return "uint8"
	case "rune":
		return "int32"
	default:
		return name
	}
}

// dropNames turns "lo, hi uint64" into "uint64, uint64".
func dropNames(fields *ast.FieldList) {
	if fields == nil {
		return
	}
	var unnamed []*ast.Field
	for _, field := range fields.List {
		for range max(1, len(field.Names)) {
			unnamed = append(unnamed, &ast.Field{Type: field.Type})
		}
	}
	fields.List = unnamed
}
