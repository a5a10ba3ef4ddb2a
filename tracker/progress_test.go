package tracker

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// Progress: every event in every state, what the follower is owed afterwards, and the rules that hold whatever happens
// (Raft §5.3; thesis §10.2.2).

// progressIn returns a progress in the state: match 5, and in StateReplicate two of at most three messages in flight up
// to index 9; the snapshot on its way ends at 8.
func progressIn(s StateType) *Progress {
	p := NewProgress(8, 0, false, NewInflights(3, 0))
	p.Match = 5
	switch s {
	case StateReplicate:
		p.State = StateReplicate
		p.OnAppendSent(8, 10, 5)
		p.OnAppendSent(9, 10, 5)
	case StateSnapshot:
		p.OnSnapshotSent(8)
	}
	return &p
}

func allStates() []StateType { return []StateType{StateProbe, StateReplicate, StateSnapshot} }

// progressEvent is an event with fixed arguments, and for each state how the progress looks after it.
type progressEvent struct {
	name string
	do   func(p *Progress)
	want map[StateType]string
}

// acceptanceEvents are those of appends that go well.
func acceptanceEvents() []progressEvent {
	return []progressEvent{
		{"append sent", func(p *Progress) { p.OnAppendSent(p.Next, 5, 6) }, map[StateType]string{
			StateProbe:     "StateProbe match=5 next=8 paused",
			StateReplicate: "StateReplicate match=5 next=11 paused inflight=3[full]",
		}},
		{"empty append sent", func(p *Progress) { p.OnAppendSent(p.Next-1, 0, 6) }, map[StateType]string{
			StateProbe:     "StateProbe match=5 next=8 paused",
			StateReplicate: "StateReplicate match=5 next=10 inflight=2",
		}},
		{"accepted 4, stale", func(p *Progress) { p.OnAppendAccepted(4, 1) }, map[StateType]string{
			StateProbe:     "StateProbe match=5 next=8",
			StateReplicate: "StateReplicate match=5 next=10 inflight=2",
			StateSnapshot:  "StateSnapshot match=5 next=9 paused pendingSnap=8",
		}},
		{"accepted 8", func(p *Progress) { p.OnAppendAccepted(8, 1) }, map[StateType]string{
			StateProbe:     "StateReplicate match=8 next=9",
			StateReplicate: "StateReplicate match=8 next=10 inflight=1",
			StateSnapshot:  "StateReplicate match=8 next=9",
		}},
		{"accepted 6, below the log's first index 8", func(p *Progress) { p.OnAppendAccepted(6, 8) }, map[StateType]string{
			StateProbe:     "StateReplicate match=6 next=7",
			StateReplicate: "StateReplicate match=6 next=10 inflight=2",
			StateSnapshot:  "StateSnapshot match=6 next=9 paused pendingSnap=8",
		}},
		{"accepted 12, beyond what was sent", func(p *Progress) { p.OnAppendAccepted(12, 1) }, map[StateType]string{
			StateProbe:     "StateReplicate match=12 next=13",
			StateReplicate: "StateReplicate match=12 next=13",
			StateSnapshot:  "StateReplicate match=12 next=13",
		}},
	}
}

// rejectionEvents are those of appends that are refused, and of signs of life.
func rejectionEvents() []progressEvent {
	return []progressEvent{
		{"rejected 7, hint 6", func(p *Progress) { p.OnAppendRejected(7, 6) }, map[StateType]string{
			StateProbe:     "StateProbe match=5 next=7",
			StateReplicate: "StateProbe match=5 next=7",
			StateSnapshot:  "StateSnapshot match=5 next=9 paused pendingSnap=8",
		}},
		{"rejected 7, hint 0", func(p *Progress) { p.OnAppendRejected(7, 0) }, map[StateType]string{
			StateProbe:     "StateProbe match=5 next=6",
			StateReplicate: "StateProbe match=5 next=6",
			StateSnapshot:  "StateSnapshot match=5 next=9 paused pendingSnap=8",
		}},
		{"rejected 7, hint beyond it", func(p *Progress) { p.OnAppendRejected(7, 100) }, map[StateType]string{
			StateProbe:     "StateProbe match=5 next=7",
			StateReplicate: "StateProbe match=5 next=7",
			StateSnapshot:  "StateSnapshot match=5 next=9 paused pendingSnap=8",
		}},
		{"rejected 5, stale", func(p *Progress) { p.OnAppendRejected(5, 4) }, map[StateType]string{
			StateProbe:     "StateProbe match=5 next=8",
			StateReplicate: "StateReplicate match=5 next=10 inflight=2",
			StateSnapshot:  "StateSnapshot match=5 next=9 paused pendingSnap=8",
		}},
		{"heartbeat answered", func(p *Progress) { p.OnHeartbeatResponse(9) }, map[StateType]string{
			StateProbe:     "StateProbe match=5 next=8",
			StateReplicate: "StateReplicate match=5 next=10 inflight=2",
			StateSnapshot:  "StateSnapshot match=5 next=9 paused pendingSnap=8",
		}},
		{"quorum checked", func(p *Progress) { p.OnQuorumChecked() }, map[StateType]string{
			StateProbe:     "StateProbe match=5 next=8 inactive",
			StateReplicate: "StateReplicate match=5 next=10 inactive inflight=2",
			StateSnapshot:  "StateSnapshot match=5 next=9 paused pendingSnap=8 inactive",
		}},
	}
}

