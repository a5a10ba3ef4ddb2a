package server

// Errors as the API shows them: a status, a code, and a message that says what to do. Every error that a handler returns becomes
// one here.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strconv"
	"strings"
	"syscall"

	"github.com/seed695671cb/raft/examples/kvstore/store"
	"github.com/seed695671cb/raft/replica"
)

// The codes of API.md.
const (
	codeBadRequest          = "bad_request"
	codeUnauthorized        = "unauthorized"
	codeForbidden           = "forbidden"
	codeNotFound            = "not_found"
	codeMethodNotAllowed    = "method_not_allowed"
	codeConflict            = "conflict"
	codeIdempotencyConflict = "idempotency_conflict"
	codeChangePending       = "change_pending"
	codeCompacted           = "compacted"
	codePrecondition        = "precondition_failed"
	codeTooLarge            = "too_large"
	codeBusy                = "busy"
	codeInternal            = "internal"
	codeNoLeader            = "no_leader"
	codeUnavailable         = "unavailable"
	codeTimeout             = "timeout"
	codeStopping            = "stopping"
	codeDiskFailed          = "disk_failed"
)

// An apiError is an error as it is answered.
type apiError struct {
	status  int
	code    string
	message string

	// found belongs to codePrecondition: what is there instead.
	found *foundKey
	// oldest belongs to codeCompacted.
	oldest uint64
	// allowed belongs to codeMethodNotAllowed.
	allowed []string
	// cause is logged, and not shown.
	cause error
}

// foundKey says in which state a condition has found a key.
type foundKey struct {
	rev    uint64
	exists bool
}

func (e *apiError) Error() string { return e.code + ": " + e.message }
func (e *apiError) Unwrap() error { return e.cause }

func newError(status int, code, format string, args ...any) *apiError {
	return &apiError{status: status, code: code, message: fmt.Sprintf(format, args...)}
}

func badRequest(format string, args ...any) *apiError {
	return newError(http.StatusBadRequest, codeBadRequest, format, args...)
}

func tooLarge(format string, args ...any) *apiError {
	return newError(http.StatusRequestEntityTooLarge, codeTooLarge, format, args...)
}

func busy(format string, args ...any) *apiError {
	return newError(http.StatusTooManyRequests, codeBusy, format, args...)
}

func unavailable(code, format string, args ...any) *apiError {
	return newError(http.StatusServiceUnavailable, code, format, args...)
}

// asAPIError finds the answer for any error.
func (a *api) asAPIError(err error) *apiError {
	var known *apiError
	if errors.As(err, &known) {
		return known
	}
	answer := a.translate(err)
	answer.cause = err
	return answer
}

// translate names errors of the layers below. Whether a write may have been applied comes first, since that is what a client has to
// know: the code timeout is the only one that leaves it open.
func (a *api) translate(err error) *apiError {
	switch {
	case errors.Is(err, replica.ErrBusy):
		return busy("%v", err)
	case errors.Is(err, replica.ErrTooLarge), errors.Is(err, store.ErrTooLarge):
		return tooLarge("%v", err)
	case errors.Is(err, store.ErrInvalid):
		return badRequest("%v", err)
	case errors.Is(err, store.ErrCompacted):
		return compacted(err)
	case errors.Is(err, replica.ErrUnknownOutcome):
		return unavailable(codeTimeout, "there was no answer of the cluster in time, so the outcome is unknown: "+
			"find out with a read, or send it again if it had an Idempotency-Key")
	case errors.Is(err, replica.ErrNoLeader), errors.Is(err, replica.ErrNotLeader):
		return unavailable(codeNoLeader, "no leader was found in time: try again, and see to it that a majority of members runs")
	case errors.Is(err, replica.ErrStopped), errors.Is(err, store.ErrClosed), errors.Is(err, store.ErrFailed):
		return a.stopped()
	case errors.Is(err, replica.ErrRefused):
		return newError(http.StatusConflict, codeConflict, "%v", err)
	case errors.Is(err, replica.ErrNotApplied):
		return notApplied(err)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return unavailable(codeTimeout, "there was no answer of the cluster in time: try again, with a longer X-Request-Timeout if need be")
	default:
		return newError(http.StatusInternalServerError, codeInternal, "the member has failed to do this: its log says why")
	}
}

