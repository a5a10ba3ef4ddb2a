package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/seed695671cb/raft/examples/kvstore/chaos/history"
)

// This file turns operations into requests of the HTTP API; answer.go turns answers into outcomes.

// txnBody is the body of POST /txn.
type txnBody struct {
	Compare []txnCompare `json:"compare,omitempty"`
	Then    []txnAction  `json:"then,omitempty"`
	Else    []txnAction  `json:"else,omitempty"`
}

type txnCompare struct {
	Key    string  `json:"key"`
	Target string  `json:"target"`
	Rev    *uint64 `json:"rev,omitempty"`
	Exists *bool   `json:"exists,omitempty"`
	Value  *string `json:"value,omitempty"`
}

type txnKey struct {
	Key   string  `json:"key"`
	Value *string `json:"value,omitempty"`
}

// txnAction has exactly one field set.
type txnAction struct {
	Put    *txnKey `json:"put,omitempty"`
	Delete *txnKey `json:"delete,omitempty"`
	Get    *txnKey `json:"get,omitempty"`
}

// newRequest makes the request of an operation to the member at the given URL, which may try for the given time.
func newRequest(ctx context.Context, base string, op *history.Op, patience time.Duration) (*http.Request, error) {
	method, target, body, err := requestLine(base, op)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("request of operation: %w", err)
	}
	req.Header.Set("X-Request-Timeout", fmt.Sprintf("%dms", patience.Milliseconds()))
	if op.Key != "" {
		req.Header.Set("Idempotency-Key", op.Key)
	}
	if op.Kind == history.Put || op.Kind == history.Delete {
		setConditions(req, op)
	}
	return req, nil
}

func requestLine(base string, op *history.Op) (method, target string, body []byte, err error) {
	key := base + "/kv/" + url.PathEscape(op.Then[0].Key)
	switch op.Kind {
	case history.Get:
		return http.MethodGet, key + "?consistency=" + op.Consistency, nil, nil
	case history.List:
		return http.MethodGet, base + "/kv?" + url.Values{
			"prefix":      {history.GroupPrefix(op.Group)},
			"consistency": {op.Consistency},
		}.Encode(), nil, nil
	case history.Put:
		return http.MethodPut, key, []byte(textOf(op.Then[0].Value)), nil
	case history.Delete:
		return http.MethodDelete, key, nil, nil
	case history.Txn:
		body, err = json.Marshal(newTxnBody(op))
		return http.MethodPost, base + "/txn", body, err
	default:
		return "", "", nil, fmt.Errorf("no request for an operation of kind %q", op.Kind)
	}
}

// setConditions says a comparison by headers, as puts and deletes do.
func setConditions(req *http.Request, op *history.Op) {
	for _, c := range op.Compare {
		switch {
		case c.Target == history.TargetRev:
			req.Header.Set("If-Match", etag(c.Rev))
		case c.Exists:
			req.Header.Set("If-Match", "*")
		default:
			req.Header.Set("If-None-Match", "*")
		}
	}
}

func etag(rev uint64) string { return `"` + strconv.FormatUint(rev, 10) + `"` }

func newTxnBody(op *history.Op) txnBody {
	var body txnBody
	for _, c := range op.Compare {
		out := txnCompare{Key: c.Key, Target: string(c.Target)}
		switch c.Target {
		case history.TargetRev:
			out.Rev = &c.Rev
		case history.TargetExists:
			out.Exists = &c.Exists
		case history.TargetValue:
			text := textOf(c.Value)
			out.Value = &text
		}
		body.Compare = append(body.Compare, out)
	}
	body.Then, body.Else = newTxnActions(op.Then), newTxnActions(op.Else)
	return body
}

func newTxnActions(actions []history.Action) []txnAction {
	var out []txnAction
	for _, a := range actions {
		key := &txnKey{Key: a.Key}
		switch a.Kind {
		case history.Put:
			text := textOf(a.Value)
			key.Value = &text
			out = append(out, txnAction{Put: key})
		case history.Delete:
			out = append(out, txnAction{Delete: key})
		default:
			out = append(out, txnAction{Get: key})
		}
	}
	return out
}
