package raft

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
	"github.com/seed695671cb/raft/tracker"
)

// The tally of voters against its slow twins: counting anew, asking what a quorum has reached, and the definition of
// what is committed (Raft §5.3, §5.4.2, §6). That the tally exists may show in nothing but the cost.

// beyond counts, by the definition and without the tally's code, how many voters of an electorate there are, and how
// many of them are above the mark.
func beyond(l *leadership, electorate tracker.Role, value func(*tracker.Progress) uint64, mark uint64) (voters, above int) {
	for i, member := range l.members {
		if member.Role&electorate == 0 {
			continue
		}
		voters++
		if value(&l.progress[i]) > mark {
			above++
		}
	}
	return voters, above
}

// quorumBeyond reports whether more than half of each electorate is above the mark. An electorate without voters asks
// for nothing.
func quorumBeyond(l *leadership, value func(*tracker.Progress) uint64, mark uint64) bool {
	for _, electorate := range []tracker.Role{tracker.Voter, tracker.VoterOutgoing} {
		if voters, above := beyond(l, electorate, value, mark); voters > 0 && 2*above <= voters {
			return false
		}
	}
	return true
}

// randomLeadership returns the leadership of a group of 1 to 9 members of any roles, whose matches are about mark.
func randomLeadership(rng *rand.Rand, mark uint64) *leadership {
	roles := []tracker.Role{
		tracker.Voter, tracker.Voter, tracker.Voter | tracker.VoterOutgoing, tracker.VoterOutgoing,
		tracker.Learner, tracker.VoterOutgoing | tracker.LearnerNext,
	}
	n := 1 + rng.IntN(9)
	l := &leadership{
		members:  make([]tracker.Member, n),
		progress: make([]tracker.Progress, n),
		scratch:  make([]uint64, n),
	}
	for i := range l.members {
		l.members[i] = tracker.Member{ID: uint64(i + 1), Role: roles[rng.IntN(len(roles))]}
		l.progress[i].Match = mark + rng.Uint64N(4) - min(mark, 2)
	}
	l.members[0].Role |= tracker.Voter
	l.members[0].Role &^= tracker.Learner | tracker.LearnerNext
	return l
}

// requireExact requires that the tally, where it holds, is what counting by the definition gives, and that what it says
// of a quorum is so.
func requireExact(t *testing.T, l *leadership, kept tally, value func(*tracker.Progress) uint64, mark uint64) {
	require.Equal(t, mark, kept.mark)
	require.True(t, kept.valid)
	for e := range electorates {
		voters, above := beyond(l, electorateOf(e), value, mark)
		require.Equal(t, voters, kept.voters[e], "voters of electorate %d of %v", e, l.members)
		require.Equal(t, above, kept.beyond[e], "voters of electorate %d of %v beyond %d", e, l.members, mark)
	}
	require.Equal(t, quorumBeyond(l, value, mark), kept.reached())
	require.Equal(t, l.quorumOf(value) > mark, kept.reached(), "what a quorum has reached says otherwise")
}

// Acknowledgements in any order, marks that follow what a quorum has reached, at once, late, partly or not at all, and
// membership changes: after each step the tally is what a count made anew is.
func TestTallyAgreesWithCountingAnew(t *testing.T) {
	reached := map[bool]int{}
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 1))
		mark := rng.Uint64N(5)
		l := randomLeadership(rng, mark)
		for range 100 {
			i := rng.IntN(len(l.members))
			p := &l.progress[i]
			before := p.Match
			p.Match += 1 + rng.Uint64N(3)*rng.Uint64N(3)
			got := l.matched.moved(l, matchOf, i, before, mark)
			requireExact(t, l, l.matched, matchOf, mark)
			require.Equal(t, quorumBeyond(l, matchOf, mark), got, "seed %d", seed)
			reached[got]++
			switch {
			case rng.IntN(20) == 0:
				l.matched.forget()
				other := randomLeadership(rng, mark)
				l.members, l.progress, l.scratch = other.members, other.progress, other.scratch
			case got && rng.IntN(3) > 0:
				// Not always as far as it could: the entry there may be of an older term.
				mark += 1 + rng.Uint64N(l.quorumOf(matchOf)-mark)
			}
		}
	}
	require.Greater(t, reached[true], 1000)
	require.Greater(t, reached[false], 1000)
}

// A quorum holds an entry of an older term, which therefore is not committed; so a voter that acknowledges more was
// beyond the commit index before. Its acknowledgement commits all the same.
func TestTallyDoesNotHoldBackWhatFollowsAnOlderTerm(t *testing.T) {
	c := newVoters(t, 3)
	seed(c, 1, pb.HardState{Term: 3, Commit: 1}, at(2, 2), at(3, 3))
	require.NoError(t, c.members[1].rn.Campaign())
	outOf(c, 1)
	replies(c, answerFrom(pb.MsgVoteResp, 2, 1, 4, true))
	r := c.raft(1)
	require.Equal(t, at(4, 4), r.log.lastID())
	for _, index := range []uint64{2, 3} {
		replies(c, ackFrom(2, 1, 4, index))
		require.Equal(t, uint64(1), r.log.committed, "an entry of an older term was committed by counting")
		require.True(t, r.leading.matched.reached(), "a quorum is beyond the commit index")
	}
	replies(c, ackFrom(2, 1, 4, 4))
	require.Equal(t, uint64(4), r.log.committed)
}

