package server

// One key: PUT, GET, HEAD and DELETE of /kv/{key}.

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/seed695671cb/raft/examples/kvstore/store"
	"github.com/seed695671cb/raft/replica"
)

type putAnswer struct {
	Rev     uint64 `json:"rev"`
	Created bool   `json:"created"`
}

type deleteAnswer struct {
	Rev     uint64 `json:"rev"`
	Deleted bool   `json:"deleted"`
}

func (a *api) handlePut(w http.ResponseWriter, r *request) error {
	if _, err := r.query(); err != nil {
		return err
	}
	command, err := singleCommand(r, store.KindPut)
	if err != nil {
		return err
	}
	value, release, err := a.readBody(w, r, store.MaxValueBytes)
	if err != nil {
		return err
	}
	defer release()
	command.Value = value
	result, err := a.write(r.Context(), w, command)
	if err != nil {
		return err
	}
	w.Header().Set("ETag", etag(result.Rev))
	return writeJSON(w, http.StatusOK, putAnswer{Rev: result.Rev, Created: !result.Exists})
}

func (a *api) handleDelete(w http.ResponseWriter, r *request) error {
	if _, err := r.query(); err != nil {
		return err
	}
	command, err := singleCommand(r, store.KindDelete)
	if err != nil {
		return err
	}
	result, err := a.write(r.Context(), w, command)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, deleteAnswer{Rev: result.Rev, Deleted: true})
}

// singleCommand is the command for one key that the path and the headers describe.
func singleCommand(r *request, kind store.CommandKind) (*store.Command, error) {
	key := []byte(r.argument)
	if err := checkKey(key); err != nil {
		return nil, err
	}
	condition, err := parseCondition(r.Header, kind)
	if err != nil {
		return nil, err
	}
	idempotency, err := idempotencyKey(r.Header)
	if err != nil {
		return nil, err
	}
	return &store.Command{Kind: kind, Key: key, Cond: condition, IdempotencyKey: idempotency}, nil
}

// parseCondition reads If-Match and If-None-Match of a write.
func parseCondition(header http.Header, kind store.CommandKind) (store.Condition, error) {
	match, noneMatch := header.Values("If-Match"), header.Values("If-None-Match")
	switch {
	case len(match)+len(noneMatch) == 0:
		return store.Condition{}, nil
	case len(match)+len(noneMatch) > 1:
		return store.Condition{}, badRequest("there is more than one condition: give one of If-Match and If-None-Match, once")
	case len(noneMatch) == 1 && kind == store.KindDelete:
		return store.Condition{}, badRequest("If-None-Match makes no sense with DELETE: use If-Match")
	case len(noneMatch) == 1 && strings.TrimSpace(noneMatch[0]) != "*":
		return store.Condition{}, badRequest("If-None-Match is %q: only * is possible, which creates", noneMatch[0])
	case len(noneMatch) == 1:
		return store.IfAbsent(), nil
	case strings.TrimSpace(match[0]) == "*":
		return store.IfExists(), nil
	}
	rev, err := parseETag(match[0])
	return store.IfRev(rev), err
}

func idempotencyKey(header http.Header) (string, error) {
	values := header.Values("Idempotency-Key")
	switch {
	case len(values) == 0:
		return "", nil
	case len(values) > 1:
		return "", badRequest("Idempotency-Key is given %d times: give it once", len(values))
	case values[0] == "":
		return "", badRequest("Idempotency-Key is empty: give 1 to %d bytes, or leave it out", store.MaxIdempotencyKeyBytes)
	case len(values[0]) > store.MaxIdempotencyKeyBytes:
		return "", badRequest("Idempotency-Key has %d bytes: at most %d are allowed", len(values[0]), store.MaxIdempotencyKeyBytes)
	}
	return values[0], nil
}

// write has a command applied. It answers what its result says against it, and otherwise returns the result.
func (a *api) write(ctx context.Context, w http.ResponseWriter, command *store.Command) (store.Result, error) {
	data, err := store.Encode(command)
	if err != nil {
		return store.Result{}, err
	}
	applied, err := a.writes.Propose(ctx, data)
	if err != nil {
		return store.Result{}, err
	}
	result, err := store.DecodeResult(applied.Data)
	if err != nil {
		return store.Result{}, err
	}
	if result.Replayed {
		w.Header().Set("Idempotency-Replayed", "true")
	}
	return result, refusalOf(command, &result)
}

