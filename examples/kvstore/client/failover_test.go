package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func refuse(status int, code string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		fail(w, status, code, "try again", nil)
		return true
	}
}

func TestFailover(t *testing.T) {
	t.Parallel()
	cases := map[string]func(*fakeMember){
		"a member is down":           func(m *fakeMember) { m.Close() },
		"a member has no leader":     func(m *fakeMember) { m.misbehave(refuse(503, "no_leader")) },
		"a member is unavailable":    func(m *fakeMember) { m.misbehave(refuse(503, "unavailable")) },
		"a member stops":             func(m *fakeMember) { m.misbehave(refuse(503, "stopping")) },
		"a member's disk has failed": func(m *fakeMember) { m.misbehave(refuse(503, "disk_failed")) },
		"a member runs out of time":  func(m *fakeMember) { m.misbehave(refuse(503, "timeout")) },
		"a proxy has lost a member": func(m *fakeMember) {
			m.misbehave(func(w http.ResponseWriter, _ *http.Request) bool {
				w.WriteHeader(http.StatusBadGateway)
				return true
			})
		},
		"a member hangs": func(m *fakeMember) {
			m.misbehave(func(_ http.ResponseWriter, r *http.Request) bool {
				_, _ = io.Copy(io.Discard, r.Body) // only then is the end of the connection noticed
				<-r.Context().Done()
				return true
			})
		},
	}
	for name, breakIt := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, 3)
			c := f.client(t)
			breakIt(f.members[0])
			breakIt(f.members[1])
			_, err := c.Put(t.Context(), "a", []byte("1"))
			require.NoError(t, err)
			require.Equal(t, 1, f.timesApplied("a"))
			for range 10 {
				before, began := f.members[0].requests.Load(), time.Now()
				_, err = c.Get(t.Context(), "a")
				require.NoError(t, err)
				if time.Since(began) < firstBound { // otherwise an attempt may have been cut, and a detour is right
					require.Equal(t, before, f.members[0].requests.Load(), "it keeps to the member that answers")
				}
			}
		})
	}
}

// The first members apply the write and cut the connection before they answer.
func TestWriteThatWasAppliedAndNotAnsweredIsAppliedOnce(t *testing.T) {
	f := newFake(t, 3)
	applyAndCut := func(m *fakeMember) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			m.serve(httptest.NewRecorder(), r)
			cut(w)
			return true
		}
	}
	f.members[0].misbehave(applyAndCut(f.members[0]))
	f.members[1].misbehave(applyAndCut(f.members[1]))
	c := f.client(t)
	put, err := c.Put(t.Context(), "a", []byte("1"), IfAbsent())
	require.NoError(t, err)
	require.Equal(t, PutResult{Rev: 1, Created: true, Replayed: true}, put)
	require.Equal(t, 1, f.timesApplied("a"))
	_, err = c.Put(t.Context(), "b", nil)
	require.NoError(t, err)
	require.Len(t, f.answers, 2, "every write has a key of its own")
}

func TestUnknownOutcome(t *testing.T) {
	f := newFake(t, 2)
	for _, m := range f.members {
		m.misbehave(func(w http.ResponseWriter, r *http.Request) bool {
			m.serve(httptest.NewRecorder(), r)
			cut(w)
			return true
		})
	}
	c := f.client(t, func(o *Options) { o.MaxAttempts = 3 })
	_, err := c.Put(t.Context(), "a", []byte("1"), IdempotencyKey("mine"))
	require.ErrorIs(t, err, ErrUnknownOutcome)
	require.ErrorIs(t, err, ErrUnavailable)
	_, err = c.Get(t.Context(), "a")
	require.ErrorIs(t, err, ErrUnavailable)
	require.NotErrorIs(t, err, ErrUnknownOutcome, "a read has no outcome")

	for _, m := range f.members {
		m.misbehave(nil)
	}
	put, err := c.Put(t.Context(), "a", []byte("1"), IdempotencyKey("mine"))
	require.NoError(t, err)
	require.True(t, put.Replayed)
	require.Equal(t, 1, f.timesApplied("a"))
}

func TestOutcomeIsKnownWhenNothingWasSent(t *testing.T) {
	f := newFake(t, 2)
	f.members[0].Close()
	f.members[1].misbehave(refuse(503, "no_leader"))
	c := f.client(t, func(o *Options) { o.MaxAttempts = 5 })
	_, err := c.Put(t.Context(), "a", []byte("1"))
	require.ErrorIs(t, err, ErrUnavailable)
	require.NotErrorIs(t, err, ErrUnknownOutcome)
}

