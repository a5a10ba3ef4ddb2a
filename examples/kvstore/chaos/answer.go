package chaos

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"

	"github.com/seed695671cb/raft/examples/kvstore/chaos/history"
)

// maxAnswer bounds what is read of an answer. The largest are pages of the final list.
const maxAnswer = 64 << 20

// errorBody is the body of every answer that is an error; precondition failures tell what is there as well.
type errorBody struct {
	Error struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
	Rev    uint64 `json:"rev"`
	Exists bool   `json:"exists"`
}

// okBody is the body of a successful write or list.
type okBody struct {
	Rev       uint64      `json:"rev"`
	Deleted   bool        `json:"deleted"`
	Succeeded bool        `json:"succeeded"`
	Items     []listItem  `json:"items"`
	More      bool        `json:"more"`
	Next      string      `json:"next"`
	Results   []txnResult `json:"results"`
}

type listItem struct {
	Key     string `json:"key"`
	Value   string `json:"value"`
	Rev     uint64 `json:"rev"`
	Created uint64 `json:"created"`
	Version uint64 `json:"version"`
}

type txnResult struct {
	Put *struct {
		Rev uint64 `json:"rev"`
	} `json:"put"`
	Delete *struct {
		Deleted bool `json:"deleted"`
	} `json:"delete"`
	Get *txnGet `json:"get"`
}

// txnGet has no value if the key does not exist, or if the answer is a repetition that leaves it out.
type txnGet struct {
	Exists  bool    `json:"exists"`
	Value   *string `json:"value"`
	Rev     uint64  `json:"rev"`
	Created uint64  `json:"created"`
	Version uint64  `json:"version"`
	Omitted bool    `json:"omitted"`
}

// An answer is what a member said.
type answer struct {
	status   int
	header   http.Header
	body     []byte
	replayed bool
}

// fetch sends a request and reads the whole answer.
func fetch(client *http.Client, req *http.Request) (answer, error) {
	res, err := client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return answer{}, err
	}
	return answer{
		status:   res.StatusCode,
		header:   res.Header,
		body:     body,
		replayed: res.Header.Get("Idempotency-Replayed") == "true",
	}, nil
}

// neverSent reports whether a request failed before a connection existed, so that no member has seen any of it.
func neverSent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// An unexpectedError is an answer that no fault explains.
type unexpectedError struct{ text string }

func (e *unexpectedError) Error() string { return "unexpected answer: " + e.text }

// settle fills in what the answer to an operation says. The error is for answers that break the contract of the API.
func settle(op *history.Op, a answer) error {
	op.Applied, _ = strconv.ParseUint(a.header.Get("X-Raft-Applied"), 10, 64)
	op.Replayed = a.replayed
	switch a.status {
	case http.StatusOK:
		return settleOK(op, a)
	case http.StatusNotFound, http.StatusPreconditionFailed:
		return settleOtherwise(op, a)
	}
	var body errorBody
	if err := json.Unmarshal(a.body, &body); err != nil {
		return unreadable(op, a, err)
	}
	op.Outcome, op.Error = history.Unknown, body.Error.Code
	switch {
	case a.status == http.StatusTooManyRequests, body.Error.Code == "no_leader", body.Error.Code == "unavailable":
		op.Outcome = history.Refused
	case a.status != http.StatusServiceUnavailable:
		return &unexpectedError{text: fmt.Sprintf("%s: %d %.300s", op.Kind, a.status, a.body)}
	}
	return nil
}

func unreadable(op *history.Op, a answer, err error) error {
	op.Outcome, op.Error = history.Unknown, "unreadable answer"
	return &unexpectedError{text: fmt.Sprintf("%s: %d %.300s: %v", op.Kind, a.status, a.body, err)}
}

func settleOK(op *history.Op, a answer) error {
	if op.Kind == history.Get {
		rev, err := parseETag(a.header.Get("ETag"))
		if err != nil {
			return unreadable(op, a, err)
		}
		op.Outcome, op.Succeeded = history.OK, true
		op.Results = []history.Result{{Exists: true, Value: nameOf(string(a.body)), Rev: rev}}
		return nil
	}
	var body okBody
	if err := json.Unmarshal(a.body, &body); err != nil {
		return unreadable(op, a, err)
	}
	op.Outcome, op.Succeeded, op.Rev = history.OK, true, body.Rev
	switch op.Kind {
	case history.List:
		op.Results = listResults(op, body.Items)
		return nil
	case history.Txn:
		return settleTxn(op, a, body)
	case history.Delete:
		op.Results = []history.Result{{Exists: body.Deleted}}
	default:
		op.Results = []history.Result{{Exists: true, Rev: body.Rev}}
	}
	return checkETag(op, a)
}

