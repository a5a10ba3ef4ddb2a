package client

// The errors of the client: what a member answered, by code, and what became of a write that got no answer.

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// The kinds of errors, for errors.Is. Those up to ErrUnavailable are codes of API.md; [*Error] has the details.
var (
	// ErrNotFound: there is no such key, or no such member.
	ErrNotFound = errors.New("not found")
	// ErrPrecondition: the condition of a write did not hold. Nothing was written.
	ErrPrecondition = errors.New("precondition failed")
	// ErrBusy: a queue of the member is full. Nothing was written.
	ErrBusy = errors.New("busy")
	// ErrTimeout: the time was over before there was an answer. A write that fails so is also ErrUnknownOutcome.
	ErrTimeout = errors.New("timeout")
	// ErrConflict: the change does not fit the state of the cluster.
	ErrConflict = errors.New("conflict")
	// ErrIdempotencyConflict: the Idempotency-Key belongs to another request. Nothing was written.
	ErrIdempotencyConflict = errors.New("idempotency conflict")
	// ErrChangePending: another change of the cluster is under way. Nothing was changed.
	ErrChangePending = errors.New("change pending")
	// ErrCompacted: the history that a watch asks for is no longer kept; [Error].Oldest is the first revision that is.
	ErrCompacted = errors.New("compacted")
	// ErrTooLarge: a key, a value or a request is larger than the limits of API.md.
	ErrTooLarge = errors.New("too large")
	// ErrUnauthorized: the token is missing or unknown, or has not the right.
	ErrUnauthorized = errors.New("unauthorized")
	// ErrBadRequest: the request is malformed.
	ErrBadRequest = errors.New("bad request")
	// ErrOmitted: the transaction was applied by an earlier attempt, and the values that it read then are not remembered.
	ErrOmitted = errors.New("the value is omitted: an earlier attempt of the transaction read it, and it is not remembered")
	// ErrUnavailable: no member could serve the request.
	ErrUnavailable = errors.New("unavailable")
	// ErrUnknownOutcome: a write was sent and not answered. It may have been applied, or may be applied yet. To find
	// out, send it again under the same key with [IdempotencyKey].
	ErrUnknownOutcome = errors.New("the outcome is unknown")
)

// The codes of API.md on which the client itself acts.
const (
	codeNoLeader    = "no_leader"
	codeUnavailable = "unavailable"
	codeCompacted   = "compacted"
	codeBusy        = "busy"
	codeTimeout     = "timeout"
)

// Error is an answer of a member other than success.
type Error struct {
	// Status is the HTTP status, 0 if the error came inside a stream.
	Status int
	// Code is the code of API.md, such as "not_found"; empty if what answered is not a member.
	Code string
	// Message says what is wrong and what to do.
	Message string
	// Endpoint is the URL of the member that answered.
	Endpoint string
	// Rev and Exists tell, with ErrPrecondition, what is there instead.
	Rev    uint64
	Exists bool
	// Oldest is, with ErrCompacted, the first revision from which a watch can begin.
	Oldest uint64
	// RetryAfter is, with ErrBusy, how long to wait; 0 if the member did not say.
	RetryAfter time.Duration
}

// Error gives the message of the member, with its code.
func (e *Error) Error() string {
	switch {
	case e.Code == "":
		return fmt.Sprintf("%s answered status %d: %s", e.Endpoint, e.Status, e.Message)
	case e.Message == "":
		return e.Code
	default:
		return e.Code + ": " + e.Message
	}
}

// Is makes errors.Is find the kind of the error.
func (e *Error) Is(target error) bool {
	kind := kindOf(e.Code, e.Status)
	return kind != nil && target == kind
}

// kindOf gives the kind of an answer by its code, or by its status if the code is unknown; nil if neither tells.
func kindOf(code string, status int) error {
	switch code {
	case "not_found":
		return ErrNotFound
	case "precondition_failed":
		return ErrPrecondition
	case codeBusy:
		return ErrBusy
	case codeTimeout:
		return ErrTimeout
	case "conflict":
		return ErrConflict
	case "idempotency_conflict":
		return ErrIdempotencyConflict
	case "change_pending":
		return ErrChangePending
	case codeCompacted:
		return ErrCompacted
	case "too_large":
		return ErrTooLarge
	case "unauthorized", "forbidden":
		return ErrUnauthorized
	case "bad_request", "method_not_allowed":
		return ErrBadRequest
	case codeNoLeader, codeUnavailable, "stopping", "disk_failed":
		return ErrUnavailable
	default:
		return kindOfStatus(status)
	}
}

func kindOfStatus(status int) error {
	switch status {
	case http.StatusNotFound:
		return ErrNotFound
	case http.StatusPreconditionFailed:
		return ErrPrecondition
	case http.StatusTooManyRequests:
		return ErrBusy
	case http.StatusUnauthorized, http.StatusForbidden:
		return ErrUnauthorized
	case http.StatusBadRequest:
		return ErrBadRequest
	case http.StatusGone:
		return ErrCompacted
	case http.StatusConflict:
		return ErrConflict
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return ErrUnavailable
	default:
		return nil
	}
}

// errorBody is the JSON of an error, with the members that some errors have beside it.
type errorBody struct {
	Error struct {
		Code    string `json:"code"`
		Message string `json:"message"`
		Oldest  uint64 `json:"oldest"`
	} `json:"error"`
	Rev    uint64 `json:"rev"`
	Exists bool   `json:"exists"`
	Oldest uint64 `json:"oldest"`
}

// newError reads an answer that is not a success.
func newError(endpoint string, status int, header http.Header, body []byte) *Error {
	e := parseError(body)
	e.Status, e.Endpoint = status, endpoint
	if seconds, err := strconv.ParseUint(header.Get("Retry-After"), 10, 16); err == nil {
		e.RetryAfter = time.Duration(seconds) * time.Second
	}
	return e
}

// parseError reads the body of an error. One that is not of the API is quoted, shortened, as the message.
func parseError(body []byte) *Error {
	var parsed errorBody
	if err := json.Unmarshal(body, &parsed); err != nil || parsed.Error.Code == "" {
		const most = 200
		if len(body) > most {
			body = body[:most]
		}
		return &Error{Message: strconv.Quote(string(body))}
	}
	return &Error{
		Code: parsed.Error.Code, Message: parsed.Error.Message,
		Rev: parsed.Rev, Exists: parsed.Exists, Oldest: max(parsed.Oldest, parsed.Error.Oldest),
	}
}
