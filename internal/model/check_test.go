package model

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func facts(member uint64) *Facts {
	return &Facts{
		Member: member, Up: true, Term: 3, Voters: []uint64{1, 2, 3},
		Log:     LogFact{First: 2, Entries: []EntryFact{{2, 20}, {2, 21}}},
		Durable: LogFact{First: 2, Entries: []EntryFact{{2, 20}, {2, 21}}},
	}
}

// Each check of two members holds where they agree, and fails where they do not, whichever comes first.
func TestChecksOfPairs(t *testing.T) {
	for property, breakIt := range map[string]func(a, b *Facts){
		"election safety": func(a, b *Facts) { a.Led, b.Led = 1<<3|1<<2, 1<<3 },
		"log matching":    func(a, _ *Facts) { a.Log.Entries = []EntryFact{{1, 10}, {2, 21}} },
		"state machine safety": func(a, b *Facts) {
			a.Committed, b.Committed = []EntryFact{{1, 1}, {2, 20}}, []EntryFact{{1, 1}, {2, 99}, {2, 21}}
		},
		"leader completeness": func(a, b *Facts) {
			a.Leader, b.CommittedIn, b.Committed = true, 2, []EntryFact{{1, 1}, {2, 20}, {2, 21}, {2, 22}}
		},
		"membership agreement": func(a, b *Facts) { a.Configs, b.Configs = []uint64{0, 7}, []uint64{5, 8} },
	} {
		a, b := facts(1), facts(2)
		require.Nil(t, checkPair(a, b))
		breakIt(a, b)
		for _, v := range []string{checkPair(a, b).Property, checkPair(b, a).Property} {
			require.Equal(t, property, v)
		}
	}
	a, b := facts(1), facts(2)
	a.Durable.Entries = []EntryFact{{2, 20}, {2, 77}}
	require.Contains(t, checkPair(a, b).Detail, "durable logs")
}

// What differs without contradiction passes.
func TestChecksOfPairsPass(t *testing.T) {
	a, b := facts(1), facts(2)
	a.Log = LogFact{First: 4, Entries: []EntryFact{{3, 30}}}    // compacted
	a.Committed = []EntryFact{{}, {2, 20}, {2, 21}, {3, 30}}    // joined by a snapshot, so that the first is unknown
	b.Committed = []EntryFact{{1, 1}, {2, 20}}                  // behind
	a.Configs, b.Configs = []uint64{0, 7, 7}, []uint64{5, 7}    // likewise
	a.Led, b.Led, b.CommittedIn, a.Leader = 1<<3, 1<<2, 2, true // leaders of two terms
	require.Nil(t, checkPair(a, b))
	require.Nil(t, checkPair(b, a))
}

// A joint configuration needs a majority of both halves, and a minority is none.
func TestQuorumOfCommits(t *testing.T) {
	e := EntryFact{Term: 2, Digest: 21}
	group := []*Facts{facts(1), facts(2), facts(3), facts(4)}
	before, after := facts(1), group[0]
	after.Leader, after.Committed = true, []EntryFact{{1, 1}, {2, 20}, e}
	before.Committed = after.Committed[:2]
	require.NotZero(t, suspect(before, after)&suspectCommit)
	require.Nil(t, checkCommitDurable(before, after, group))

	lacks := LogFact{First: 2, Entries: []EntryFact{{2, 20}}}
	group[2].Durable = lacks
	require.Nil(t, checkCommitDurable(before, after, group), "two of three")
	group[1].Durable = lacks
	require.NotNil(t, checkCommitDurable(before, after, group), "one of three")

	group[1].Durable = facts(2).Durable
	before.Outgoing, after.Outgoing = []uint64{3, 4}, []uint64{3, 4}
	require.NotNil(t, checkCommitDurable(before, after, group), "one of the two outgoing")
	group[2].Durable = LogFact{First: 9} // a snapshot
	require.Nil(t, checkCommitDurable(before, after, group))
}

// A disk may lose what no one knows to be committed, and nothing else.
func TestDisksKeepWhatIsCommitted(t *testing.T) {
	before, after, other := facts(1), facts(1), facts(2)
	after.Durable.Entries = []EntryFact{{2, 20}, {3, 30}}
	require.NotZero(t, suspect(before, after)&suspectLoss)
	require.Nil(t, checkDurableForEver(before, after, []*Facts{after, other}))
	other.Committed = []EntryFact{{1, 1}, {2, 20}}
	require.Nil(t, checkDurableForEver(before, after, []*Facts{after, other}))
	other.Committed = append(other.Committed, EntryFact{2, 21})
	require.NotNil(t, checkDurableForEver(before, after, []*Facts{after, other}))
	require.Zero(t, suspect(before, facts(1)), "nothing is lost")
}