// notApplied is the answer to a write that was given up before anything came of it.
func notApplied(err error) *apiError {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return unavailable(codeUnavailable, "this was not applied, since the time for it was over: "+
			"try again, with a longer X-Request-Timeout if need be")
	}
	return unavailable(codeUnavailable, "this was not applied, try again: %v", err)
}

// stopped says why nothing is done any more.
func (a *api) stopped() *apiError {
	err := a.failure()
	switch {
	case err == nil:
		return unavailable(codeStopping, "the member is being stopped: ask another member")
	case isDiskFailure(err):
		return unavailable(codeDiskFailed, "the member has stopped since its disk has failed: ask another member, and look at this one's log")
	default:
		return newError(http.StatusInternalServerError, codeInternal, "the member has failed and has stopped: ask another member. The reason is: %v", err)
	}
}

// A diskError is a failure of the log's files.
type diskError struct{ error }

func (e *diskError) Unwrap() error { return e.error }

// isDiskFailure says whether a member has failed because of its disk. The operating system's errors come from there alone: those
// of the network stop no member.
func isDiskFailure(err error) bool {
	var log *diskError
	var path *fs.PathError
	var code syscall.Errno
	return errors.As(err, &log) || errors.As(err, &path) || errors.As(err, &code)
}

func compacted(err error) *apiError {
	answer := newError(http.StatusGone, codeCompacted, "%v", err)
	var detail *store.CompactedError
	if errors.As(err, &detail) {
		answer.oldest = detail.Oldest
	}
	return answer
}

// errorBody is the JSON of an error.
type errorBody struct {
	Error  errorDetail `json:"error"`
	Rev    *uint64     `json:"rev,omitempty"`
	Exists *bool       `json:"exists,omitempty"`
	Oldest uint64      `json:"oldest,omitempty"`
}

type errorDetail struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (e *apiError) body() errorBody {
	body := errorBody{Error: errorDetail{Code: e.code, Message: e.message}, Oldest: e.oldest}
	if e.found != nil {
		body.Rev, body.Exists = &e.found.rev, &e.found.exists
	}
	return body
}

// write answers with the error.
func (e *apiError) write(w http.ResponseWriter) error {
	if e.found != nil && e.found.exists {
		w.Header().Set("ETag", etag(e.found.rev))
	}
	switch e.status {
	case http.StatusTooManyRequests:
		w.Header().Set("Retry-After", "1")
	case http.StatusMethodNotAllowed:
		w.Header().Set("Allow", strings.Join(e.allowed, ", "))
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Bearer realm="kvstore"`)
	}
	return writeJSON(w, e.status, e.body())
}

// writeJSON answers with a JSON body.
func writeJSON(w http.ResponseWriter, status int, body any) error {
	data, err := marshal(body)
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(len(data)))
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, err = w.Write(data)
	return writeFailed(err)
}

// marshal encodes JSON without a newline at its end, and without escapes that are for HTML alone.
func marshal(body any) ([]byte, error) {
	var buffer jsonBuffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(body); err != nil {
		return nil, err
	}
	return buffer[:len(buffer)-1], nil
}

type jsonBuffer []byte

func (b *jsonBuffer) Write(p []byte) (int, error) {
	*b = append(*b, p...)
	return len(p), nil
}

// errAnswerCut is the error of an answer that could not be sent: the client is gone, or too slow. There is nobody to tell.
var errAnswerCut = errors.New("the answer could not be sent")

func writeFailed(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", errAnswerCut, err)
}
