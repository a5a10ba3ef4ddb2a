package chaos

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/seed695671cb/raft/examples/kvstore/chaos/history"
)

// An endpoint is a process of a member: where it listens, and which life of the member it is.
type endpoint struct {
	slot int
	id   uint64
	url  string
	life int
}

// A directory knows where the members are at the moment. Members have slots, from 0 on; who is in a slot may change.
type directory interface {
	slots() int
	at(slot int) endpoint
}

// How long a client waits for an answer, how long it lets a member try, and how long it goes on repeating a write that
// has an idempotency key.
const (
	answerTimeout  = 2500 * time.Millisecond
	memberPatience = 2 * time.Second
	retryFor       = 10 * time.Second
)

// stickiness is after how many operations, on average, a client moves to another member without need.
const stickiness = 40

// A scene is what all clients of a run share.
type scene struct {
	members    directory
	log        *history.Log
	board      *board
	start      time.Time
	acked      func(at time.Duration)           // a write was acknowledged
	unexpected func(member uint64, text string) // a member gave an answer that no fault explains
	replays    atomic.Int64
}

// now is the time since the run began, on a monotonic clock.
func (s *scene) now() int64 { return time.Since(s.start).Nanoseconds() }

// A client asks one member at a time, and moves on when that does not answer.
type client struct {
	*scene
	composer
	http  *http.Client
	slot  int
	think time.Duration // average pause between operations
	loyal bool          // never moves
	reads bool          // only reads, lease reads above all
}

func newClient(s *scene, number, slot int, seed uint64, think time.Duration) *client {
	return &client{
		scene:    s,
		composer: composer{client: number, rng: rand.New(rand.NewPCG(seed, uint64(number)))},
		http:     newHTTPClient(),
		slot:     slot,
		think:    think,
	}
}

// newHTTPClient returns a client with connections of its own, which follows no redirects and uses no proxy.
func newHTTPClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: time.Second}).DialContext,
			MaxIdleConnsPerHost: 4,
			IdleConnTimeout:     30 * time.Second,
			DisableCompression:  true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// run performs operations until the context ends. The one under way is finished first.
func (c *client) run(ctx context.Context) {
	defer c.http.CloseIdleConnections()
	for ctx.Err() == nil {
		g := c.board.pick(c.rng)
		op := c.next(g)
		c.perform(op)
		g.learn(op)
		c.log.AddOp(op)
		if op.Key != "" && op.Changed() && c.rng.IntN(4) == 0 {
			c.repeat(op)
		}
		c.move(op)
		sleep(ctx, time.Duration(c.rng.Int64N(2*int64(c.think)+1)))
	}
}

func (c *client) next(g *group) *history.Op {
	if !c.reads {
		return c.compose(g)
	}
	op := &history.Op{Client: c.client, Group: g.id}
	slot := c.rng.IntN(history.GroupSize)
	switch n := c.rng.IntN(10); {
	case n < 6:
		c.get(op, slot, history.Lease)
	case n < 8:
		c.get(op, slot, history.Linearizable)
	default:
		c.get(op, slot, history.Stale)
	}
	return op
}

// perform carries out an operation: one attempt, or with an idempotency key as many as it takes.
func (c *client) perform(op *history.Op) {
	op.Call = c.now()
	deadline := time.Now().Add(retryFor)
	doubt := false // an earlier attempt may have been applied
	for {
		c.attempt(op)
		if op.Outcome == history.OK || op.Key == "" || time.Now().After(deadline) {
			break
		}
		doubt = doubt || op.Outcome == history.Unknown
		c.hop()
		time.Sleep(50 * time.Millisecond)
	}
	if doubt && op.Outcome == history.Refused {
		op.Outcome = history.Unknown
	}
	op.Return = c.now()
	if op.Changed() {
		c.acked(time.Duration(op.Return))
	}
}

// attempt asks the client's member once.
func (c *client) attempt(op *history.Op) {
	to := c.members.at(c.slot)
	op.Member, op.Life = to.id, to.life
	op.Attempts++
	op.Results, op.Succeeded, op.Rev, op.Error = nil, false, 0, ""
	answer, err := c.send(op, to)
	if err != nil {
		op.Outcome, op.Error = history.Unknown, err.Error()
		if neverSent(err) && op.Key == "" {
			op.Outcome = history.Refused // with a key, net/http may have sent it before, and dialled again to repeat it
		}
		return
	}
	c.settle(op, to, answer)
}

func (c *client) send(op *history.Op, to endpoint) (answer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), answerTimeout)
	defer cancel()
	req, err := newRequest(ctx, to.url, op, memberPatience)
	if err != nil {
		return answer{}, err
	}
	return fetch(c.http, req)
}

// settle fills in the answer. An answer that came while the member was restarted may be of either process.
func (c *client) settle(op *history.Op, to endpoint, a answer) {
	err := settle(op, a)
	var unexpected *unexpectedError
	if errors.As(err, &unexpected) {
		c.unexpected(to.id, unexpected.text)
	}
	if now := c.members.at(to.slot); op.Consistency == history.Stale && (now.id != to.id || now.life != to.life) {
		op.Outcome, op.Error = history.Unknown, "the member was restarted meanwhile"
	}
}

// repeat sends an acknowledged write again, under the same idempotency key, to another member.
func (c *client) repeat(op *history.Op) {
	c.hop()
	again := *op
	c.attempt(&again)
	if again.Outcome != history.OK {
		return
	}
	c.replays.Add(1)
	c.log.AddReplay(history.Replay{Op: op.ID, Member: again.Member, Replayed: again.Replayed, Rev: again.Rev})
}

// move goes to another member when the last one did not help, and now and then without a reason.
func (c *client) move(op *history.Op) {
	if !c.loyal && (op.Outcome != history.OK || c.rng.IntN(stickiness) == 0) {
		c.hop()
	}
}

func (c *client) hop() {
	if !c.loyal {
		c.slot = c.rng.IntN(c.members.slots())
	}
}

// sleep waits, at most until the context ends.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
