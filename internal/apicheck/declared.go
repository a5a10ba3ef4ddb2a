package apicheck

import (
	"regexp"
	"strings"
)

// A Declared is a name that a package declares at its top level, as a list says.
type Declared struct {
	Package string // its name, not its path
	Kind    string // "const", "var", "func" or "type"
	Name    string
	Rest    string // what follows the name in the line: of a func, its signature
}

// TopLevel reads lists and returns what they declare at the top level of packages, in their order. Methods, fields
// and methods of interfaces belong to their types and are left out.
func TopLevel(text string) ([]Declared, error) {
	decls, err := parseList(text)
	if err != nil {
		return nil, err
	}
	topLevel := regexp.MustCompile(`^pkg (\w+), (const|var|func|type) (\w+)$`)
	var names []Declared
	for _, d := range decls {
		m := topLevel.FindStringSubmatch(d.name)
		if m == nil {
			continue
		}
		rest := strings.TrimPrefix(d.line, d.name)
		names = append(names, Declared{Package: m[1], Kind: m[2], Name: m[3], Rest: strings.TrimSpace(rest)})
	}
	return names, nil
}
