package main

// This file compares what apidiff does not look at: the order of a struct's fields. Composite literals without field
// names depend on it, and what is written as JSON.

import (
	"fmt"
	"go/types"
	"slices"
	"strings"
)

// reordered returns a text for each struct of the older package whose exported fields the newer one has in another
// order. Fields that only one of them has do not count.
func reordered(name string, older, newer *types.Package) []string {
	var problems []string
	for _, obj := range exported(older) {
		same := newer.Scope().Lookup(obj.Name())
		if same == nil {
			continue
		}
		before, after := fieldsOf(obj.Type()), fieldsOf(same.Type())
		before = slices.DeleteFunc(before, func(f string) bool { return !slices.Contains(after, f) })
		after = slices.DeleteFunc(after, func(f string) bool { return !slices.Contains(before, f) })
		if !slices.Equal(before, after) {
			problems = append(problems, fmt.Sprintf("%s: the fields of %s are in the order %s, the lineage's is %s", name,
				obj.Name(), strings.Join(after, ", "), strings.Join(before, ", ")))
		}
	}
	return problems
}

// fieldsOf returns the names of the exported fields of a struct, in order; none of anything else.
func fieldsOf(t types.Type) []string {
	s, ok := t.Underlying().(*types.Struct)
	if !ok {
		return nil
	}
	var names []string
	for f := range s.Fields() {
		if f.Exported() {
			names = append(names, f.Name())
		}
	}
	return names
}
