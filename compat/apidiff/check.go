package main

// This file compares the packages, as the package documentation says.

import (
	"fmt"
	"go/types"
	"slices"
	"strings"

	"golang.org/x/exp/apidiff"
)

// packages returns the directories of the packages that are compared; "" is the root package.
func packages() []string {
	return []string{"", "raftpb", "quorum", "tracker", "confchange"}
}

// allowed returns the incompatible changes that are known, by package, as apidiff words them.
//
// The methods take the interface Message of whichever module generated the code: golang/protobuf in 3.6.0,
// gogo/protobuf here, which is the only dependency this library has. XXX_Merge is for the protobuf runtime to call, and
// since version 1.4 that of golang/protobuf does not; a message of the method's own type passes as either interface.
func allowed(dir string) []string {
	const change = "changed from func(github.com/golang/protobuf/proto.Message) to func(github.com/gogo/protobuf/proto.Message)"
	switch dir {
	case "":
		// It is promoted to Ready and BasicStatus, which embed a HardState.
		return []string{"./raftpb.(*HardState).XXX_Merge: " + change}
	case "raftpb":
		var lines []string
		for _, message := range [...]string{
			"ConfChange", "ConfChangeSingle", "ConfChangeV2", "ConfState", "Entry", "HardState", "Message", "Snapshot",
			"SnapshotMetadata",
		} {
			lines = append(lines, "(*"+message+").XXX_Merge: "+change)
		}
		return lines
	default:
		return nil
	}
}

// A result is what the comparison of one package has found.
type result struct {
	names    int      // exported names of the lineage's package
	problems []string // one text for each incompatible change
}

// compare compares a package. Incompatible changes that are in allowed are left out, but have to be there, so that the
// list does not outlive what it excuses.
func compare(t *tree, dir string) (result, error) {
	theirs, err := t.theirs(dir)
	if err != nil {
		return result{}, err
	}
	compat, err := t.Import(join(theirModule, dir))
	if err != nil {
		return result{}, err
	}
	library, err := t.Import(join(ourModule, dir))
	if err != nil {
		return result{}, err
	}
	problems := incompatible("compat/etcd", theirs, compat)
	inDepth := incompatible("this library", theirs, library)
	for _, name := range definedIn(compat) {
		inDepth = without(inDepth, "this library: "+name+": removed")
	}
	for _, change := range allowed(dir) {
		line := "this library: " + change
		if !slices.Contains(inDepth, line) {
			problems = append(problems, "allowed, and not found: "+change)
		}
		inDepth = without(inDepth, line)
	}
	problems = append(problems, inDepth...)
	problems = append(problems, reordered("this library", theirs, library)...)
	problems = append(problems, reordered("compat/etcd", theirs, compat)...)
	problems = append(problems, misdirected(compat, library)...)
	return result{names: len(exported(theirs)), problems: problems}, nil
}

// incompatible returns the incompatible changes between two packages, each after the name of the newer one.
func incompatible(name string, older, newer *types.Package) []string {
	var lines []string
	for _, change := range apidiff.Changes(older, newer).Changes {
		if !change.Compatible {
			lines = append(lines, name+": "+change.Message)
		}
	}
	return lines
}

func without(lines []string, line string) []string {
	return slices.DeleteFunc(lines, func(l string) bool { return l == line })
}

// definedIn returns the exported names that a package of compat/etcd does not take from this library, because that has
// none of the same name: types, functions that make or take them, and what is only in the lineage.
func definedIn(compat *types.Package) []string {
	var names []string
	for _, obj := range exported(compat) {
		switch obj := obj.(type) {
		case *types.TypeName:
			if !obj.IsAlias() {
				names = append(names, obj.Name())
			}
		case *types.Func:
			names = append(names, obj.Name())
		}
	}
	return names
}

// misdirected returns a text for each name of a package of compat/etcd that is in this library's package too and does
// not denote the same there: a type that is not identical, a constant of another value, a variable or a function of
// another type.
func misdirected(compat, library *types.Package) []string {
	var problems []string
	for _, obj := range exported(compat) {
		same := library.Scope().Lookup(obj.Name())
		switch {
		case same == nil:
			if !isOwn(obj) {
				problems = append(problems, fmt.Sprintf("misdirected: %s points at nothing of that name", obj.Name()))
			}
		case !types.Identical(obj.Type(), same.Type()):
			problems = append(problems, fmt.Sprintf("misdirected: %s is %s, this library's is %s",
				obj.Name(), obj.Type(), same.Type()))
		case !sameValue(obj, same):
			problems = append(problems, fmt.Sprintf("misdirected: %s has another value in this library", obj.Name()))
		}
	}
	return problems
}

// isOwn reports whether a package of compat/etcd defines the object by itself: a type, or a function.
func isOwn(obj types.Object) bool {
	switch obj := obj.(type) {
	case *types.TypeName:
		return !obj.IsAlias()
	case *types.Func:
		return true
	default:
		return false
	}
}

func sameValue(a, b types.Object) bool {
	x, ok := a.(*types.Const)
	if !ok {
		return true
	}
	y, ok := b.(*types.Const)
	return ok && x.Val().ExactString() == y.Val().ExactString()
}

func exported(pkg *types.Package) []types.Object {
	var objects []types.Object
	for _, name := range pkg.Scope().Names() {
		if obj := pkg.Scope().Lookup(name); obj.Exported() {
			objects = append(objects, obj)
		}
	}
	return objects
}

// join returns the import path of a package's directory within a module.
func join(module, dir string) string {
	return strings.TrimSuffix(module+"/"+dir, "/")
}