func TestChangesOfTheClusterAreNotRepeated(t *testing.T) {
	f := newFake(t, 3)
	var changes atomic.Int64
	f.members[0].Close() // nothing was sent: that may be repeated
	f.members[1].misbehave(refuse(503, "no_leader"))
	f.members[2].misbehave(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost {
			changes.Add(1)
		}
		cut(w)
		return true
	})
	err := f.client(t).AddMember(t.Context(), Member{ID: 4, URL: "http://127.0.0.1:8404"})
	require.ErrorIs(t, err, ErrUnknownOutcome)
	require.EqualValues(t, 1, changes.Load())
}

func TestBusyMemberIsAskedAgain(t *testing.T) {
	var f *fakeCluster
	var err error
	unhurried(t, func() {
		f = newFake(t, 2)
		var busy atomic.Int64
		busy.Store(2)
		f.members[0].misbehave(func(w http.ResponseWriter, _ *http.Request) bool {
			if busy.Add(-1) < 0 {
				return false
			}
			fail(w, 429, "busy", "the queue is full", nil)
			return true
		})
		_, err = f.client(t).Put(t.Context(), "a", []byte("1"))
	})
	require.NoError(t, err)
	require.Zero(t, f.members[1].requests.Load(), "a queue is no reason to burden another member")

	f.members[0].misbehave(func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Retry-After", "3600")
		fail(w, 429, "busy", "the queue is full", nil)
		return true
	})
	unhurried(t, func() { _, err = f.client(t).Put(t.Context(), "a", []byte("1")) })
	require.ErrorIs(t, err, ErrBusy)
	var refusal *Error
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, time.Hour, refusal.RetryAfter)
}

func TestRefusalsAreFinal(t *testing.T) {
	for code, want := range map[string]error{
		"unauthorized": ErrUnauthorized, "bad_request": ErrBadRequest, "too_large": ErrTooLarge,
		"idempotency_conflict": ErrIdempotencyConflict, "change_pending": ErrChangePending, "conflict": ErrConflict,
	} {
		var f *fakeCluster
		var err error
		unhurried(t, func() {
			f = newFake(t, 2)
			f.members[0].misbehave(refuse(400, code))
			_, err = f.client(t).Put(t.Context(), "a", nil)
		})
		require.ErrorIs(t, err, want)
		require.NotErrorIs(t, err, ErrUnknownOutcome)
		require.Zero(t, f.members[1].requests.Load())
	}
}

func TestTokenAndTimeoutAreSent(t *testing.T) {
	f := newFake(t, 1)
	var header http.Header
	f.members[0].misbehave(func(_ http.ResponseWriter, r *http.Request) bool {
		header = r.Header.Clone()
		return false
	})
	c := f.client(t, func(o *Options) { o.Token, o.AttemptTimeout = "secret", 5*time.Second })
	_, err := c.Put(t.Context(), "a", nil)
	require.NoError(t, err)
	require.Equal(t, "Bearer secret", header.Get("Authorization"))
	require.Equal(t, "5s", header.Get("X-Request-Timeout"))
	require.Len(t, header.Get("Idempotency-Key"), 26)
}

func TestRedirectIsAnError(t *testing.T) {
	var f *fakeCluster
	var err error
	unhurried(t, func() {
		f = newFake(t, 2)
		other := f.members[1].URL
		f.members[0].misbehave(func(w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, other, http.StatusTemporaryRedirect)
			return true
		})
		_, err = f.client(t, func(o *Options) { o.Token = "secret" }).Get(t.Context(), "a")
	})
	var refusal *Error
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, 307, refusal.Status)
	require.Zero(t, f.members[1].requests.Load())
}

func TestCancelledContextEndsACall(t *testing.T) {
	f := newFake(t, 1)
	ctx, cancel := context.WithCancel(t.Context())
	f.members[0].misbehave(func(_ http.ResponseWriter, r *http.Request) bool {
		_, _ = io.Copy(io.Discard, r.Body) // only then is the end of the connection noticed
		cancel()
		<-r.Context().Done()
		return true
	})
	_, err := f.client(t).Put(ctx, "a", []byte("1"))
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, ErrUnknownOutcome)
}

func TestTimeoutNamesWhatWentWrong(t *testing.T) {
	t.Parallel()
	f := newFake(t, 1)
	f.members[0].misbehave(refuse(503, "no_leader"))
	_, err := f.client(t, func(o *Options) { o.Timeout = 10 * time.Second }).Get(t.Context(), "a")
	require.ErrorIs(t, err, ErrTimeout)
	require.ErrorContains(t, err, "no_leader: try again")
}