// refusalOf is the error that a result stands for, nil if the command was carried out.
func refusalOf(command *store.Command, result *store.Result) error {
	switch result.Code {
	case store.CodeOK:
		return nil
	case store.CodePreconditionFailed:
		return preconditionFailed(command, result)
	case store.CodeNotFound:
		return newError(http.StatusNotFound, codeNotFound, "key %s does not exist: there is nothing to delete", quoteKey(command.Key))
	case store.CodeIdempotencyConflict:
		return newError(http.StatusConflict, codeIdempotencyConflict,
			"another request was made with this Idempotency-Key: take a new one for each new request")
	case store.CodeTooLarge:
		return tooLarge("%s", result.Message)
	case store.CodeInvalid:
		return badRequest("%s", result.Message)
	default:
		return errors.New("the command has a result that this program does not know: all members need the same version")
	}
}

func preconditionFailed(command *store.Command, result *store.Result) error {
	state := "does not exist"
	if result.Exists {
		state = "exists, with revision " + strconv.FormatUint(result.KeyRev, 10)
	}
	err := newError(http.StatusPreconditionFailed, codePrecondition, "key %s %s: read it and decide anew", quoteKey(command.Key), state)
	err.found = &foundKey{rev: result.KeyRev, exists: result.Exists}
	return err
}

func notFound(key []byte) error {
	return newError(http.StatusNotFound, codeNotFound, "key %s does not exist: create it with PUT", quoteKey(key))
}

func (a *api) handleGet(w http.ResponseWriter, r *request) error {
	key := []byte(r.argument)
	if err := checkKey(key); err != nil {
		return err
	}
	query, err := r.query("consistency")
	if err != nil {
		return err
	}
	if err := a.awaitRead(r.Context(), w, query); err != nil {
		return err
	}
	kv, release, err := a.readKey(r.Context(), key)
	if err != nil {
		return err
	}
	defer release()
	header := w.Header()
	header.Set("ETag", etag(kv.Rev))
	header.Set("Content-Type", "application/octet-stream")
	header.Set("Content-Length", strconv.Itoa(len(kv.Value)))
	// A browser must not run what somebody has stored.
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Content-Security-Policy", "sandbox")
	header.Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return nil
	}
	_, err = w.Write(kv.Value)
	return writeFailed(err)
}

// readKey reads, and counts what was read until release is called.
func (a *api) readKey(ctx context.Context, key []byte) (kv store.KeyValue, release func(), err error) {
	if err := a.reading.enter(ctx); err != nil {
		return store.KeyValue{}, nil, err
	}
	defer a.reading.leave()
	kv, found, err := a.keys.Get(key)
	if err != nil {
		return store.KeyValue{}, nil, err
	}
	if !found {
		return store.KeyValue{}, nil, notFound(key)
	}
	release, err = a.reserveAnswer(len(kv.Value))
	return kv, release, err
}

// reserveAnswer counts what was read for an answer as long as the client has not taken it.
func (a *api) reserveAnswer(size int) (release func(), err error) {
	n := int64(size)
	if !a.answers.acquire(n) {
		return nil, a.answersBusy()
	}
	return func() { a.answers.release(n) }, nil
}

func (a *api) answersBusy() error {
	return busy("the answers that wait for their clients have %d bytes together, which is the bound: try again later", a.answers.bound)
}

// awaitRead waits until a read has the consistency that is asked for, and says what it will see at least.
func (a *api) awaitRead(ctx context.Context, w http.ResponseWriter, query parameters) error {
	consistency, err := parseConsistency(query.text("consistency"))
	if err != nil {
		return err
	}
	if _, err := a.member.Read(ctx, consistency); err != nil {
		return err
	}
	w.Header().Set("X-Raft-Applied", strconv.FormatUint(a.keys.Applied(), 10))
	return nil
}

func parseConsistency(text string) (replica.Consistency, error) {
	switch text {
	case "", "linearizable":
		return replica.Linearizable, nil
	case "lease":
		return replica.Lease, nil
	case "stale":
		return replica.Stale, nil
	default:
		return 0, badRequest("the consistency is %q: use linearizable, lease or stale", text)
	}
}
