package client

// Single keys: put, get and delete, with their conditions and consistency.

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// maxKey is the longest key, in bytes.
const maxKey = 4096

// Consistency says what a read may return.
type Consistency string

const (
	// Linearizable reads see every write that was acknowledged before they began. It is the default.
	Linearizable Consistency = "linearizable"
	// Lease reads are linearizable as long as the clocks of the members run at about the same rate; they save a round
	// of messages.
	Lease Consistency = "lease"
	// Stale reads return what the member that is asked has applied, which may be old.
	Stale Consistency = "stale"
)

// ParseConsistency reads a consistency by its name; "" is the default.
func ParseConsistency(name string) (Consistency, error) {
	switch c := Consistency(name); c {
	case "":
		return Linearizable, nil
	case Linearizable, Lease, Stale:
		return c, nil
	default:
		return "", fmt.Errorf("unknown consistency %q: it is linearizable, lease or stale", name)
	}
}

// ReadOption changes how a key is read.
type ReadOption func(*readOptions)

type readOptions struct {
	consistency Consistency
	endpoint    string
}

// At reads with the given consistency instead of Linearizable.
func At(consistency Consistency) ReadOption {
	return func(o *readOptions) { o.consistency = consistency }
}

// From asks the member with this URL and no other.
func From(endpoint string) ReadOption {
	return func(o *readOptions) { o.endpoint = endpoint }
}

// WriteOption sets a condition of a write, or its Idempotency-Key.
type WriteOption func(map[string]string)

// IfRevision writes only if the revision of the key is rev, and fails with ErrPrecondition otherwise.
func IfRevision(rev uint64) WriteOption {
	return func(header map[string]string) { header["If-Match"] = `"` + strconv.FormatUint(rev, 10) + `"` }
}

// IfExists writes only if the key exists, and fails with ErrPrecondition otherwise.
func IfExists() WriteOption {
	return func(header map[string]string) { header["If-Match"] = "*" }
}

// IfAbsent puts only if the key does not exist, and fails with ErrPrecondition otherwise.
func IfAbsent() WriteOption {
	return func(header map[string]string) { header["If-None-Match"] = "*" }
}

// IdempotencyKey replaces the key that the client would draw for a write. With the key of a write whose outcome is
// unknown, the same write can be sent again later, and is applied once. It has up to 256 bytes.
func IdempotencyKey(key string) WriteOption {
	return func(header map[string]string) { header["Idempotency-Key"] = key }
}

// Value is what a key holds.
type Value struct {
	Data []byte
	Rev  uint64 // of the write that set it
	// Applied is the index in the log up to which the member had applied when it read.
	Applied uint64
}

// PutResult is the outcome of a put.
type PutResult struct {
	Rev      uint64 `json:"rev"`
	Created  bool   `json:"created"` // the key did not exist before
	Replayed bool   `json:"-"`       // the write had been applied by an earlier attempt
}

// DeleteResult is the outcome of a delete that found its key.
type DeleteResult struct {
	Rev      uint64 `json:"rev"`
	Replayed bool   `json:"-"` // as in PutResult
}

// Put sets a key. When it returns without error, the value is durable on a majority of the members.
func (c *Client) Put(ctx context.Context, key string, value []byte, options ...WriteOption) (PutResult, error) {
	if value == nil {
		value = []byte{}
	}
	var result PutResult
	answer, err := c.write(ctx, http.MethodPut, key, value, options)
	if err != nil {
		return result, err
	}
	result.Replayed = replayed(answer)
	err = decode(answer, &result)
	return result, err
}

// Delete deletes a key. It fails with ErrNotFound if there is none.
func (c *Client) Delete(ctx context.Context, key string, options ...WriteOption) (DeleteResult, error) {
	var result DeleteResult
	answer, err := c.write(ctx, http.MethodDelete, key, nil, options)
	if err != nil {
		return result, err
	}
	result.Replayed = replayed(answer)
	err = decode(answer, &result)
	return result, err
}

func (c *Client) write(ctx context.Context, method, key string, body []byte, options []WriteOption) (*answer, error) {
	path, err := keyPath(key)
	if err != nil {
		return nil, err
	}
	header, again := c.writeHeader(options)
	return c.do(ctx, &request{method: method, path: path, header: header, body: body, replay: again})
}

// writeHeader returns the header of a write, and when the write may be sent again.
func (c *Client) writeHeader(options []WriteOption) (header map[string]string, again replay) {
	header = map[string]string{}
	for _, option := range options {
		option(header)
	}
	if header["Idempotency-Key"] == "" {
		if c.options.Unkeyed {
			return header, replayUnapplied
		}
		header["Idempotency-Key"] = rand.Text()
	}
	return header, replayKeyed
}

// Get reads a key. It fails with ErrNotFound if there is none.
func (c *Client) Get(ctx context.Context, key string, options ...ReadOption) (Value, error) {
	path, err := keyPath(key)
	if err != nil {
		return Value{}, err
	}
	var chosen readOptions
	for _, option := range options {
		option(&chosen)
	}
	if chosen.consistency != "" && chosen.consistency != Linearizable {
		path += "?consistency=" + url.QueryEscape(string(chosen.consistency))
	}
	answer, err := c.do(ctx, &request{method: http.MethodGet, path: path, endpoint: chosen.endpoint})
	if err != nil {
		return Value{}, err
	}
	rev, err := strconv.ParseUint(strings.Trim(answer.header.Get("ETag"), `"`), 10, 64)
	if err != nil {
		return Value{}, fmt.Errorf("%s answered with the ETag %q, which is no revision: is it a member of kvstore?",
			answer.endpoint, answer.header.Get("ETag"))
	}
	applied, _ := strconv.ParseUint(answer.header.Get("X-Raft-Applied"), 10, 64) // 0 if the member does not say
	return Value{Data: answer.body, Rev: rev, Applied: applied}, nil
}

// keyPath gives the path of a key. Its slashes are escaped, and so is what would otherwise be taken for a step in a
// path.
func keyPath(key string) (string, error) {
	if key == "" || len(key) > maxKey {
		return "", fmt.Errorf("%w: a key has 1 to %d bytes, this one %d", ErrBadRequest, maxKey, len(key))
	}
	if key == "." || key == ".." {
		return "/kv/" + strings.ReplaceAll(key, ".", "%2E"), nil
	}
	return "/kv/" + url.PathEscape(key), nil
}

func replayed(a *answer) bool {
	return a.header.Get("Idempotency-Replayed") == "true"
}

// decode reads a JSON answer.
func decode(a *answer, into any) error {
	if err := json.Unmarshal(a.body, into); err != nil {
		return fmt.Errorf("%s gave an answer that is not of the API: %w", a.endpoint, err)
	}
	return nil
}