// otherEvents are those of snapshots, of what is lost, and of roles.
func otherEvents() []progressEvent {
	return []progressEvent{
		{"snapshot sent", func(p *Progress) { p.OnSnapshotSent(20) }, map[StateType]string{
			StateProbe:     "StateSnapshot match=5 next=21 paused pendingSnap=20",
			StateReplicate: "StateSnapshot match=5 next=21 paused pendingSnap=20",
			StateSnapshot:  "StateSnapshot match=5 next=21 paused pendingSnap=20",
		}},
		{"snapshot delivered", func(p *Progress) { p.OnSnapshotStatus(true) }, map[StateType]string{
			StateProbe:     "StateProbe match=5 next=8",
			StateReplicate: "StateReplicate match=5 next=10 inflight=2",
			StateSnapshot:  "StateProbe match=5 next=9 paused",
		}},
		{"snapshot not delivered", func(p *Progress) { p.OnSnapshotStatus(false) }, map[StateType]string{
			StateProbe:     "StateProbe match=5 next=8",
			StateReplicate: "StateReplicate match=5 next=10 inflight=2",
			StateSnapshot:  "StateProbe match=5 next=6 paused",
		}},
		{"unreachable", func(p *Progress) { p.OnUnreachable() }, map[StateType]string{
			StateProbe:     "StateProbe match=5 next=8",
			StateReplicate: "StateProbe match=5 next=6",
			StateSnapshot:  "StateSnapshot match=5 next=9 paused pendingSnap=8",
		}},
		{"held back", func(p *Progress) { p.OnHeldBack() }, map[StateType]string{
			StateProbe:     "StateProbe match=5 next=8 paused",
			StateReplicate: "StateProbe match=5 next=10 paused",
		}},
		{"becomes a learner", func(p *Progress) { p.OnRoleChanged(true) }, map[StateType]string{
			StateProbe:     "StateProbe match=5 next=8 learner",
			StateReplicate: "StateReplicate match=5 next=10 learner inflight=2",
			StateSnapshot:  "StateSnapshot match=5 next=9 learner paused pendingSnap=8",
		}},
	}
}

func TestProgressEveryEventInEveryState(t *testing.T) {
	for _, event := range slices.Concat(acceptanceEvents(), rejectionEvents(), otherEvents()) {
		for state, want := range event.want {
			t.Run(fmt.Sprintf("%s/%s", state, event.name), func(t *testing.T) {
				p := progressIn(state)
				require.NoError(t, p.Check())
				event.do(p)
				require.Equal(t, want, p.String())
				require.NoError(t, p.Check())
			})
		}
	}
}

// What moves Match says so, and so does a rejection that is news.
func TestProgressAnswersWhetherSomethingMoved(t *testing.T) {
	for _, s := range allStates() {
		require.False(t, progressIn(s).OnAppendAccepted(5, 1), "%s", s)
		require.True(t, progressIn(s).OnAppendAccepted(6, 1), "%s", s)
		require.False(t, progressIn(s).OnAppendRejected(5, 4), "%s", s)
		require.Equal(t, s != StateSnapshot, progressIn(s).OnAppendRejected(7, 4), "%s", s)
		p := progressIn(s)
		require.True(t, p.RecentActive, "%s", s)
		p.OnQuorumChecked()
		require.False(t, p.RecentActive, "%s", s)
		p.OnHeartbeatResponse(9)
		require.True(t, p.RecentActive, "%s", s)
	}
}

// owedCase is a situation, the leader's last and commit index, and what the follower is owed.
type owedCase struct {
	name         string
	state        StateType
	before       func(p *Progress)
	last, commit uint64
	want, carry  bool
}

