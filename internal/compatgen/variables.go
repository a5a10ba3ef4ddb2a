package main

// This file writes the test of one package that its variables hold the very values that this library's hold: programs
// compare them with == and errors.Is.

import (
	"bytes"
	"fmt"
	"go/format"
	"slices"

	"github.com/seed695671cb/raft/internal/apicheck"
)

// variablesTest is the test, after its imports and before its rows. Both pointers and maps can be asked by reflection
// whether they are the same.
const variablesTest = `
// TestVariablesAreTheSame compares each variable with the one of the same name in this library.
func TestVariablesAreTheSame(t *testing.T) {
	for _, v := range []struct {
		name       string
		here, ours any
	}{
`

const variablesTestEnd = `	} {
		here, ours := reflect.ValueOf(v.here), reflect.ValueOf(v.ours)
		if here.Type() != ours.Type() || here.Pointer() != ours.Pointer() {
			t.Errorf("%s is %v, ours is %v", v.name, v.here, v.ours)
		}
	}
}
`

// renderTest returns the formatted source of the test, nil if the package has no variables.
func renderTest(t target, declared []apicheck.Declared) ([]byte, error) {
	var variables []apicheck.Declared
	for _, d := range declared {
		if d.Package == t.name && d.Kind == "var" {
			variables = append(variables, d)
		}
	}
	if len(variables) == 0 {
		return nil, nil
	}
	slices.SortFunc(variables, byName)
	var file bytes.Buffer
	writeHead(&file, t)
	fmt.Fprintf(&file, "import (\n\"reflect\"\n\"testing\"\n\n%s %q\n)\n", qualifier, t.path(oursModule))
	file.WriteString(variablesTest)
	for _, d := range variables {
		fmt.Fprintf(&file, "{%q, %s, %s.%s},\n", d.Name, d.Name, qualifier, d.Name)
	}
	file.WriteString(variablesTestEnd)
	return format.Source(file.Bytes())
}
