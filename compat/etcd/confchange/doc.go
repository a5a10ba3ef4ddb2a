// Package confchange offers membership changes in the form that they have in the etcd raft lineage, version 3.6: as
// methods of a Changer, which holds a tracker.ProgressTracker. Each of them hands the work to the functions of
// github.com/seed695671cb/raft/confchange, and only adds the Progress of the members. A program selects this package by
// a replace directive for go.etcd.io/raft/v3; see the package raft above it.
//
// Errors wrap those of that package (ErrJoint, ErrNotJoint, ErrNoVoters, ErrTooManyVoters, ErrInvalid) or name what is
// wrong with the tracker that was given.
package confchange
