package client

// Watching: a stream of changes that is taken up again, on any member, where it was cut.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// EventType says what happened.
type EventType string

const (
	// EventPut is a key that was set.
	EventPut EventType = "put"
	// EventDelete is a key that was deleted.
	EventDelete EventType = "delete"
	// EventProgress says that all changes up to Rev have been seen. Only WatchOptions.Progress asks for it.
	EventProgress EventType = "progress"
	// eventError ends a stream.
	eventError EventType = "error"
)

// Event is a change of a key.
type Event struct {
	ID      string // for WatchOptions.After; empty with EventProgress
	Type    EventType
	Rev     uint64
	Key     string
	Value   []byte // nil unless EventPut
	PrevRev uint64 // of the write that this one replaced, 0 if there was none
}

// WatchOptions says what to watch. The zero value is all keys, from now on.
type WatchOptions struct {
	Prefix string // only keys that begin with it
	From   uint64 // the first revision of interest; 0 is from now on
	After  string // the ID of the last event that was seen, to go on behind it; From is then without meaning
	// Progress asks for progress events too.
	Progress bool
	// OnCut is called, unless nil, with the reason each time a stream broke off and before it is taken up again.
	OnCut func(error)
}

// Watch iterates over the changes of keys, in the order in which they were made, none twice and none left out. It
// goes on until the context ends or the caller stops, over failures of members and connections; then the iteration
// ends without an error. It ends with an error if the watch cannot begin within Options.Timeout, if the member refuses it, or
// with ErrCompacted if what it is to begin with, or to go on with, is no longer kept.
func (c *Client) Watch(ctx context.Context, options WatchOptions) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		w := &watch{client: c, options: options, yield: yield, from: options.From}
		if err := w.run(ctx); err != nil && ctx.Err() == nil {
			yield(Event{}, err)
		}
	}
}

// watch is the state of one iteration.
type watch struct {
	client  *Client
	options WatchOptions
	yield   func(Event, error) bool
	from    uint64   // the first revision that was not seen as a whole
	last    position // of the last event that was delivered
	began   bool     // a stream was opened
	failed  int      // streams that brought nothing, in a row
}

var (
	errStopped = errors.New("the caller stopped the iteration")
	errSilence = errors.New("nothing came for too long, not even a keep-alive")
)

func (w *watch) run(ctx context.Context) error {
	if err := w.begin(ctx); err != nil {
		return err
	}
	deadline := time.Now().Add(w.client.options.Timeout)
	for {
		endpoint := w.client.endpoints.pick(time.Now())
		err := w.stream(ctx, endpoint)
		if errors.Is(err, errStopped) {
			return nil
		}
		if ctx.Err() != nil || final(err) || !w.began && time.Now().After(deadline) {
			return err
		}
		w.client.endpoints.failed(endpoint, time.Now())
		if w.options.OnCut != nil {
			w.options.OnCut(err)
		}
		w.failed++
		if !pause(ctx, min(25*time.Millisecond<<min(w.failed, 6), time.Second)) {
			return ctx.Err()
		}
	}
}

// begin fixes where the watch starts. "From now on" becomes a revision, so that nothing is lost if the first stream
// breaks off before it brought anything.
func (w *watch) begin(ctx context.Context) error {
	if w.options.After != "" {
		last, err := parsePosition(w.options.After)
		w.last = last
		if last.rev == 0 {
			w.from = 1 // behind nothing at all is everything
		} else {
			w.from = last.rev
		}
		return err
	}
	if w.from != 0 {
		return nil
	}
	page, err := w.client.List(ctx, ListOptions{Prefix: w.options.Prefix, Limit: 1, KeysOnly: true})
	w.from = page.Rev + 1
	return err
}

// final tells whether an error will come again however often the watch is taken up.
func final(err error) bool {
	var refusal *Error
	if !errors.As(err, &refusal) {
		return false
	}
	if refusal.Code == codeCompacted {
		return true
	}
	return refusal.Status >= 300 && refusal.Status < 500 && refusal.Status != http.StatusTooManyRequests
}

