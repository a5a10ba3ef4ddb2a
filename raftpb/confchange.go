// The two forms of a membership change, how one becomes the other, and how either becomes a log entry: V1 changes one
// member (thesis §4.1), V2 any number of them, through a joint configuration where that is needed (Raft §6, thesis
// §4.3).

package raftpb

import "fmt"

// ConfChangeI is a membership change in either form. ConfChange and ConfChangeV2 implement it, and so do pointers to
// them, which must not be nil.
type ConfChangeI interface {
	// AsV2 gives the change in the general form, which can express every change. The result shares the slices of the
	// receiver.
	AsV2() ConfChangeV2
	// AsV1 gives the change in the form for one member, and whether it has that form. The result shares the slices of
	// the receiver; it is the zero ConfChange when the second value is false.
	AsV1() (ConfChange, bool)
}

// AsV1 returns c itself, and true.
func (c ConfChange) AsV1() (ConfChange, bool) {
	return c, true
}

// AsV2 returns the change as the only one of a ConfChangeV2 with automatic transition, and with the same Context. The
// general form has no place for the ID, which is left out.
func (c ConfChange) AsV2() ConfChangeV2 {
	only := ConfChangeSingle{Type: c.Type, NodeID: c.NodeID}
	return ConfChangeV2{
		Transition: ConfChangeTransitionAuto,
		Changes:    []ConfChangeSingle{only},
		Context:    c.Context,
	}
}

// AsV1 returns the zero ConfChange and false: even a ConfChangeV2 of one member is stored in the general form, as its
// transition would otherwise be lost.
func (c ConfChangeV2) AsV1() (ConfChange, bool) {
	return ConfChange{}, false
}

// AsV2 returns c itself.
func (c ConfChangeV2) AsV2() ConfChangeV2 {
	return c
}

// EnterJoint reports whether applying c begins a joint configuration (ok), and whether the leader then leaves it
// without being asked (autoLeave, which is true only if ok is):
//
//   - ConfChangeTransitionAuto: joint, and left automatically, exactly if c has more than one change;
//   - ConfChangeTransitionJointImplicit: joint, and left automatically, whatever the number of changes;
//   - ConfChangeTransitionJointExplicit: joint until an empty change is proposed, whatever the number of changes.
//
// Any other transition, as a later version might send, gives false and false. Such a change must be refused before it
// reaches the log: members that understand it would apply it in another way.
func (c ConfChangeV2) EnterJoint() (autoLeave bool, ok bool) {
	switch c.Transition {
	case ConfChangeTransitionAuto:
		several := len(c.Changes) > 1
		return several, several
	case ConfChangeTransitionJointImplicit:
		return true, true
	case ConfChangeTransitionJointExplicit:
		return false, true
	default:
		return false, false
	}
}

// LeaveJoint reports whether applying c ends a joint configuration, which it does if it has no changes and automatic
// transition. The Context has no influence, so that an application can attach one.
func (c ConfChangeV2) LeaveJoint() bool {
	return c.Transition == ConfChangeTransitionAuto && len(c.Changes) == 0
}

// MarshalConfChange encodes c as the Data of a log entry, and returns it with the Type that entry must have:
// EntryConfChange if c has the form for one member, EntryConfChangeV2 otherwise. A nil c stands for the empty
// ConfChangeV2, which leaves a joint configuration; its encoding is nil.
//
// A nil pointer to either form is an error, as it is far more likely a mistake than a wish to leave.
func MarshalConfChange(c ConfChangeI) (EntryType, []byte, error) {
	if c == nil {
		return EntryConfChangeV2, nil, nil
	}
	if isNilPointer(c) {
		return EntryNormal, nil, fmt.Errorf(
			"membership change is a nil %T, pass an untyped nil to leave a joint configuration", c)
	}
	if single, ok := c.AsV1(); ok {
		data, err := single.Marshal()
		return EntryConfChange, data, err
	}
	general := c.AsV2()
	data, err := general.Marshal()
	return EntryConfChangeV2, data, err
}

// isNilPointer reports whether c holds a pointer to one of this package's forms that points nowhere, and would panic
// when asked for anything.
func isNilPointer(c ConfChangeI) bool {
	switch p := c.(type) {
	case *ConfChange:
		return p == nil
	case *ConfChangeV2:
		return p == nil
	default:
		return false
	}
}
