package server

// Changes as they happen: GET /watch.

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/seed695671cb/raft/examples/kvstore/store"
	"github.com/seed695671cb/raft/replica"
)

type progressEvent struct {
	Rev uint64 `json:"rev"`
}

// wholeRevision is the number, within a revision, that stands for all of its changes.
const wholeRevision = math.MaxUint32

func (a *api) handleWatch(w http.ResponseWriter, r *request) error {
	query, err := r.query("prefix", "from", "after")
	if err != nil {
		return err
	}
	prefix := query.text("prefix")
	if len(prefix) > store.MaxKeyBytes {
		return badRequest("the prefix has %d bytes: at most %d are possible, as in a key", len(prefix), store.MaxKeyBytes)
	}
	from, err := watchPosition(query, r.Header)
	if err != nil {
		return err
	}
	if err := a.awaitPosition(r, from); err != nil {
		return err
	}
	watcher, err := a.keys.Watch([]byte(prefix), from)
	if err != nil {
		return err
	}
	return a.watch(r, watcher, a.newEventStream(w, r))
}

// awaitPosition makes sure that there is such a position. This member may lack what another has: so before it takes its newest
// revision for that of the cluster, it reads linearizably. That is also what "from now on" needs, as what was acknowledged before is
// not an event of such a watch.
func (a *api) awaitPosition(r *request, from store.Position) error {
	timeout, err := requestTimeout(r.Header, a.limits)
	if err != nil {
		return err
	}
	if from.Rev != 0 && !isAhead(from, a.keys.Rev()) {
		return nil
	}
	ctx, cancel := context.WithTimeout(r.Context(), timeout)
	defer cancel()
	if _, err := a.member.Read(ctx, replica.Linearizable); err != nil {
		return err
	}
	if rev := a.keys.Rev(); isAhead(from, rev) {
		return badRequest("the watch would begin with change %s, which does not exist yet: the newest revision is %d, "+
			"so give %d at most, or nothing for changes from now on", eventID(from), rev, rev+1)
	}
	return nil
}

// isAhead says whether a position is behind the one that comes next.
func isAhead(p store.Position, rev uint64) bool {
	return p.Rev > rev+1 || p.Rev == rev+1 && p.Sub > 0
}

// watchPosition says where a watch begins: after an event that was seen, or with a revision. Revision 0 is now.
func watchPosition(query parameters, header http.Header) (store.Position, error) {
	if id := header.Get("Last-Event-ID"); id != "" {
		return positionAfter(id)
	}
	from, err := query.number("from", 0, 1, math.MaxInt64)
	if err != nil {
		return store.Position{}, err
	}
	id := query.text("after")
	if id == "" {
		return store.Position{Rev: from}, nil
	}
	if from != 0 {
		return store.Position{}, badRequest("both from and after are given: give one of them")
	}
	return positionAfter(id)
}

// positionAfter returns the position after the event of that ID.
func positionAfter(id string) (store.Position, error) {
	revText, subText, found := strings.Cut(id, ".")
	rev, err := parseNumber(revText)
	sub, errSub := parseNumber(subText)
	if !found || err != nil || errSub != nil || rev > math.MaxInt64 || sub > wholeRevision {
		return store.Position{}, badRequest("%q is not the ID of an event: give one as it was sent, such as 12.0", id)
	}
	if sub == wholeRevision {
		return store.Position{Rev: rev + 1}, nil
	}
	if rev == 0 {
		return store.Position{}, badRequest("%q is not the ID of an event: revisions begin with 1", id)
	}
	return store.Position{Rev: rev, Sub: uint32(sub)}.Next(), nil
}

func eventID(p store.Position) string {
	return strconv.FormatUint(p.Rev, 10) + "." + strconv.FormatUint(uint64(p.Sub), 10)
}

// idBefore is the ID with which a client goes on from a position: that of the change before it, or of the whole revision before.
func idBefore(p store.Position) string {
	if p.Sub > 0 {
		return eventID(store.Position{Rev: p.Rev, Sub: p.Sub - 1})
	}
	return eventID(store.Position{Rev: p.Rev - 1, Sub: wholeRevision})
}

// watch sends what the watcher sees until the client goes, the member stops, or the watcher has fallen too far behind.
func (a *api) watch(r *request, watcher *store.Watcher, stream *eventStream) error {
	feed := &watchFeed{api: a, watcher: watcher, held: reservation{budget: &a.watched}}
	defer feed.done()
	progress := newProgress(watcher, stream)
	if err := progress.send(); err != nil {
		return err
	}
	checked := time.Now()
	for {
		events, err := feed.next(r.Context())
		if r.Context().Err() != nil {
			return nil
		}
		if errors.Is(err, errNoRoom) {
			stream.comment("this member has no memory for more: go on with another, or later")
			return stream.send()
		}
		if err != nil {
			return a.endStream(stream, err)
		}
		if err := progress.deliver(events); err != nil {
			return err
		}
		feed.done()
		if time.Since(checked) < a.limits.keepAlive {
			continue
		}
		checked = time.Now()
		if err := a.tokens.authorize(r); err != nil {
			return a.endStream(stream, err)
		}
	}
}

// endStream sends an error as the last event.
func (a *api) endStream(stream *eventStream, err error) error {
	answer := a.asAPIError(err)
	if err := stream.jsonEvent("", "error", answer.body()); err != nil {
		return err
	}
	return stream.send()
}

// A watchProgress sends events, and how far they go when there are none.
type watchProgress struct {
	watcher *store.Watcher
	stream  *eventStream
	told    store.Position // where the client knows that it can go on
}

func newProgress(watcher *store.Watcher, stream *eventStream) *watchProgress {
	return &watchProgress{watcher: watcher, stream: stream}
}

// deliver sends events, or a sign of life if there are none.
func (p *watchProgress) deliver(events []store.Event) error {
	if len(events) == 0 {
		return p.send()
	}
	for i := range events {
		if err := p.add(&events[i]); err != nil {
			return err
		}
		events[i] = store.Event{} // the rest may take long
	}
	return p.stream.send()
}

func (p *watchProgress) add(e *store.Event) error {
	kind := "put"
	switch e.Type {
	case store.EventPut:
	case store.EventDelete:
		kind = "delete"
	default:
		return fmt.Errorf("event %s is of type %d, which this program does not know", eventID(e.Position), e.Type)
	}
	p.stream.begin(eventID(e.Position), kind)
	writeEvent(&p.stream.out, e)
	p.stream.end()
	return p.stream.out.err
}

// writeEvent writes the data of an event.
func writeEvent(j *jsonWriter, e *store.Event) {
	j.number(`{"rev":`, e.Rev)
	j.raw(",")
	j.key(e.Key)
	if e.Type == store.EventPut {
		j.raw(",")
		j.value(e.Value)
	}
	if e.PrevRev != 0 {
		j.number(`,"prev_rev":`, e.PrevRev)
	}
	j.raw("}")
}

// send tells how far the watch has come, if that is news, or that it is still there. The ID lets browsers go on from there: it is
// that of the watcher's position, which may be in the middle of a revision, so that IDs never move back.
func (p *watchProgress) send() error {
	at := p.watcher.Position()
	if at == p.told && p.stream.begun {
		p.stream.comment("keep-alive")
		return p.stream.send()
	}
	p.told = at
	if err := p.stream.jsonEvent(idBefore(at), "progress", progressEvent{Rev: p.watcher.Rev()}); err != nil {
		return err
	}
	return p.stream.send()
}
