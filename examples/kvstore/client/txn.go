package client

// Transactions: comparisons, and what to do if all of them hold and if not.

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
)

// Compare is a condition of a transaction. A key that does not exist has revision, created and version 0 and an empty
// value.
type Compare struct {
	Key     string  `json:"key,omitempty"`
	Key64   []byte  `json:"key64,omitempty"` // the key, if it is not UTF-8
	Target  string  `json:"target"`          // value, rev, created, version or exists
	Op      string  `json:"op,omitempty"`    // =, !=, < or >; = if empty
	Value   *string `json:"value,omitempty"`
	Base64  bool    `json:"base64,omitempty"` // Value is in base64
	Rev     *uint64 `json:"rev,omitempty"`
	Created *uint64 `json:"created,omitempty"`
	Version *uint64 `json:"version,omitempty"`
	Exists  *bool   `json:"exists,omitempty"`
}

// CompareRevision compares the revision of a key.
func CompareRevision(key, op string, rev uint64) Compare {
	return compare(key, Compare{Target: "rev", Op: op, Rev: &rev})
}

// CompareCreated compares the revision at which a key was created.
func CompareCreated(key, op string, rev uint64) Compare {
	return compare(key, Compare{Target: "created", Op: op, Created: &rev})
}

// CompareVersion compares how often a key was written since it was created.
func CompareVersion(key, op string, version uint64) Compare {
	return compare(key, Compare{Target: "version", Op: op, Version: &version})
}

// CompareValue compares the value of a key, byte by byte.
func CompareValue(key, op string, value []byte) Compare {
	text, encoded := wireValue(value)
	return compare(key, Compare{Target: "value", Op: op, Value: &text, Base64: encoded})
}

// CompareExists asks whether a key exists, or whether it does not.
func CompareExists(key string, exists bool) Compare {
	return compare(key, Compare{Target: "exists", Exists: &exists})
}

func compare(key string, c Compare) Compare {
	c.Key, c.Key64 = wireKey(key)
	return c
}

// Operation is one step of a transaction: exactly one of its members is set.
type Operation struct {
	Put    *PutOperation `json:"put,omitempty"`
	Delete *KeyOperation `json:"delete,omitempty"`
	Get    *KeyOperation `json:"get,omitempty"`
}

// PutOperation sets a key.
type PutOperation struct {
	Key    string `json:"key,omitempty"`
	Key64  []byte `json:"key64,omitempty"` // the key, if it is not UTF-8
	Value  string `json:"value"`
	Base64 bool   `json:"base64,omitempty"` // Value is in base64
}

// KeyOperation names the key to read or to delete.
type KeyOperation struct {
	Key   string `json:"key,omitempty"`
	Key64 []byte `json:"key64,omitempty"` // the key, if it is not UTF-8
}

// OpPut is the step that sets a key.
func OpPut(key string, value []byte) Operation {
	op := &PutOperation{}
	op.Key, op.Key64 = wireKey(key)
	op.Value, op.Base64 = wireValue(value)
	return Operation{Put: op}
}

// OpDelete is the step that deletes a key if it exists.
func OpDelete(key string) Operation {
	return Operation{Delete: keyOperation(key)}
}

// OpGet is the step that reads a key, as the steps before it leave it.
func OpGet(key string) Operation {
	return Operation{Get: keyOperation(key)}
}

func keyOperation(key string) *KeyOperation {
	op := &KeyOperation{}
	op.Key, op.Key64 = wireKey(key)
	return op
}

// Txn is a transaction in the making. It belongs to one goroutine.
type Txn struct {
	Compare []Compare   `json:"compare,omitempty"`
	Success []Operation `json:"then,omitempty"`
	Failure []Operation `json:"else,omitempty"`
}

// NewTxn begins a transaction, which [Client.Commit] sends.
func NewTxn() *Txn {
	return &Txn{}
}

// If adds conditions, all of which have to hold for the steps of Then to be made.
func (t *Txn) If(compares ...Compare) *Txn {
	t.Compare = append(t.Compare, compares...)
	return t
}

// Then adds steps to be made if all conditions hold.
func (t *Txn) Then(operations ...Operation) *Txn {
	t.Success = append(t.Success, operations...)
	return t
}

// Else adds steps to be made if a condition does not hold.
func (t *Txn) Else(operations ...Operation) *Txn {
	t.Failure = append(t.Failure, operations...)
	return t
}

// TxnResult is the outcome of a transaction.
type TxnResult struct {
	Rev       uint64     `json:"rev"`
	Succeeded bool       `json:"succeeded"` // all conditions held
	Results   []OpResult `json:"results"`   // of the steps that were made, in their order
	Replayed  bool       `json:"-"`         // as in PutResult
}

// OpResult is the outcome of one step: the member of its kind is set.
type OpResult struct {
	Put    *OpPutResult    `json:"put,omitempty"`
	Delete *OpDeleteResult `json:"delete,omitempty"`
	Get    *OpGetResult    `json:"get,omitempty"`
}

// OpPutResult is the outcome of a put in a transaction.
type OpPutResult struct {
	Rev uint64 `json:"rev"`
}

// OpDeleteResult is the outcome of a delete in a transaction.
type OpDeleteResult struct {
	Deleted bool `json:"deleted"` // there was such a key
}

// OpGetResult is what a get in a transaction found.
type OpGetResult struct {
	Exists bool   `json:"exists"`
	Value  string `json:"value"`
	Base64 bool   `json:"base64,omitempty"` // Value is in base64
	// Omitted says that there was a value and that it is not in here: the transaction was applied by an earlier attempt, and
	// values that a transaction has read are not remembered. All else of the result is as it was.
	Omitted bool   `json:"omitted,omitempty"`
	Rev     uint64 `json:"rev"`
	Created uint64 `json:"created"`
	Version uint64 `json:"version"`
}

// Data gives the value that was read. It fails with ErrOmitted if that is no longer known.
func (r *OpGetResult) Data() ([]byte, error) {
	if r.Omitted {
		return nil, ErrOmitted
	}
	return valueOf(r.Value, r.Base64)
}

// Commit sends a transaction. It is applied as a whole, at one revision, or not at all. A condition that does not hold
// is no error: see TxnResult.Succeeded.
func (c *Client) Commit(ctx context.Context, txn *Txn, options ...WriteOption) (TxnResult, error) {
	var result TxnResult
	body, err := json.Marshal(txn)
	if err != nil {
		return result, fmt.Errorf("%w: the transaction cannot be written as JSON: %w", ErrBadRequest, err)
	}
	header, again := c.writeHeader(options)
	header["Content-Type"] = "application/json"
	answer, err := c.do(ctx, &request{
		method: http.MethodPost, path: "/txn", header: header, body: body, replay: again,
	})
	if err != nil {
		return result, err
	}
	result.Replayed = replayed(answer)
	err = decode(answer, &result)
	return result, err
}
