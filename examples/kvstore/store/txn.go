package store

import (
	"bytes"
	"cmp"
	"fmt"
)

// Transactions: comparisons of the state before, and operations each of which sees those before it.

// runTxn evaluates a transaction and leaves what it changes in w.changes. The result's operations are scratch space.
func (w *writer) runTxn(c *Command) (Result, error) {
	succeeded, err := w.compareAll(c.Compares)
	if err != nil {
		return Result{}, err
	}
	list := c.Else
	if succeeded {
		list = c.Then
	}
	w.ops = w.ops[:0]
	valueBytes := 0
	for i := range list {
		r, err := w.runOp(&list[i])
		if err != nil {
			return Result{}, err
		}
		w.ops = append(w.ops, r)
		valueBytes += len(r.Value)
		if valueBytes > MaxResultBytes {
			w.changes = w.changes[:0]
			text := fmt.Sprintf("the gets of the transaction return more than %d bytes: get fewer keys at a time", MaxResultBytes)
			return Result{Code: CodeTooLarge, Message: text}, nil
		}
	}
	return Result{Code: CodeOK, Succeeded: succeeded, Ops: w.ops}, nil
}

func (w *writer) compareAll(compares []Compare) (bool, error) {
	for i := range compares {
		k, err := w.lookup(compares[i].Key, compares[i].Target == TargetValue)
		if err != nil || !compares[i].holds(k) {
			return false, err
		}
	}
	return true, nil
}

// holds says whether a key in the given state meets the comparison.
func (c *Compare) holds(k keyState) bool {
	var order int
	switch c.Target {
	case TargetValue:
		order = bytes.Compare(k.value, c.Value)
	case TargetRev:
		order = cmp.Compare(k.rev, c.Number)
	case TargetCreated:
		order = cmp.Compare(k.create, c.Number)
	case TargetVersion:
		order = cmp.Compare(k.version, c.Number)
	case TargetExists:
		order = cmp.Compare(presence(k), c.Number)
	}
	switch c.Operator {
	case Equal:
		return order == 0
	case NotEqual:
		return order != 0
	case Less:
		return order < 0
	default:
		return order > 0
	}
}

func presence(k keyState) uint64 {
	if k.exists {
		return 1
	}
	return 0
}

// runOp evaluates one operation, after those that are in w.changes.
func (w *writer) runOp(o *Op) (OpResult, error) {
	k, err := w.lookupInTxn(o.Key, o.Kind == OpGet)
	if err != nil {
		return OpResult{}, err
	}
	r := OpResult{Kind: o.Kind, Exists: k.exists}
	switch {
	case o.Kind == OpGet:
		r.Rev, r.CreateRev, r.Version, r.Value = k.rev, k.create, k.version, k.value
	case o.Kind == OpPut:
		r.Rev = w.st.rev + 1
		w.changes = append(w.changes, change{key: o.Key, value: o.Value, prev: k})
	case k.exists:
		w.changes = append(w.changes, change{key: o.Key, remove: true, prev: k})
	}
	return r, nil
}

// lookupInTxn is lookup with the changes of the transaction so far.
func (w *writer) lookupInTxn(key []byte, withValue bool) (keyState, error) {
	for i := len(w.changes); i > 0; i-- {
		if c := &w.changes[i-1]; bytes.Equal(c.key, key) {
			return c.after(w.st.rev + 1), nil
		}
	}
	return w.lookup(key, withValue)
}