func owedCases() []owedCase {
	fill := func(p *Progress) { p.OnAppendSent(10, 1, 5) }
	return []owedCase{
		{name: "a fresh probe", state: StateProbe, last: 5, commit: 5, want: true, carry: true},
		{name: "a probe that was sent", state: StateProbe, last: 20, commit: 9, carry: true,
			before: func(p *Progress) { p.OnAppendSent(9, 1, 5) }},
		{name: "nothing new", state: StateReplicate, last: 9, commit: 5, carry: true},
		{name: "a new entry", state: StateReplicate, last: 10, commit: 5, want: true, carry: true},
		{name: "a new commit index", state: StateReplicate, last: 9, commit: 6, want: true, carry: true},
		{name: "a commit index it cannot use yet", state: StateReplicate, last: 9, commit: 30, carry: true,
			before: func(p *Progress) { p.OnAppendSent(9, 0, 9) }},
		{name: "full", state: StateReplicate, last: 20, commit: 9, before: fill},
		{name: "full and stuck", state: StateReplicate, last: 10, commit: 5, want: true,
			before: func(p *Progress) { fill(p); p.OnHeartbeatResponse(10); p.OnHeartbeatResponse(10) }},
		{name: "stuck once", state: StateReplicate, last: 9, commit: 5, carry: true,
			before: func(p *Progress) { p.OnHeartbeatResponse(9) }},
		{name: "stuck, and asked already", state: StateReplicate, last: 9, commit: 5, carry: true,
			before: func(p *Progress) {
				p.OnHeartbeatResponse(9)
				p.OnHeartbeatResponse(9)
				p.OnAppendSent(9, 0, 5)
			}},
		{name: "a snapshot on its way", state: StateSnapshot, last: 20, commit: 20, carry: true},
	}
}

// What a follower is owed, and whether it may carry entries.
func TestProgressShouldSend(t *testing.T) {
	for _, tc := range owedCases() {
		p := progressIn(tc.state)
		if tc.before != nil {
			tc.before(p)
		}
		require.Equal(t, tc.want, p.ShouldSend(tc.last, tc.commit), tc.name)
		require.Equal(t, tc.carry, p.MayCarryEntries(), tc.name)
		require.NoError(t, p.Check(), tc.name)
	}
}

func TestProgressIsPaused(t *testing.T) {
	require.False(t, progressIn(StateProbe).IsPaused())
	require.False(t, progressIn(StateReplicate).IsPaused())
	require.True(t, progressIn(StateSnapshot).IsPaused())
	p := progressIn(StateProbe)
	p.OnAppendSent(9, 1, 5)
	require.True(t, p.IsPaused())
	p.OnHeartbeatResponse(9)
	require.False(t, p.IsPaused(), "what was sent may have been lost")
	p = progressIn(StateReplicate)
	p.OnAppendSent(10, 1, 5)
	require.True(t, p.IsPaused())
	p.OnAppendAccepted(8, 1)
	require.False(t, p.IsPaused(), "there is room again")
}

// The bound on bytes holds an append back like that on messages.
func TestProgressIsPausedByBytes(t *testing.T) {
	p := NewProgress(1, 0, false, NewInflights(100, 50))
	p.OnAppendAccepted(0, 1)
	require.Equal(t, StateReplicate, p.State)
	p.OnAppendSent(1, 30, 0)
	require.False(t, p.IsPaused())
	p.OnAppendSent(2, 30, 0)
	require.True(t, p.IsPaused())
	p.OnAppendAccepted(1, 1)
	require.False(t, p.IsPaused())
}

// What was told of the commit index is forgotten with what may have been lost.
func TestProgressTellsTheCommitIndexAgain(t *testing.T) {
	p := progressIn(StateReplicate)
	p.OnAppendSent(9, 0, 9)
	require.False(t, p.ShouldSend(9, 9))
	p.OnUnreachable()
	p.OnAppendSent(5, 0, 5)
	p.OnAppendAccepted(9, 1)
	require.True(t, p.ShouldSend(9, 9))
}

// An acknowledgement below the birth of a member may be of its earlier life: it moves the guess and not the match.
func TestProgressEarlierLife(t *testing.T) {
	p := NewProgress(11, 11, false, NewInflights(3, 0))
	require.False(t, p.OnAppendAccepted(10, 1))
	require.Zero(t, p.Match)
	require.Equal(t, "StateReplicate match=0 next=11", p.String())
	require.False(t, p.OnAppendAccepted(7, 1))
	require.Zero(t, p.Match)
	require.True(t, p.OnAppendRejected(10, 0), "its log is empty")
	require.Equal(t, "StateProbe match=0 next=1", p.String())
	p.OnAppendSent(5, 1, 0)
	require.False(t, p.OnAppendAccepted(5, 1))
	require.Equal(t, "StateReplicate match=0 next=6", p.String())
	require.True(t, p.OnAppendAccepted(11, 1))
	require.Equal(t, uint64(11), p.Match)
}

