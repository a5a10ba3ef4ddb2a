// Package history holds what the clients and watchers of a chaos run saw: each operation with the instants at which it
// was called and returned, its request, and its answer. It knows nothing of HTTP and nothing of checking. A history is
// kept as lines of JSON, so that a run can be checked again, and read, without the run.
//
// This file has operations; log.go has the log, the events of watchers and their encoding.
package history

// An Outcome says what the client knows of an operation.
type Outcome string

// OK means that the answer is known, be it "no such key" or "the precondition failed". Refused means that the operation
// has certainly not been applied and never will be. Unknown means that it may take effect at any time, or never.
const (
	OK      Outcome = "ok"
	Refused Outcome = "refused"
	Unknown Outcome = "unknown"
)

// A Kind names the request that the client made.
type Kind string

// The kinds of operations. Lists and transactions concern all keys of a group at one point in time.
const (
	Get    Kind = "get"
	List   Kind = "list"
	Put    Kind = "put"
	Delete Kind = "delete"
	Txn    Kind = "txn"
)

// Consistency levels of reads, spelled as in the API.
const (
	Linearizable = "linearizable"
	Lease        = "lease"
	Stale        = "stale"
)

// An Op is one operation on the keys of one group. Whatever the kind, it is a transaction: if all of Compare hold, Then
// is done, otherwise Else. A conditional put, for example, compares the revision, and its Else reads what is there.
type Op struct {
	ID          int     `json:"id"`
	Client      int     `json:"client"`
	Group       int     `json:"group"`
	Kind        Kind    `json:"kind"`
	Consistency string  `json:"consistency,omitempty"` // of a read
	Member      uint64  `json:"member"`                // that answered, or was asked last
	Life        int     `json:"life"`                  // which process of that member, from 1 on
	Attempts    int     `json:"attempts"`
	Key         string  `json:"idempotency_key,omitempty"`
	Call        int64   `json:"call"` // nanoseconds since the run began, on one monotonic clock
	Return      int64   `json:"return"`
	Outcome     Outcome `json:"outcome"`
	Error       string  `json:"error,omitempty"` // why it was refused, or is unknown

	Compare []Compare `json:"compare,omitempty"`
	Then    []Action  `json:"then"`
	Else    []Action  `json:"else,omitempty"`

	Succeeded bool     `json:"succeeded,omitempty"` // Then was done
	Rev       uint64   `json:"rev,omitempty"`       // of the write, or of the store when a list was read; 0 if not told
	Results   []Result `json:"results,omitempty"`   // one per action that was done
	Applied   uint64   `json:"applied,omitempty"`   // X-Raft-Applied of a read
	Replayed  bool     `json:"replayed,omitempty"`  // the member said that it had answered the request before
}

// A Target is what a comparison looks at.
type Target string

// Targets of comparisons, as in the API.
const (
	TargetRev    Target = "rev"
	TargetExists Target = "exists"
	TargetValue  Target = "value"
)

// A Compare holds if the key's revision, existence or value is the one given.
type Compare struct {
	Key    string `json:"key"`
	Target Target `json:"target"`
	Rev    uint64 `json:"rev,omitempty"`
	Exists bool   `json:"exists,omitempty"`
	Value  string `json:"value,omitempty"`
}

// An Action reads, writes or deletes a key. Its kind is Get, Put or Delete.
type Action struct {
	Kind  Kind   `json:"kind"`
	Key   string `json:"key"`
	Value string `json:"value,omitempty"` // never empty in a Put, and never used twice in a run
}

// A Result is what an answer told of one action. Of a Get: whether the key exists, and its value, revision, revision of
// creation and version. Of a Put: Rev. Of a Delete: whether the key existed. Zero values were not told.
type Result struct {
	Exists  bool   `json:"exists,omitempty"`
	Value   string `json:"value,omitempty"`
	Rev     uint64 `json:"rev,omitempty"`
	Created uint64 `json:"created,omitempty"`
	Version uint64 `json:"version,omitempty"`
}

// Done returns the actions that the answer, if there is one, says were done: Then or Else.
func (o *Op) Done() []Action {
	if o.Succeeded {
		return o.Then
	}
	return o.Else
}

// Reads reports whether the operation can change nothing.
func (o *Op) Reads() bool { return o.Kind == Get || o.Kind == List }

// Changed reports whether the answer says that the operation changed something.
func (o *Op) Changed() bool {
	if o.Outcome != OK {
		return false
	}
	for i, action := range o.Done() {
		if action.Kind == Put || action.Kind == Delete && i < len(o.Results) && o.Results[i].Exists {
			return true
		}
	}
	return false
}
