package history

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
)

// An EventID is where a change stands: the revision, and the number of the change within it.
type EventID struct {
	Rev uint64 `json:"rev"`
	Sub uint64 `json:"sub"`
}

// Less orders changes.
func (id EventID) Less(other EventID) bool {
	return id.Rev < other.Rev || id.Rev == other.Rev && id.Sub < other.Sub
}

func (id EventID) String() string { return fmt.Sprintf("%d.%d", id.Rev, id.Sub) }

// An Event is a change that a watcher was told of.
type Event struct {
	Watcher int     `json:"watcher"`
	Member  uint64  `json:"member"`
	At      int64   `json:"at"`
	ID      EventID `json:"id"`
	Kind    Kind    `json:"kind"` // Put or Delete
	Key     string  `json:"key"`
	Value   string  `json:"value,omitempty"`
	Rev     uint64  `json:"rev"`
	PrevRev uint64  `json:"prev_rev,omitempty"`
}

// A Gap says that a watcher was told that history up to, and without, the revision Oldest is no longer kept, and
// went on there.
type Gap struct {
	Watcher int     `json:"watcher"`
	After   EventID `json:"after"` // the last change that it had seen
	Oldest  uint64  `json:"oldest"`
}

// A Claim is a member's word on who leads a term.
type Claim struct {
	Term   uint64 `json:"term"`
	Leader uint64 `json:"leader"`
	By     uint64 `json:"by"`
}

// An Item is a key as a list shows it.
type Item struct {
	Key     string `json:"key"`
	Value   string `json:"value"`
	Rev     uint64 `json:"rev"`
	Created uint64 `json:"created"`
	Version uint64 `json:"version"`
}

// A Final is everything under the prefix after the last fault was healed, as one member holds it.
type Final struct {
	Member uint64 `json:"member"` // 0: read linearizably
	Rev    uint64 `json:"rev"`
	Items  []Item `json:"items"`
}

// A Replay is an answer to a request that had been answered before under the same idempotency key.
type Replay struct {
	Op       int    `json:"op"`
	Member   uint64 `json:"member"`
	Replayed bool   `json:"replayed"` // the member said so
	Rev      uint64 `json:"rev"`
}

// A Log collects a history. All its methods may be called from any goroutine; the slices may be read once nothing adds
// to them any more.
type Log struct {
	mu      sync.Mutex
	Ops     []*Op
	Events  []*Event
	Gaps    []Gap
	Claims  []Claim
	Finals  []Final
	Replays []Replay
	claimed map[Claim]bool
}

// line is one line of the encoding; exactly one field is set.
type line struct {
	Op     *Op     `json:"op,omitempty"`
	Event  *Event  `json:"event,omitempty"`
	Gap    *Gap    `json:"gap,omitempty"`
	Claim  *Claim  `json:"claim,omitempty"`
	Final  *Final  `json:"final,omitempty"`
	Replay *Replay `json:"replay,omitempty"`
}

// AddOp adds an operation that is over, and numbers it.
func (l *Log) AddOp(op *Op) {
	l.mu.Lock()
	defer l.mu.Unlock()
	op.ID = len(l.Ops) + 1
	l.Ops = append(l.Ops, op)
}

// AddEvent adds a change that a watcher was told of, in the order in which it came.
func (l *Log) AddEvent(e *Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.Events = append(l.Events, e)
}

// AddGap adds a stretch that a watcher was told is no longer kept.
func (l *Log) AddGap(g Gap) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.Gaps = append(l.Gaps, g)
}

// AddClaim adds a member's word on who leads, unless it has said so before. It reports whether the leader of that term
// was not known yet.
func (l *Log) AddClaim(c Claim) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.claimed == nil {
		l.claimed = map[Claim]bool{}
	}
	if l.claimed[c] {
		return false
	}
	anybody := Claim{Term: c.Term, Leader: c.Leader}
	news := !l.claimed[anybody]
	l.claimed[c], l.claimed[anybody] = true, true
	l.Claims = append(l.Claims, c)
	return news
}

// AddFinal adds what a member holds at the end.
func (l *Log) AddFinal(f Final) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.Finals = append(l.Finals, f)
}

// AddReplay adds an answer to a repeated request.
func (l *Log) AddReplay(r Replay) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.Replays = append(l.Replays, r)
}

// Watchers returns the numbers of all watchers, ascending.
func (l *Log) Watchers() []int {
	var watchers []int
	seen := map[int]bool{}
	for _, e := range l.Events {
		if !seen[e.Watcher] {
			seen[e.Watcher] = true
			watchers = append(watchers, e.Watcher)
		}
	}
	slices.Sort(watchers)
	return watchers
}

// Write writes the history as lines of JSON.
func (l *Log) Write(w io.Writer) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	buffered := bufio.NewWriter(w)
	enc := json.NewEncoder(buffered)
	var errs []error
	put := func(x line) { errs = append(errs, enc.Encode(x)) }
	for _, op := range l.Ops {
		put(line{Op: op})
	}
	for _, e := range l.Events {
		put(line{Event: e})
	}
	for i := range l.Gaps {
		put(line{Gap: &l.Gaps[i]})
	}
	for i := range l.Claims {
		put(line{Claim: &l.Claims[i]})
	}
	for i := range l.Finals {
		put(line{Final: &l.Finals[i]})
	}
	for i := range l.Replays {
		put(line{Replay: &l.Replays[i]})
	}
	if err := errors.Join(append(errs, buffered.Flush())...); err != nil {
		return fmt.Errorf("write history: %w", err)
	}
	return nil
}

// Read reads what Write wrote.
func Read(r io.Reader) (*Log, error) {
	l := &Log{}
	dec := json.NewDecoder(r)
	for n := 1; ; n++ {
		var x line
		err := dec.Decode(&x)
		if errors.Is(err, io.EOF) {
			return l, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read history, line %d: %w", n, err)
		}
		l.add(x)
	}
}

func (l *Log) add(x line) {
	switch {
	case x.Op != nil:
		l.Ops = append(l.Ops, x.Op)
	case x.Event != nil:
		l.Events = append(l.Events, x.Event)
	case x.Gap != nil:
		l.Gaps = append(l.Gaps, *x.Gap)
	case x.Claim != nil:
		l.Claims = append(l.Claims, *x.Claim)
	case x.Final != nil:
		l.Finals = append(l.Finals, *x.Final)
	case x.Replay != nil:
		l.Replays = append(l.Replays, *x.Replay)
	}
}