// stream reads one stream to its end, which is always an error.
func (w *watch) stream(ctx context.Context, endpoint string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silence := time.AfterFunc(w.client.watchSilence, func() { cancel(errSilence) })
	defer silence.Stop()
	body, err := w.open(ctx, endpoint)
	if err != nil {
		return caused(ctx, err)
	}
	defer body.Close()
	w.began = true
	reader := newEventReader(body, func() { silence.Reset(w.client.watchSilence) })
	for {
		raw, err := reader.next()
		if err != nil {
			return fmt.Errorf("the watch of %s broke off: %w", endpoint, caused(ctx, err))
		}
		if err := w.deliver(raw, endpoint); err != nil {
			return err
		}
		w.failed = 0
	}
}

// caused gives the reason for which a context was cancelled, if it was one of the watch's own.
func caused(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), errSilence) {
		return errSilence
	}
	return err
}

func (w *watch) open(ctx context.Context, endpoint string) (io.ReadCloser, error) {
	query := url.Values{}
	if w.options.Prefix != "" {
		query.Set("prefix", w.options.Prefix)
	}
	req := &request{method: http.MethodGet, header: map[string]string{"Accept": "text/event-stream"}}
	switch {
	case w.last.rev >= w.from && w.last.rev != 0:
		req.header["Last-Event-ID"] = w.last.String()
	default:
		query.Set("from", strconv.FormatUint(w.from, 10))
	}
	req.path = "/watch?" + query.Encode()
	httpRequest, err := w.client.newHTTPRequest(ctx, req, endpoint)
	if err != nil {
		return nil, err
	}
	response, err := w.client.http.Do(httpRequest)
	if err != nil {
		return nil, fmt.Errorf("%w from %s: %w", errNoAnswer, endpoint, plain(err))
	}
	if response.StatusCode == http.StatusOK {
		w.client.endpoints.succeeded(endpoint, response.Header.Get("X-Raft-Leader"), time.Now())
		return response.Body, nil
	}
	text, _ := readAnswer(response) // what of it could be read is all there is to quote
	return nil, newError(endpoint, response.StatusCode, response.Header, text)
}

// deliver hands one event to the caller, unless it was delivered before.
func (w *watch) deliver(raw rawEvent, endpoint string) error {
	switch EventType(raw.name) {
	case EventPut, EventDelete, EventProgress:
	case eventError:
		refusal := parseError(raw.data)
		refusal.Endpoint = endpoint
		return refusal
	default:
		return nil // of a later version; what has to be understood would not be sent this way
	}
	event, err := parseEvent(raw)
	if err != nil {
		return fmt.Errorf("%s sent an event that is not of the API: %w", endpoint, err)
	}
	if event.Type == EventProgress {
		w.from = max(w.from, event.Rev+1)
		return w.pass(event, w.options.Progress)
	}
	at, err := parsePosition(event.ID)
	if err != nil {
		return err
	}
	if !w.last.before(at) || at.rev < w.from {
		return nil
	}
	w.last = at
	return w.pass(event, true)
}

func (w *watch) pass(event Event, wanted bool) error {
	if wanted && !w.yield(event, nil) {
		return errStopped
	}
	return nil
}

func parseEvent(raw rawEvent) (Event, error) {
	var wire struct {
		wireItem
		PrevRev uint64 `json:"prev_rev"`
	}
	if err := json.Unmarshal(raw.data, &wire); err != nil {
		return Event{}, err
	}
	event := Event{ID: raw.id, Type: EventType(raw.name), Rev: wire.Rev, PrevRev: wire.PrevRev}
	if event.Type == EventProgress {
		event.ID = ""
		return event, nil
	}
	event.Key = keyOf(wire.Key, wire.Key64)
	if event.Type == EventDelete {
		return event, nil
	}
	value, err := valueOf(wire.Value, wire.Base64)
	event.Value = value
	return event, err
}

// position is the place of an event in the history: its revision, and its number among the changes of that.
type position struct{ rev, change uint64 }

func parsePosition(id string) (position, error) {
	rev, change, found := strings.Cut(id, ".")
	r, err := strconv.ParseUint(rev, 10, 64)
	n, err2 := strconv.ParseUint(change, 10, 64)
	if !found || err != nil || err2 != nil {
		return position{}, fmt.Errorf("%w: %q is no ID of an event: it looks like 12.0", ErrBadRequest, id)
	}
	return position{rev: r, change: n}, nil
}

func (p position) before(q position) bool {
	return p.rev < q.rev || p.rev == q.rev && p.change < q.change
}

func (p position) String() string {
	return strconv.FormatUint(p.rev, 10) + "." + strconv.FormatUint(p.change, 10)
}
