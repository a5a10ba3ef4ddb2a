package client

import (
	"encoding/json"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// remove makes a member one that was removed and does not know: it shows the members of before, and knows no leader, for which it
// waits as long as it may.
func (f *fakeCluster) remove(m *fakeMember, before ...*fakeMember) {
	old := Status{ID: m.id, Role: "candidate", Term: 2, Applied: 1000}
	for _, other := range before {
		old.Members = append(old.Members, MemberStatus{ID: other.id, URL: other.URL})
	}
	m.misbehave(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/cluster" {
			_ = json.NewEncoder(w).Encode(old)
			return true
		}
		patience, err := time.ParseDuration(r.Header.Get("X-Request-Timeout"))
		if err != nil {
			panic(err)
		}
		time.Sleep(patience)
		fail(w, 503, "no_leader", "no leader was found in time", nil)
		return true
	})
}

// takeChanges has a member answer changes of the cluster, and counts them.
func (m *fakeMember) takeChanges() *atomic.Int64 {
	var changes atomic.Int64
	m.misbehave(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodGet {
			return false
		}
		changes.Add(1)
		_, _ = w.Write([]byte(`{"leader":2,"term":5}`))
		return true
	})
	return &changes
}

func TestChangesGoToTheLeaderFirst(t *testing.T) {
	f := newFake(t, 3)
	f.leader = 3
	f.remove(f.members[0], f.members...)
	changes := f.members[2].takeChanges()
	term, err := f.client(t).Transfer(t.Context(), 2)
	require.NoError(t, err)
	require.EqualValues(t, 5, term)
	require.EqualValues(t, 1, changes.Load())

	f.members[2].Close()
	changes = f.members[1].takeChanges() // which passes it on
	require.NoError(t, f.client(t).Remove(t.Context(), 3))
	require.EqualValues(t, 1, changes.Load())
}

// No member knows a leader when it is asked, and the first one never will.
func TestAChangeGoesOnWhereNoLeaderIsKnown(t *testing.T) {
	t.Parallel()
	f := newFake(t, 2)
	f.leader = 0
	f.remove(f.members[0], f.members...)
	changes := f.members[1].takeChanges()
	// The first member answers when its time is over, and the client waits for a tenth of it more: time enough on a machine that is busy.
	c := f.client(t, func(o *Options) { o.Timeout, o.AttemptTimeout = 2*time.Minute, 15*time.Second })
	require.NoError(t, c.AddMember(t.Context(), Member{ID: 4, URL: "http://127.0.0.1:8404"}))
	require.EqualValues(t, 1, changes.Load())
}

// What a member says after all its time still arrives, so that the outcome is known.
func TestTheLastAnswerArrives(t *testing.T) {
	t.Parallel()
	f := newFake(t, 1)
	f.leader = 0
	f.remove(f.members[0], f.members...)
	// The member has a tenth less: enough for its answer on a machine that is busy. It is not asked again with what is left then.
	c := f.client(t, func(o *Options) { o.Timeout, o.AttemptTimeout = 20*time.Second, 20*time.Second })
	_, err := c.Transfer(t.Context(), 1)
	require.ErrorContains(t, err, "no_leader")
	require.NotErrorIs(t, err, ErrUnknownOutcome)
	require.EqualValues(t, 2, f.members[0].requests.Load(), "who leads, and the change")
}

func TestAttemptsAreShortWhileOthersAreLeft(t *testing.T) {
	var bounds []string
	var err error
	unhurried(t, func() {
		f := newFake(t, 2)
		asked := make(chan string, 100)
		for _, m := range f.members {
			m.misbehave(func(w http.ResponseWriter, r *http.Request) bool {
				asked <- r.Header.Get("X-Request-Timeout")
				fail(w, 503, "no_leader", "", nil)
				return true
			})
		}
		_, err = f.client(t, func(o *Options) { o.MaxAttempts, o.AttemptTimeout = 6, 5*time.Second }).Put(t.Context(), "a", nil)
		bounds = nil
		for range len(asked) {
			bounds = append(bounds, <-asked)
		}
	})
	require.ErrorIs(t, err, ErrUnavailable)
	require.Equal(t, []string{"1.5s", "5s", "3s", "5s", "5s", "5s"}, bounds)
}

func TestMembersAreListedByTheLeader(t *testing.T) {
	f := newFake(t, 3)
	f.leader = 3
	f.remove(f.members[0], f.members[0], f.members[2])
	c := f.client(t)
	by, err := c.Membership(t.Context())
	require.NoError(t, err)
	require.Len(t, by.Members, 3)
	require.Equal(t, Membership{Members: by.Members, By: 3, Endpoint: f.members[2].URL, Leader: 3, Current: true}, by)

	only := f.client(t, func(o *Options) { o.Endpoints = f.urls()[:1] })
	by, err = only.Membership(t.Context())
	require.NoError(t, err)
	require.True(t, by.Current, "the removed member names one that leads")
	require.Len(t, only.Statuses(t.Context()), 3)

	f.members[2].Close()
	by, err = c.Membership(t.Context())
	require.NoError(t, err)
	require.Equal(t, uint64(2), by.By, "a member that knows the leader is the next best")
	require.False(t, by.Current)
	by, err = only.Membership(t.Context())
	require.NoError(t, err)
	require.Len(t, by.Members, 2)
	require.Zero(t, by.Leader)
	require.False(t, by.Current)
}

func TestWhichAccountCounts(t *testing.T) {
	order := []*view{ // each is better than those before it
		{status: Status{Role: "candidate", Term: 9, Applied: 5}},
		{status: Status{Role: "candidate", Term: 9, Applied: 6}},
		{status: Status{Role: "follower", Leader: 2, Term: 3, Applied: 7}},
		{status: Status{Role: "leader", Leader: 1, Term: 3, Applied: 6}},
		{status: Status{Role: "follower", Leader: 2, Term: 4, Applied: 5}},
		{status: Status{Role: "leader", Leader: 2, Term: 4, Applied: 4}},
	}
	require.True(t, order[0].better(nil))
	for i, low := range order {
		for _, high := range order[i+1:] {
			require.True(t, high.better(low), "%+v %+v", high, low)
			require.False(t, low.better(high), "%+v %+v", high, low)
		}
	}
}