// A member in its new life that was sent a snapshot of before its birth goes on when it has restored it.
func TestProgressEarlierLifeAndASnapshot(t *testing.T) {
	p := NewProgress(11, 11, false, NewInflights(3, 0))
	p.OnSnapshotSent(8)
	p.OnAppendAccepted(8, 9)
	require.Equal(t, "StateReplicate match=0 next=9", p.String())
	require.NoError(t, p.Check())
}

func TestProgressOfTheLeaderItself(t *testing.T) {
	p := NewSelfProgress(4, 6, NewInflights(1, 0))
	require.Equal(t, "StateReplicate match=4 next=6", p.String())
	require.True(t, p.OnStored(5, 7))
	require.False(t, p.OnStored(5, 8))
	require.False(t, p.OnStored(3, 9), "an old acknowledgement")
	require.Equal(t, uint64(5), p.Match)
	require.Equal(t, uint64(10), p.Next)
	p.OnRoundAcknowledged(3)
	p.OnRoundAcknowledged(2)
	require.Equal(t, uint64(3), p.Round())
}

// The first index is 1, even if somebody asks for less.
func TestNewProgressNextIsAtLeastOne(t *testing.T) {
	p := NewProgress(0, 0, true, NewInflights(1, 0))
	require.Equal(t, "StateProbe match=0 next=1 learner", p.String())
	require.NoError(t, p.Check())
}

func TestStateTypeString(t *testing.T) {
	require.Equal(t, "StateProbe", StateProbe.String())
	require.Equal(t, "StateReplicate", StateReplicate.String())
	require.Equal(t, "StateSnapshot", StateSnapshot.String())
	require.Equal(t, "StateType(7)", StateType(7).String())
}

func TestProgressCheckNamesWhatIsBroken(t *testing.T) {
	for want, spoil := range map[string]func(p *Progress){
		"match 9 is not below next 8":          func(p *Progress) { p.Match = 9 },
		"StateProbe has 1 appends in flight":   func(p *Progress) { p.Inflights.Add(8, 1) },
		"StateProbe has pending snapshot 3":    func(p *Progress) { p.PendingSnapshot = 3 },
		"StateSnapshot has pending snapshot 0": func(p *Progress) { p.State = StateSnapshot },
	} {
		p := progressIn(StateProbe)
		spoil(p)
		require.ErrorContains(t, p.Check(), want)
	}
}

// Whatever happens, in whatever order: the rules hold, Match never goes back, and moves only by an acknowledgement.
func TestProgressRandomEvents(t *testing.T) {
	for seed := uint64(0); seed < 200; seed++ {
		rnd := rand.New(rand.NewPCG(seed, 7))
		birth := rnd.Uint64N(8)
		p := NewProgress(1+rnd.Uint64N(10), birth, false, NewInflights(1+rnd.IntN(4), rnd.Uint64N(3)*20))
		last := uint64(10)
		for step := range 200 {
			last += rnd.Uint64N(2)
			match := p.Match
			acked := randomProgressEvent(&p, rnd, last)
			require.NoError(t, p.Check(), "seed %d step %d", seed, step)
			require.GreaterOrEqual(t, p.Match, match, "seed %d step %d", seed, step)
			if p.Match > match {
				require.Equal(t, acked, p.Match, "seed %d step %d", seed, step)
				require.GreaterOrEqual(t, p.Match, birth, "seed %d step %d", seed, step)
			}
			if p.State == StateReplicate && !p.IsPaused() {
				require.False(t, p.Inflights.Full(), "seed %d step %d", seed, step)
			}
		}
	}
}

// randomProgressEvent lets one thing happen as a leader would, and returns the index acknowledged, if that it was.
func randomProgressEvent(p *Progress, rnd *rand.Rand, last uint64) uint64 {
	switch rnd.IntN(9) {
	case 0, 1:
		if p.ShouldSend(last, last) {
			to := p.Next - 1
			if p.MayCarryEntries() {
				to = min(last, to+rnd.Uint64N(3))
			}
			p.OnAppendSent(to, rnd.Uint64N(30), last)
		}
	case 2:
		index := rnd.Uint64N(last + 1)
		p.OnAppendAccepted(index, 1+rnd.Uint64N(5))
		return index
	case 3:
		p.OnAppendRejected(1+rnd.Uint64N(last), rnd.Uint64N(last))
	case 4:
		p.OnHeartbeatResponse(last)
	case 5:
		p.OnUnreachable()
	case 6:
		p.OnSnapshotStatus(rnd.IntN(2) == 0)
	case 7:
		if p.ShouldSend(last, last) {
			p.OnSnapshotSent(1 + rnd.Uint64N(last))
		}
	case 8:
		if p.ShouldSend(last, last) {
			p.OnHeldBack()
		}
	}
	return 0
}
