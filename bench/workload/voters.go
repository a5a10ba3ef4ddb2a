package workload

import (
	"fmt"

	"github.com/seed695671cb/raft/bench/lib"
	"github.com/seed695671cb/raft/bench/measure"
)

// W7: what more members cost. "leader" is the leader alone: it is given proposals, its Ready is handled, and then it is
// given an acknowledgement of each append that it sent, which commits the entries; the followers are the driver's, their
// acknowledgements prepared. The next Ready hands the entries out and tells the followers. "group" is a whole group that
// settles after each proposal.

type votersCase struct {
	voters   int
	learners int
	batch    int // proposals for each Ready; 0 for a whole group
	ops      int
}

func voters() []Workload {
	var all []Workload
	for _, c := range []votersCase{
		{3, 0, 1, 200_000}, {7, 0, 1, 100_000}, {51, 0, 1, 10_000}, {201, 0, 1, 1_000}, {3, 200, 1, 2_000},
		{3, 0, 16, 200_000}, {7, 0, 16, 100_000}, {51, 0, 16, 10_000}, {201, 0, 16, 1_000}, {3, 200, 16, 2_000},
		{3, 0, 0, 100_000}, {7, 0, 0, 40_000}, {51, 0, 0, 3_000}, {201, 0, 0, 200}, {3, 200, 0, 200},
	} {
		start := c.startLeader
		if c.batch == 0 {
			start = c.startGroup
		}
		all = append(all, Workload{Name: c.name(), Unit: "entry", Operations: c.ops, New: start})
	}
	return all
}

func (c votersCase) name() string {
	name := fmt.Sprintf("W7/leader/batch=%d/voters=%d", c.batch, c.voters)
	if c.batch == 0 {
		name = fmt.Sprintf("W7/group/voters=%d", c.voters)
	}
	if c.learners > 0 {
		name += fmt.Sprintf("/learners=%d", c.learners)
	}
	return name
}

func (c votersCase) startGroup(n int) (measure.Job, int, error) {
	closedCase := settledCase{batch: 1, size: 128, pace: closed}
	g, err := newGroup(c.voters, c.learners, nil)
	if err != nil {
		return measure.Job{}, 0, err
	}
	g.payload = payloadOf(closedCase.size)
	run := func() error { return closedCase.run(g, n) }
	return measure.Job{Run: run, Check: func() error { return g.check(n) }}, n, nil
}

// lone is a leader whose followers are the driver's.
type lone struct {
	group *group // of the leader alone
	acks  []lib.Message
	sent  []receipt // what the last Ready sent
	held  []uint64  // the last index of each follower's log
}

// receipt is what a follower holds after an append.
type receipt struct {
	follower int // its position in acks
	index    uint64
}

func (c votersCase) startLeader(n int) (measure.Job, int, error) {
	l, err := newLone(c.voters, c.learners)
	if err != nil {
		return measure.Job{}, 0, err
	}
	l.group.payload = payloadOf(128)
	batches := (n + c.batch - 1) / c.batch
	n = batches * c.batch
	run := func() error {
		for range batches {
			if err := l.propose(c.batch); err != nil {
				return err
			}
		}
		return l.handle()
	}
	return measure.Job{Run: run, Check: func() error { return l.check(n) }}, n, nil
}

// propose proposes n entries and handles one Ready.
func (l *lone) propose(n int) error {
	for range n {
		if err := l.group.leader().node.Propose(l.group.payload); err != nil {
			return err
		}
	}
	return l.cycle()
}

// newLone returns a leader, elected by votes that the driver gives it, whose followers hold all it has.
func newLone(voters, learners int) (*lone, error) {
	lib.Quiet()
	ids := make([]uint64, voters+learners)
	for i := range ids {
		ids[i] = uint64(i + 1)
	}
	m, err := newVoter(ids[:voters], ids[voters:])
	if err != nil {
		return nil, err
	}
	l := &lone{group: &group{members: []*member{m}}, held: make([]uint64, len(ids)-1)}
	if err := m.node.Campaign(); err != nil {
		return nil, err
	}
	if err := l.handle(); err != nil {
		return nil, err
	}
	const term = 2
	for _, id := range ids[1:] {
		l.acks = append(l.acks, lib.NewAppendResponse(1, id, term, 0))
	}
	for _, id := range ids[1:voters] {
		if err := m.node.Step(lib.NewVoteResponse(1, id, term)); err != nil {
			return nil, err
		}
	}
	if m.node.BasicStatus().RaftState != lib.StateLeader {
		return nil, fmt.Errorf("member 1 does not lead")
	}
	for range 3 {
		if err := l.cycle(); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// newVoter returns member 1, which is in term 1 and has not voted.
func newVoter(voters, learners []uint64) (*member, error) {
	store := lib.NewMemoryStorage()
	if err := lib.SetUp(store, voters, learners); err != nil {
		return nil, err
	}
	if err := lib.SetHard(store, 1, 0, 1); err != nil {
		return nil, err
	}
	node, err := lib.NewRawNode(config(1, store))
	return &member{id: 1, node: node, store: store, applied: 1, compacted: 1}, err
}

// handle does what the leader's Ready asks for, and notes what each follower is sent.
func (l *lone) handle() error {
	m := l.group.leader()
	rd := m.node.Ready()
	if err := lib.Save(m.store, &rd); err != nil {
		return err
	}
	l.sent = l.sent[:0]
	for i := range rd.Messages {
		msg := &rd.Messages[i]
		if lib.IsAppend(msg) {
			index := lib.IndexOf(msg) + uint64(len(lib.Entries(msg)))
			l.sent = append(l.sent, receipt{follower: int(lib.To(msg)) - 2, index: index})
		}
	}
	if err := l.group.apply(m, rd.CommittedEntries); err != nil {
		return err
	}
	m.node.Advance(rd)
	return nil
}

// cycle handles a Ready, and then the followers acknowledge what they were sent.
func (l *lone) cycle() error {
	if err := l.handle(); err != nil {
		return err
	}
	node := l.group.leader().node
	for _, s := range l.sent {
		l.held[s.follower] = max(l.held[s.follower], s.index)
		ack := &l.acks[s.follower]
		lib.SetIndex(ack, s.index)
		if err := node.Step(*ack); err != nil {
			return err
		}
	}
	return nil
}

// check returns an error unless the leader has applied n entries and each follower was sent them.
func (l *lone) check(n int) error {
	if err := l.group.check(n); err != nil {
		return err
	}
	last, err := l.group.leader().store.LastIndex()
	if err != nil {
		return err
	}
	for i, held := range l.held {
		if held != last {
			return fmt.Errorf("member %d was sent entries up to %d, want %d", i+2, held, last)
		}
	}
	return nil
}
