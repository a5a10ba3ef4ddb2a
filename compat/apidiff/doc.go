// Command apidiff shows that a program cannot tell compat/etcd, with this library behind it, from version 3.6.0 of
// go.etcd.io/raft/v3 by what both declare: golang.org/x/exp/apidiff finds no incompatible change.
// Run it by go run . in its directory; go test does the same.
//
// It has to be asked in a particular way. For apidiff, a type that is declared outside of the package under comparison
// is the same as another if both have the same qualified name. compat/etcd declares hardly a type, its names are aliases
// for types of github.com/seed695671cb/raft, so apidiff would call every one of them changed. Here, therefore, this
// library's packages are type-checked from their source under the lineage's import paths, and those of compat/etcd,
// which import them, likewise. Then each package P of the lineage is compared twice:
//
//	(a) with compat/etcd's P. Functions, constants, variables, and the types that compat/etcd defines by itself are
//	    compared in depth, and an alias by the name of what it stands for.
//	(b) with this library's P. Types are compared in depth, with their fields and methods, and what they mention of
//	    other packages by name. What compat/etcd defines by itself may be missing here, and nothing else may.
//
// Together the two leave nothing out. Take any exported name of P. If it is a type, then compat/etcd defines it, and (a)
// has compared it in depth; or it is an alias, (a) has found the type of the same qualified name behind it, and (b) has
// compared that one in depth. If it is anything else, (a) has compared it in depth. Wherever either comparison met a
// type of another package and looked at its name only, it is a type of one of the five packages, to which the same
// argument applies, or of a package that both sides import.
//
// That an alias stands for this library's type of the same name, and for nothing that merely looks like it, is checked
// besides, as it is what lets values pass between code that imports either path.
package main
