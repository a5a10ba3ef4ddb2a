package workload

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/seed695671cb/raft/bench/lib"
	"github.com/seed695671cb/raft/bench/measure"
)

// W3: three Nodes, each with a goroutine for its Ready loop and one that steps what comes into its mailbox, as one that
// reads from a connection would; and proposers on member 1 that each wait until their entry is applied there before
// they propose the next. No time passes: nothing is lost, so nothing has to be sent again, and a group without ticks
// holds no elections.

func nodes() []Workload {
	var all []Workload
	for _, c := range []struct{ proposers, ops int }{{1, 30_000}, {16, 60_000}, {256, 100_000}} {
		all = append(all, Workload{
			Name: fmt.Sprintf("W3/proposers=%d", c.proposers), Unit: "entry", Operations: c.ops,
			New: func(n int) (measure.Job, int, error) { return startNodes(c.proposers, n) },
		})
	}
	return all
}

func startNodes(proposers, n int) (measure.Job, int, error) {
	c, err := newCluster(proposers, n)
	if err != nil {
		return measure.Job{}, 0, err
	}
	return measure.Job{Run: c.run, Check: c.check}, n, nil
}

// mailbox takes in messages from any goroutine without ever making it wait, for one goroutine to take out.
type mailbox struct {
	// filled has room for one: a token in it says that there are messages, or that the box was closed.
	filled chan struct{}

	mu     sync.Mutex
	msgs   []lib.Message
	closed bool
}

// put takes in those of the messages that are for the member.
func (b *mailbox) put(msgs []lib.Message, member uint64) {
	b.mu.Lock()
	empty := len(b.msgs) == 0
	for i := range msgs {
		if lib.To(&msgs[i]) == member {
			b.msgs = append(b.msgs, msgs[i])
		}
	}
	filled := empty && len(b.msgs) > 0
	b.mu.Unlock()
	if filled {
		b.signal()
	}
}

func (b *mailbox) close() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.signal()
}

func (b *mailbox) signal() {
	select {
	case b.filled <- struct{}{}:
	default:
	}
}

// take returns what is in the box, and leaves spare, emptied, for what comes next. It reports whether the box is open.
func (b *mailbox) take(spare []lib.Message) ([]lib.Message, bool) {
	clear(spare)
	b.mu.Lock()
	defer b.mu.Unlock()
	msgs := b.msgs
	b.msgs = spare[:0]
	return msgs, !b.closed
}

// cluster is three servers that send each other messages through mailboxes.
type cluster struct {
	servers  [3]*server
	boxes    [3]mailbox
	payloads [][][]byte
	total    int
	// left is how many proposals nobody has begun; behind how many servers have not applied them all.
	left   atomic.Int64
	behind atomic.Int64
	// proposed is how many each proposer has proposed.
	proposed []uint64

	elected chan struct{}
	stopped chan struct{}
	running sync.WaitGroup
	once    sync.Once
	err     error
}

func newCluster(proposers, n int) (*cluster, error) {
	lib.Quiet()
	c := &cluster{
		payloads: stamped(proposers, 128), total: n, proposed: make([]uint64, proposers),
		elected: make(chan struct{}, 1), stopped: make(chan struct{}),
	}
	c.left.Store(int64(n))
	c.behind.Store(int64(len(c.servers)))
	for i := range c.servers {
		s, err := newServer(uint64(i+1), []uint64{1, 2, 3}, proposers)
		if err != nil {
			return nil, err
		}
		c.servers[i] = s
		c.boxes[i].filled = make(chan struct{}, 1)
	}
	for range proposers {
		c.servers[0].answers = append(c.servers[0].answers, make(chan struct{}, 1))
	}
	for i, s := range c.servers {
		s.others = []*server{c.servers[(i+1)%3], c.servers[(i+2)%3]}
	}
	for _, s := range c.servers {
		c.start(func() error { return c.serve(s) })
		c.start(func() error { return c.receive(s) })
	}
	if err := c.servers[0].node.Campaign(context.Background()); err != nil {
		return nil, err
	}
	<-c.elected
	return c, nil
}

// serve is the Ready loop of one member. It returns when the cluster is stopped.
func (c *cluster) serve(s *server) error {
	if s.answers != nil {
		defer s.hangUp()
	}
	for {
		select {
		case rd := <-s.node.Ready():
			if err := c.handle(s, &rd); err != nil {
				return err
			}
		case <-c.stopped:
			return nil
		}
	}
}

// receive steps what comes into the mailbox of one member, until the box is closed.
func (c *cluster) receive(s *server) error {
	box := &c.boxes[s.id-1]
	var msgs []lib.Message
	for range box.filled {
		var open bool
		if msgs, open = box.take(msgs); !open {
			return nil
		}
		for i := range msgs {
			if err := s.node.Step(context.Background(), msgs[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// handle does what a Ready asks for: write, send, apply, Advance.
func (c *cluster) handle(s *server, rd *lib.Ready) error {
	if rd.SoftState != nil && rd.SoftState.RaftState == lib.StateLeader {
		c.elected <- struct{}{}
	}
	if err := lib.Save(s.store, rd); err != nil {
		return err
	}
	for _, o := range s.others {
		c.boxes[o.id-1].put(rd.Messages, o.id)
	}
	if err := s.apply(rd.CommittedEntries); err != nil {
		return err
	}
	s.node.Advance()
	if len(rd.CommittedEntries) > 0 && s.entries == uint64(c.total) && c.behind.Add(-1) == 0 {
		c.finish(nil)
	}
	return nil
}

// hangUp tells the proposers that no answers will come any more.
func (s *server) hangUp() {
	for _, answer := range s.answers {
		close(answer)
	}
}

// start runs f on a goroutine of the cluster. The first error ends all of them.
func (c *cluster) start(f func() error) {
	c.running.Go(func() {
		if err := f(); err != nil {
			c.finish(err)
		}
	})
}

// finish has all goroutines return, because all is done, or because of err.
func (c *cluster) finish(err error) {
	c.once.Do(func() {
		c.err = err
		close(c.stopped)
		for i, s := range c.servers {
			c.boxes[i].close()
			s.node.Stop()
		}
	})
}

// propose is one proposer: it takes a proposal from those left, and waits for the answer.
func (c *cluster) propose(p int) error {
	leader := c.servers[0]
	answer := leader.answers[p]
	for c.left.Add(-1) >= 0 {
		payload := c.payloads[p][c.proposed[p]%stamps]
		c.proposed[p]++
		if err := leader.node.Propose(context.Background(), payload); err != nil {
			return fmt.Errorf("proposing: %w", err)
		}
		if _, ok := <-answer; !ok {
			return errors.New("the leader's loop ended before all entries were applied")
		}
	}
	return nil
}

// run has all proposers propose, and returns when every server has applied everything.
func (c *cluster) run() error {
	for p := range c.payloads {
		c.start(func() error { return c.propose(p) })
	}
	c.running.Wait()
	return c.err
}

// check returns an error unless every server applied what was proposed, and all of them in the same order.
func (c *cluster) check() error {
	for _, s := range c.servers {
		if err := s.check(c.total, c.proposed); err != nil {
			return err
		}
		if s.order != c.servers[0].order {
			return fmt.Errorf("members 1 and %d applied the entries in different orders", s.id)
		}
	}
	return nil
}
