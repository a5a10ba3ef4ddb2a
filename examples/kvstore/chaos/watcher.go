package chaos

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/seed695671cb/raft/examples/kvstore/chaos/history"
)

// silence is how long a watcher waits for a byte: members send something at least every ten seconds.
const silence = 12 * time.Second

// A watcher follows all changes of the keys that are checked, on one member after another: it moves on when the
// connection ends, when the member goes silent, and every so often for no reason.
type watcher struct {
	*scene
	number int
	rng    *rand.Rand
	http   *http.Client
	slot   int
	last   history.EventID // of the last change that it was told of
	newest atomic.Uint64   // revision up to which it was told everything
	hops   atomic.Int64
}

func newWatcher(s *scene, number int, seed uint64) *watcher {
	return &watcher{scene: s, number: number, rng: rand.New(rand.NewPCG(seed, uint64(number))), http: newHTTPClient(), slot: number}
}

// run watches until the context ends.
func (w *watcher) run(ctx context.Context) {
	defer w.http.CloseIdleConnections()
	for ctx.Err() == nil {
		w.slot = (w.slot + 1 + w.rng.IntN(w.members.slots()-1)) % w.members.slots()
		w.hops.Add(1)
		w.follow(ctx, w.members.at(w.slot))
		sleep(ctx, 100*time.Millisecond)
	}
}

// follow watches on one member until the stream ends for whatever reason.
func (w *watcher) follow(ctx context.Context, from endpoint) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second+time.Duration(w.rng.Int64N(int64(20*time.Second))))
	defer cancel()
	alarm := time.AfterFunc(silence, cancel)
	defer alarm.Stop()
	req, err := w.request(ctx, from)
	if err != nil {
		return
	}
	res, err := w.http.Do(req)
	if err != nil {
		return
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		w.refused(from, res)
		return
	}
	w.read(from, bufio.NewReader(res.Body), alarm)
}

// request goes on after the last change that the watcher was told of, in either of the two ways there are.
func (w *watcher) request(ctx context.Context, from endpoint) (*http.Request, error) {
	query := url.Values{"prefix": {history.Prefix}}
	header := w.rng.IntN(2) == 0
	switch {
	case w.last.Rev == 0:
		query.Set("from", "1")
	case !header:
		query.Set("after", w.last.String())
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from.url+"/watch?"+query.Encode(), nil)
	if err == nil && header && w.last.Rev != 0 {
		req.Header.Set("Last-Event-ID", w.last.String())
	}
	return req, err
}

// refused notes history that is no longer kept; the watcher goes on where it begins. Anything else than that and a
// member that is not up to it is unexpected.
func (w *watcher) refused(from endpoint, res *http.Response) {
	body, _ := io.ReadAll(io.LimitReader(res.Body, 1<<16))
	switch res.StatusCode {
	case http.StatusGone:
		w.skip(body)
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
	default:
		w.unexpected(from.id, fmt.Sprintf("watch: %d %.300s", res.StatusCode, body))
	}
}

func (w *watcher) skip(data []byte) {
	var body struct {
		Oldest uint64 `json:"oldest"`
	}
	if json.Unmarshal(data, &body) != nil || body.Oldest <= w.last.Rev {
		return
	}
	w.log.AddGap(history.Gap{Watcher: w.number, After: w.last, Oldest: body.Oldest})
	w.last = history.EventID{Rev: body.Oldest - 1, Sub: 1 << 32}
}

// A frame is one server-sent event.
type frame struct{ id, event, data string }

// read takes events from a stream until it ends or says something that cannot be understood.
func (w *watcher) read(from endpoint, stream *bufio.Reader, alarm *time.Timer) {
	var f frame
	for {
		line, err := stream.ReadString('\n')
		if err != nil {
			return
		}
		alarm.Reset(silence)
		line = strings.TrimRight(line, "\r\n")
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "":
			if err := w.take(from, f); err != nil {
				w.unexpected(from.id, "watch: "+err.Error())
				return
			}
			f = frame{}
		case name == "id":
			f.id = value
		case name == "event":
			f.event = value
		case name == "data":
			f.data += value
		}
	}
}

// take handles one event.
func (w *watcher) take(from endpoint, f frame) error {
	switch {
	case f.event == "" && f.data == "":
		return nil
	case f.event == "progress":
		var progress struct {
			Rev uint64 `json:"rev"`
		}
		err := json.Unmarshal([]byte(f.data), &progress)
		w.newest.Store(max(w.newest.Load(), progress.Rev))
		return err
	case f.event == "error":
		w.skip([]byte(f.data))
		return nil
	}
	return w.change(from, f)
}

func (w *watcher) change(from endpoint, f frame) error {
	var data struct {
		Rev     uint64 `json:"rev"`
		Key     string `json:"key"`
		Value   string `json:"value"`
		PrevRev uint64 `json:"prev_rev"`
	}
	if err := json.Unmarshal([]byte(f.data), &data); err != nil {
		return fmt.Errorf("event %.300q: %w", f.data, err)
	}
	id, err := parseEventID(f.id)
	if err != nil {
		return err
	}
	e := &history.Event{Watcher: w.number, Member: from.id, At: w.now(), ID: id, Kind: history.Kind(f.event), Key: data.Key,
		Rev: data.Rev, PrevRev: data.PrevRev}
	if e.Kind == history.Put {
		e.Value = nameOf(data.Value)
	}
	w.log.AddEvent(e)
	w.last = id
	w.newest.Store(max(w.newest.Load(), id.Rev))
	return nil
}

var errEventID = errors.New("the id of an event is not of the form REV.N")

func parseEventID(text string) (history.EventID, error) {
	before, after, ok := strings.Cut(text, ".")
	rev, err1 := strconv.ParseUint(before, 10, 64)
	sub, err2 := strconv.ParseUint(after, 10, 64)
	if !ok || err1 != nil || err2 != nil {
		return history.EventID{}, fmt.Errorf("%q: %w", text, errEventID)
	}
	return history.EventID{Rev: rev, Sub: sub}, nil
}
