package server

// Transactions: POST /txn.

import (
	"context"
	"net/http"
	"strconv"

	"github.com/seed695671cb/raft/examples/kvstore/store"
)

type txnRequest struct {
	Compare []txnCompare `json:"compare"`
	Then    []txnOp      `json:"then"`
	Else    []txnOp      `json:"else"`
}

type txnCompare struct {
	jsonKey
	Target string `json:"target"`
	Op     string `json:"op"`
	// One of these is the operand, the one that is named as the target.
	jsonValue
	Rev     *uint64 `json:"rev"`
	Created *uint64 `json:"created"`
	Version *uint64 `json:"version"`
	Exists  *bool   `json:"exists"`
}

// A txnOp has one of its fields.
type txnOp struct {
	Put    *txnPut  `json:"put"`
	Delete *jsonKey `json:"delete"`
	Get    *jsonKey `json:"get"`
}

type txnPut struct {
	jsonKey
	jsonValue
}

func (a *api) handleTxn(w http.ResponseWriter, r *request) error {
	if _, err := r.query(); err != nil {
		return err
	}
	idempotency, err := idempotencyKey(r.Header)
	if err != nil {
		return err
	}
	body, release, err := a.readBody(w, r, maxTxnBody)
	if err != nil {
		return err
	}
	defer release()
	command, err := a.decodeTxn(r.Context(), body)
	if err != nil {
		return err
	}
	command.IdempotencyKey = idempotency
	held, err := a.reserveGets(command)
	if err != nil {
		return err
	}
	defer held.release()
	result, err := a.write(r.Context(), w, command)
	if err != nil {
		return err
	}
	if err := a.keepValues(&result, held); err != nil {
		return err
	}
	if result.Changed {
		w.Header().Set("ETag", etag(result.Rev))
	}
	return streamJSON(w, func(j *jsonWriter) { writeResult(j, &result) })
}

// decodeTxn reads the body of a transaction. Large ones wait for each other.
func (a *api) decodeTxn(ctx context.Context, body []byte) (*store.Command, error) {
	if len(body) > largeBody {
		if err := a.decoding.enter(ctx); err != nil {
			return nil, notApplied(err)
		}
		defer a.decoding.leave()
	}
	return parseTxn(body)
}

// parseTxn reads the body of a transaction.
func parseTxn(body []byte) (*store.Command, error) {
	var request txnRequest
	if err := decodeJSON(body, &request); err != nil {
		return nil, err
	}
	command := &store.Command{Kind: store.KindTxn}
	for i := range request.Compare {
		c, err := request.Compare[i].command()
		if err != nil {
			return nil, inList("compare", i, err)
		}
		command.Compares = append(command.Compares, c)
	}
	var err error
	if command.Then, err = parseOps("then", request.Then); err != nil {
		return nil, err
	}
	if command.Else, err = parseOps("else", request.Else); err != nil {
		return nil, err
	}
	return command, nil
}

// inList says where in a request an error is.
func inList(list string, index int, err error) error {
	known, ok := err.(*apiError)
	if !ok {
		return err
	}
	answer := *known
	answer.message = list + "[" + strconv.Itoa(index) + "]: " + known.message
	return &answer
}

func (c *txnCompare) command() (store.Compare, error) {
	key, err := c.jsonKey.decode()
	if err != nil {
		return store.Compare{}, err
	}
	operator, err := parseOperator(c.Op)
	if err != nil {
		return store.Compare{}, err
	}
	out := store.Compare{Key: key, Operator: operator}
	if err := c.setOperand(&out); err != nil {
		return store.Compare{}, err
	}
	return out, nil
}

func parseOperator(text string) (store.Operator, error) {
	switch text {
	case "", "=":
		return store.Equal, nil
	case "!=":
		return store.NotEqual, nil
	case "<":
		return store.Less, nil
	case ">":
		return store.Greater, nil
	default:
		return 0, badRequest(`"op" is %.64q: use =, !=, < or >`, text)
	}
}

// setOperand finds the target and its operand, and sees to it that there is no other.
func (c *txnCompare) setOperand(out *store.Compare) error {
	operands := 0
	for _, given := range [...]bool{c.Value != nil, c.Rev != nil, c.Created != nil, c.Version != nil, c.Exists != nil} {
		if given {
			operands++
		}
	}
	if operands > 1 || c.Base64 && c.Value == nil {
		return badRequest("there are several operands: give the one that is named as the target, %.64q, and no other", c.Target)
	}
	switch c.Target {
	case "value":
		value, err := c.jsonValue.decode()
		out.Target, out.Value = store.TargetValue, value
		return err
	case "rev":
		return setNumber(out, store.TargetRev, c.Target, c.Rev)
	case "created":
		return setNumber(out, store.TargetCreated, c.Target, c.Created)
	case "version":
		return setNumber(out, store.TargetVersion, c.Target, c.Version)
	case "exists":
		return setNumber(out, store.TargetExists, c.Target, boolNumber(c.Exists))
	default:
		return badRequest(`"target" is %.64q: use value, rev, created, version or exists`, c.Target)
	}
}

func setNumber(out *store.Compare, target store.Target, name string, operand *uint64) error {
	if operand == nil {
		return badRequest("%q is missing: the target is %s, so say what to compare it with", name, name)
	}
	out.Target, out.Number = target, *operand
	return nil
}

func boolNumber(b *bool) *uint64 {
	if b == nil {
		return nil
	}
	var n uint64
	if *b {
		n = 1
	}
	return &n
}

func parseOps(list string, ops []txnOp) ([]store.Op, error) {
	out := make([]store.Op, 0, len(ops))
	for i := range ops {
		op, err := ops[i].command()
		if err != nil {
			return nil, inList(list, i, err)
		}
		out = append(out, op)
	}
	return out, nil
}

func (o *txnOp) command() (store.Op, error) {
	switch {
	case o.Put != nil && o.Delete == nil && o.Get == nil:
		return o.Put.command()
	case o.Put == nil && o.Delete != nil && o.Get == nil:
		key, err := o.Delete.decode()
		return store.Op{Kind: store.OpDelete, Key: key}, err
	case o.Put == nil && o.Delete == nil && o.Get != nil:
		key, err := o.Get.decode()
		return store.Op{Kind: store.OpGet, Key: key}, err
	default:
		return store.Op{}, badRequest(`an operation has exactly one of "put", "delete" and "get"`)
	}
}

func (p *txnPut) command() (store.Op, error) {
	key, err := p.jsonKey.decode()
	if err != nil {
		return store.Op{}, err
	}
	value, err := p.jsonValue.decode()
	return store.Op{Kind: store.OpPut, Key: key, Value: value}, err
}