// A member refuses once, and hangs from then on: the refusal is the reason, and that it hung is told too.
func TestAnAttemptWithoutAnswerDoesNotHideTheReason(t *testing.T) {
	t.Parallel()
	f := newFake(t, 1)
	var asked atomic.Int64
	f.members[0].misbehave(func(w http.ResponseWriter, r *http.Request) bool {
		if asked.Add(1) == 1 {
			fail(w, 503, "no_leader", "try again", nil)
			return true
		}
		<-r.Context().Done()
		return true
	})
	_, err := f.client(t, func(o *Options) { o.Timeout = 10 * time.Second }).Get(t.Context(), "a")
	require.ErrorIs(t, err, ErrTimeout)
	require.ErrorContains(t, err, "no_leader: try again, and then no answer from "+f.members[0].URL)
	var refusal *Error
	require.False(t, errors.As(err, &refusal), "the refusal does not say how the last attempt ended")
}

// The first member answers when hardly any time is left: what another one would be asked then, it could not answer in time.
func TestNoAttemptIsMadeThatHasNoTime(t *testing.T) {
	t.Parallel()
	f := newFake(t, 2)
	deadline := time.Now().Add(1500 * time.Millisecond)
	f.members[0].misbehave(func(w http.ResponseWriter, r *http.Request) bool {
		time.Sleep(time.Until(deadline) - 60*time.Millisecond)
		return refuse(503, "no_leader")(w, r)
	})
	ctx, cancel := context.WithDeadline(t.Context(), deadline)
	defer cancel()
	_, err := f.client(t).Get(ctx, "a")
	require.ErrorIs(t, err, ErrTimeout)
	require.Zero(t, f.members[1].requests.Load())
}

// A call with little time from the beginning is made all the same.
func TestTheFirstAttemptIsAlwaysMade(t *testing.T) {
	f := newFake(t, 1)
	c := f.client(t, func(o *Options) { o.Timeout = leastTime / 2 })
	require.Eventually(t, func() bool {
		_, _ = c.Get(t.Context(), "a") // its time may be over before the attempt
		return f.members[0].dialled.Load() > 0
	}, time.Minute, time.Millisecond)
}

func TestDiscoveryFollowsTheLeader(t *testing.T) {
	f := newFake(t, 3)
	c := f.client(t, func(o *Options) { o.Endpoints, o.Discover = f.urls()[:1], true })
	require.NoError(t, c.Discover(t.Context()))
	require.Equal(t, f.urls(), c.endpoints.urls())
	f.mu.Lock()
	f.leader = 3
	f.mu.Unlock()
	_, err := c.Put(t.Context(), "a", nil) // its answer names the leader
	require.NoError(t, err)
	var before int64
	unhurried(t, func() {
		before = f.members[2].requests.Load()
		_, err = c.Put(t.Context(), "a", nil)
	})
	require.NoError(t, err)
	require.Equal(t, before+1, f.members[2].requests.Load())

	f.members[2].Close()
	_, err = c.Put(t.Context(), "a", nil)
	require.NoError(t, err, "a discovered member takes over")

	f.members = f.members[:2]
	require.NoError(t, c.Discover(t.Context()))
	require.Len(t, c.endpoints.urls(), 2, "a member that has left is dropped")
}

func TestStatuses(t *testing.T) {
	f := newFake(t, 3)
	f.members[1].Close()
	reports := f.client(t).Statuses(t.Context())
	require.Len(t, reports, 3)
	for i, report := range reports {
		require.Equal(t, f.members[i].URL, report.Endpoint)
		require.Equal(t, uint64(i+1), report.ID)
		require.Equal(t, i == 1, report.Err != nil)
	}
	require.Equal(t, uint64(1), reports[2].Status.Leader)
	require.Nil(t, reports[2].Status.Members[1].Lag)
	require.Zero(t, *reports[2].Status.Members[2].Lag)
}

func TestUntrustedCertificateIsNotTriedAgainAndAgain(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	c, err := New(Options{Endpoints: []string{server.URL}, Timeout: time.Hour})
	require.NoError(t, err)
	_, err = c.Put(t.Context(), "a", nil)
	require.ErrorIs(t, err, ErrUnavailable)
	require.ErrorContains(t, err, "certificate")
	require.NotErrorIs(t, err, ErrUnknownOutcome)

	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate())
	c, err = New(Options{Endpoints: []string{server.URL}, TLS: &tls.Config{RootCAs: pool}})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	_, err = c.Get(t.Context(), "a")
	require.ErrorIs(t, err, ErrNotFound)
}