// checkETag compares the revision of a write in the body with that in the header.
func checkETag(op *history.Op, a answer) error {
	if op.Kind == history.Delete && a.header.Get("ETag") == "" {
		return nil
	}
	rev, err := parseETag(a.header.Get("ETag"))
	if err != nil || rev != op.Rev {
		return &unexpectedError{text: fmt.Sprintf("%s: ETag %s, and %.300s", op.Kind, a.header.Get("ETag"), a.body)}
	}
	return nil
}

func parseETag(text string) (uint64, error) {
	rev, err := strconv.ParseUint(strings.Trim(text, `"`), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("ETag %q: %w", text, err)
	}
	return rev, nil
}

// listResults says of each key of the group what the list shows of it. A key of another group makes it plain that the
// list is wrong.
func listResults(op *history.Op, items []listItem) []history.Result {
	results := make([]history.Result, history.GroupSize)
	for _, item := range items {
		group, slot, ok := history.ParseKey(item.Key)
		if !ok || group != op.Group {
			results[0].Value = "foreign key " + item.Key
			continue
		}
		results[slot] = history.Result{Exists: true, Value: nameOf(item.Value), Rev: item.Rev, Created: item.Created, Version: item.Version}
	}
	return results
}

func settleTxn(op *history.Op, a answer, body okBody) error {
	op.Succeeded = body.Succeeded
	actions := op.Done()
	if len(actions) != len(body.Results) {
		return unreadable(op, a, errors.New("wrong number of results"))
	}
	for i, r := range body.Results {
		switch {
		case r.Put != nil && actions[i].Kind == history.Put:
			op.Results = append(op.Results, history.Result{Exists: true, Rev: r.Put.Rev})
		case r.Delete != nil && actions[i].Kind == history.Delete:
			op.Results = append(op.Results, history.Result{Exists: r.Delete.Deleted})
		case r.Get != nil && actions[i].Kind == history.Get:
			result, err := r.Get.result()
			if err != nil {
				return unreadable(op, a, err)
			}
			op.Results = append(op.Results, result)
		default:
			return unreadable(op, a, errors.New("results do not fit the operations"))
		}
	}
	return nil
}

// result says what a get of a transaction has shown. A repetition of the answer does not hold values, nor does a first one that the
// member has from a snapshot: whether the key existed and its numbers are known then, and the value stays unknown.
func (g *txnGet) result() (history.Result, error) {
	switch {
	case g.Omitted && (!g.Exists || g.Value != nil):
		return history.Result{}, errors.New("a value is omitted that is there, or of a key that does not exist")
	case !g.Exists:
		return history.Result{}, nil
	case !g.Omitted && g.Value == nil:
		return history.Result{}, errors.New("a value is neither there nor omitted")
	}
	result := history.Result{Exists: true, Rev: g.Rev, Created: g.Created, Version: g.Version}
	if !g.Omitted {
		result.Value = nameOf(*g.Value)
	}
	return result, nil
}

// settleOtherwise is for keys that are not there and preconditions that do not hold.
func settleOtherwise(op *history.Op, a answer) error {
	var body errorBody
	if err := json.Unmarshal(a.body, &body); err != nil {
		return unreadable(op, a, err)
	}
	missing := a.status == http.StatusNotFound && (op.Kind == history.Get || op.Kind == history.Delete)
	failed := a.status == http.StatusPreconditionFailed && len(op.Compare) > 0
	if !missing && !failed {
		op.Outcome, op.Error = history.Unknown, body.Error.Code
		return &unexpectedError{text: fmt.Sprintf("%s: %d %.300s", op.Kind, a.status, a.body)}
	}
	op.Outcome = history.OK
	op.Succeeded = len(op.Compare) == 0
	op.Results = []history.Result{{}}
	if failed {
		op.Results[0] = history.Result{Exists: body.Exists, Rev: body.Rev}
	}
	return nil
}
