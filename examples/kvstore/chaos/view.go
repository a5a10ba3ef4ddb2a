package chaos

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/seed695671cb/raft/examples/kvstore/chaos/history"
)

// A status is what GET /cluster says, as far as it matters here.
type status struct {
	ID      uint64         `json:"id"`
	Role    string         `json:"role"`
	Term    uint64         `json:"term"`
	Leader  uint64         `json:"leader"`
	Commit  uint64         `json:"commit"`
	Applied uint64         `json:"applied"`
	Rev     uint64         `json:"rev"`
	Keys    uint64         `json:"keys"`
	Members []memberStatus `json:"members"`
	History []struct {
		Term   uint64 `json:"term"`
		Leader uint64 `json:"leader"`
	} `json:"history"`
}

type memberStatus struct {
	ID      uint64 `json:"id"`
	URL     string `json:"url"`
	Learner bool   `json:"learner"`
}

// A sample is a status and where and when it was taken.
type sample struct {
	status
	slot int
	life int
	at   time.Time
}

// A view follows what the members say of themselves. Its methods may be called from any goroutine.
type view struct {
	*scene
	http *http.Client

	mu      sync.Mutex
	samples map[int]sample // by slot: the newest
	changes int            // leaders that were seen to be new
}

func newView(s *scene) *view {
	return &view{scene: s, http: newHTTPClient(), samples: map[int]sample{}}
}

// pollEvery is how often each member is asked for its status.
const pollEvery = 100 * time.Millisecond

// follow asks the member in a slot for its status until the context ends.
func (v *view) follow(ctx context.Context, slot int) {
	for ctx.Err() == nil {
		at := v.members.at(slot)
		if st, err := v.ask(ctx, at); err == nil {
			v.note(at, st)
		}
		sleep(ctx, pollEvery)
	}
}

// ask asks a member for its status.
func (v *view) ask(ctx context.Context, at endpoint) (status, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	var st status
	return st, v.getJSON(ctx, at.url+"/cluster", &st)
}

func (v *view) getJSON(ctx context.Context, url string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	a, err := fetch(v.http, req)
	if err != nil {
		return err
	}
	if a.status != http.StatusOK {
		return statusError(a)
	}
	return json.Unmarshal(a.body, into)
}

func (v *view) note(at endpoint, st status) {
	v.claim(st.Term, st.Leader, at.id)
	for _, h := range st.History {
		v.claim(h.Term, h.Leader, at.id)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.samples[at.slot] = sample{status: st, slot: at.slot, life: at.life, at: time.Now()}
}

// claim keeps a member's word on a leader for the checker.
func (v *view) claim(term, leader, by uint64) {
	if term == 0 || leader == 0 || !v.log.AddClaim(history.Claim{Term: term, Leader: leader, By: by}) {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.changes++
}

// leader returns the slot and the term of who says that it leads, going by statuses taken after the given instant; of
// several the one with the highest term.
func (v *view) leader(after time.Time) (slot int, term uint64, ok bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	slot = -1
	for i := range v.members.slots() {
		s, known := v.samples[i]
		if known && s.Role == "leader" && s.at.After(after) && s.Term > term {
			slot, term = i, s.Term
		}
	}
	return slot, term, slot >= 0
}

// leaderChanges returns how many leaders there have been, the first one not counted.
func (v *view) leaderChanges() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return max(0, v.changes-1)
}