// tallyDriver gives a leader whatever a group of followers can answer, and knows by the definition what that comes to.
type tallyDriver struct {
	c   *cluster
	r   *raft
	rng *rand.Rand
	// terms[i] is the term of the entry at index i.
	terms []uint64
}

// newTallyDriver elects member 1 of a group of n in a term after those of the uncommitted entries that it holds. The
// member does not check its invariants: they would compare the tally as these tests do.
func newTallyDriver(t *testing.T, seeded uint64, n int) *tallyDriver {
	rng := rand.New(rand.NewPCG(seeded, 2))
	c := newVoters(t, n, func(c *Config) { c.verify = false })
	d := &tallyDriver{c: c, rng: rng, terms: []uint64{0, 1}}
	var ids []entryID
	term := uint64(1)
	for i := range rng.Uint64N(6) {
		term += rng.Uint64N(2)
		ids = append(ids, at(term, i+2))
		d.terms = append(d.terms, term)
	}
	seed(c, 1, pb.HardState{Term: term, Commit: 1}, ids...)
	require.NoError(t, c.members[1].rn.Campaign())
	outOf(c, 1)
	for id := uint64(2); id <= uint64(n); id++ {
		require.NoError(t, c.step(answerFrom(pb.MsgVoteResp, id, 1, term+1, true)))
	}
	d.r = c.raft(1)
	require.Equal(t, StateLeader, d.r.state)
	return d
}

// decide returns the highest of the candidates (lo, hi] that a quorum of each electorate has reached, or lo.
func (d *tallyDriver) decide(value func(*tracker.Progress) uint64, lo, hi uint64, may func(uint64) bool) uint64 {
	for x := hi; x > lo; x-- {
		if may(x) && quorumBeyond(d.r.leading, value, x-1) {
			return x
		}
	}
	return lo
}

// step has one thing happen.
func (d *tallyDriver) step() {
	r := d.r
	from := r.leading.members[d.rng.IntN(len(r.leading.members))].ID
	switch k := d.rng.IntN(12); {
	case k < 5 && from != 1:
		index := r.log.lastIndex() - min(r.log.lastIndex(), d.rng.Uint64N(4))
		require.NoError(d.c.t, d.c.step(ackFrom(from, 1, r.term, index)))
	case k < 7 && from != 1:
		m := answerFrom(pb.MsgHeartbeatResp, from, 1, r.term, true)
		known := rounds{current: r.leading.rounds.current - min(r.leading.rounds.current, d.rng.Uint64N(3))}
		m.Context = make([]byte, roundContextSize)
		known.encode(m.Context)
		require.NoError(d.c.t, d.c.step(m))
	case k < 9 && r.leading.self() != nil:
		d.c.propose(1, "x")
	case k < 10:
		d.c.members[1].rn.ReadIndex([]byte("r"))
	case k < 11:
		outOf(d.c, 1)
	case d.rng.IntN(3) == 0:
		d.change()
	}
}

// change puts another membership in force, as if the entry that says so had been committed and applied.
func (d *tallyDriver) change() {
	if d.r.membership.Joint() {
		d.c.members[1].rn.ApplyConfChange(pb.ConfChangeV2{})
		return
	}
	cc := pb.ConfChangeV2{Transition: pb.ConfChangeTransitionJointExplicit}
	for range 1 + d.rng.IntN(3) {
		kinds := []pb.ConfChangeType{pb.ConfChangeAddNode, pb.ConfChangeRemoveNode, pb.ConfChangeAddLearnerNode}
		kind := kinds[d.rng.IntN(len(kinds))]
		cc.Changes = append(cc.Changes, pb.ConfChangeSingle{Type: kind, NodeID: 1 + d.rng.Uint64N(7)})
	}
	d.c.members[1].rn.ApplyConfChange(cc)
}

// follow notes the terms of what the leader has appended.
func (d *tallyDriver) follow() {
	for uint64(len(d.terms)) <= d.r.log.lastIndex() {
		d.terms = append(d.terms, d.r.term)
	}
}

// The commit index and the confirmed round are, after every event, what the definitions say: whether a voter was counted
// before, is counted twice, votes in one electorate or in both, has been removed and added again, or was beyond the
// commit index when the entry there was of an older term.
func TestTallyDecidesWhatItsDefinitionDecides(t *testing.T) {
	commits, confirmed, joint := 0, 0, 0
	for seeded := range uint64(60) {
		d := newTallyDriver(t, seeded, 1+int(seeded%5))
		ownTerm := func(index uint64) bool { return d.terms[index] == d.r.term }
		for range 150 {
			commit, round := d.r.log.committed, d.r.leading.rounds.confirmed
			d.step()
			d.follow()
			l := d.r.leading
			wantCommit := d.decide(matchOf, commit, d.r.log.lastIndex(), ownTerm)
			require.Equal(t, wantCommit, d.r.log.committed, "seed %d: commit index, members %v", seeded, l.members)
			wantRound := d.decide(roundOf, round, l.rounds.current, func(uint64) bool { return true })
			require.Equal(t, wantRound, l.rounds.confirmed, "seed %d: round, members %v", seeded, l.members)
			commits += int(wantCommit - commit)
			confirmed += int(wantRound - round)
			if d.r.membership.Joint() {
				joint++
			}
		}
	}
	require.Greater(t, commits, 500)
	require.Greater(t, confirmed, 100)
	require.Greater(t, joint, 500)
}
