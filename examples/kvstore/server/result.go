package server

// What a transaction answers, and the memory for it: its gets may return a thousand times as much as its body has.

import (
	"github.com/seed695671cb/raft/examples/kvstore/store"
)

// reserveGets sets memory aside for the values that a transaction will return, before it is proposed: afterwards it can no longer be
// refused. How large they will be is taken from what this member has stored now.
func (a *api) reserveGets(command *store.Command) (*reservation, error) {
	held := &reservation{budget: &a.answers}
	var most int64
	for _, ops := range [...][]store.Op{command.Then, command.Else} {
		size, err := a.estimateGets(ops)
		if err != nil {
			return nil, err
		}
		most = max(most, size)
	}
	if most > 0 && !held.grow(most) {
		return nil, a.answersBusy()
	}
	return held, nil
}

// estimateGets is about what the gets of a list will return, which see what the list does before them. Beyond store.MaxResultBytes
// a transaction returns nothing.
func (a *api) estimateGets(ops []store.Op) (int64, error) {
	var size int64
	known := map[string]int{}
	for i := range ops {
		op := &ops[i]
		if op.Kind != store.OpGet {
			known[string(op.Key)] = len(op.Value)
			continue
		}
		n, ok := known[string(op.Key)]
		if !ok {
			var err error
			if n, err = a.keys.ValueBytes(op.Key); err != nil {
				return 0, err
			}
			known[string(op.Key)] = n
		}
		size += int64(itemOverhead + n)
	}
	return min(size, store.MaxResultBytes+itemOverhead*store.MaxOps), nil
}

// keepValues makes what is held that which a result has. If the values have grown in the meantime, and there is no memory for them, they
// are left out, as they are in a repetition: the transaction has been applied, so its answer is no error. One that has changed nothing can
// be refused even now.
func (a *api) keepValues(result *store.Result, held *reservation) error {
	size := resultSize(result)
	if size <= held.held {
		held.shrink(size)
		return nil
	}
	if held.grow(size - held.held) {
		return nil
	}
	if !result.Changed {
		return a.answersBusy()
	}
	for i := range result.Ops {
		op := &result.Ops[i]
		op.Omitted = op.Kind == store.OpGet && op.Exists
		op.Value = nil
	}
	held.release()
	return nil
}

func resultSize(result *store.Result) int64 {
	var size int64
	for i := range result.Ops {
		if op := &result.Ops[i]; op.Kind == store.OpGet {
			size += int64(itemOverhead + len(op.Value))
		}
	}
	return size
}

// writeResult writes the answer.
func writeResult(j *jsonWriter, result *store.Result) {
	j.number(`{"rev":`, result.Rev)
	j.bool(`,"succeeded":`, result.Succeeded)
	j.raw(`,"results":[`)
	for i := range result.Ops {
		if i > 0 {
			j.raw(",")
		}
		writeOpResult(j, &result.Ops[i])
	}
	j.raw("]}")
}

func writeOpResult(j *jsonWriter, op *store.OpResult) {
	switch op.Kind {
	case store.OpPut:
		j.number(`{"put":{"rev":`, op.Rev)
	case store.OpDelete:
		j.bool(`{"delete":{"deleted":`, op.Exists)
	default:
		writeGetResult(j, op)
	}
	j.raw("}}")
}

func writeGetResult(j *jsonWriter, op *store.OpResult) {
	j.bool(`{"get":{"exists":`, op.Exists)
	if op.Exists && !op.Omitted {
		j.raw(",")
		j.value(op.Value)
	}
	j.number(`,"rev":`, op.Rev)
	j.number(`,"created":`, op.CreateRev)
	j.number(`,"version":`, op.Version)
	if op.Omitted {
		j.raw(`,"omitted":true`)
	}
}
