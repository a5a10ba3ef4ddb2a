package confchange

// This file lists why a change is refused. The errors that the functions return wrap one of these, and add the
// configurations and IDs concerned.

import "errors"

var (
	// ErrJoint refuses a change to a configuration that is joint.
	ErrJoint = errors.New("the configuration is joint; leave it before changing it again")
	// ErrNotJoint refuses to leave a configuration that is not joint.
	ErrNotJoint = errors.New("the configuration is not joint; there is nothing to leave")
	// ErrNoVoters refuses a change that nobody could decide, because there are no voters before or after it.
	ErrNoVoters = errors.New("a configuration needs a voter; keep or add one")
	// ErrTooManyVoters refuses to add or remove several voters at once.
	ErrTooManyVoters = errors.New("more than one voter would change at once; change one, or use a joint transition")
	// ErrInvalid refuses a change that means nothing to this version, or names an ID that no member can have.
	ErrInvalid = errors.New("invalid membership change")
)
