package model

import (
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

func asyncMachine(t testing.TB) *real {
	r, err := newMachine(Bounds{Name: "async", Voters: 3, Async: true, MaxInFlight: 9})
	require.NoError(t, err)
	return r
}

// walkTo takes the inputs one after the other.
func walkTo(t testing.TB, r *real, s LocalID, inputs ...Input) LocalID {
	for _, in := range inputs {
		out := r.Step(s, in)
		require.Nil(t, out.Broken)
		s = out.Next
	}
	return s
}

func deliver(r *real, m pb.Message) Input {
	return Input{Kind: InputDeliver, Arg: uint32(r.internMessage(&m))}
}

// TestTimeIsRelative checks that only how long ago things were tells states apart.
func TestTimeIsRelative(t *testing.T) {
	r := asyncMachine(t)
	beat := deliver(r, pb.Message{Type: pb.MsgHeartbeat, From: 1, To: 2, Term: 1, Commit: 1})
	begin := r.Initial(2)
	at := walkTo(t, r, begin, beat)
	require.NotEqual(t, begin, at)
	passed := walkTo(t, r, begin, Input{Kind: InputPass, Arg: 5})
	require.NotEqual(t, begin, passed)
	require.Equal(t, at, walkTo(t, r, passed, beat))
	require.Equal(t, at, walkTo(t, r, at, Input{Kind: InputPass, Arg: 1}, Input{Kind: InputPass, Arg: 2}, beat))
	require.Equal(t, walkTo(t, r, at, Input{Kind: InputPass, Arg: 2}, Input{Kind: InputPass, Arg: 1}),
		walkTo(t, r, at, Input{Kind: InputPass, Arg: 3}))
}

// TestWritesAreTornAtEveryStep crashes a member after each step of a write: entries first, the hard state last.
func TestWritesAreTornAtEveryStep(t *testing.T) {
	r := asyncMachine(t)
	appended := walkTo(t, r, r.Initial(2), deliver(r, pb.Message{
		Type: pb.MsgApp, From: 1, To: 2, Term: 2, LogTerm: 1, Index: 1, Commit: 2,
		Entries: []pb.Entry{{Term: 2, Index: 2}, {Term: 2, Index: 3}},
	}))
	require.Len(t, r.Facts(appended).Durable.Entries, 0)
	require.Len(t, r.Facts(appended).Log.Entries, 2)
	for steps, want := range []struct {
		entries int
		term    uint64
	}{{0, 1}, {1, 1}, {2, 1}, {2, 2}} {
		f := r.Facts(walkTo(t, r, appended, Input{Kind: InputCrash, Arg: uint32(steps)}))
		require.False(t, f.Up)
		require.Len(t, f.Durable.Entries, want.entries, "%d steps", steps)
		require.Equal(t, want.term, f.Term, "%d steps", steps)
		require.Len(t, f.Committed, 2, "what was known to be committed stays in memory of the checks")
	}
	require.True(t, r.Step(appended, Input{Kind: InputCrash, Arg: 4}).Void, "the write has three steps")
}

// TestInputsThatAreNotPossibleAreVoid tries inputs where they do not belong.
func TestInputsThatAreNotPossibleAreVoid(t *testing.T) {
	r := asyncMachine(t)
	up := r.Initial(1)
	down := walkTo(t, r, up, Input{Kind: InputCrash})
	beat := deliver(r, pb.Message{Type: pb.MsgHeartbeat, From: 1, To: 2, Term: 1, Commit: 1})
	for _, in := range []Input{
		{Kind: InputRestart}, {Kind: InputStored}, {Kind: InputApplied}, {Kind: InputHeartbeat}, {Kind: InputSilence},
		{Kind: InputCompact}, {Kind: InputChange}, {Kind: InputPass}, {Kind: InputReportSnapshot, Arg: 4},
		{Kind: InputCrash, Arg: 1}, {Kind: InputTransfer, Arg: 1}, {Kind: InputPropose}, {Kind: InputRead}, beat,
	} {
		require.Equal(t, &Outcome{Next: up, Void: true}, r.Step(up, in), "%+v", in)
		if in.Kind != InputRestart {
			require.Equal(t, &Outcome{Next: down, Void: true}, r.Step(down, in), "%+v", in)
		}
	}
	require.False(t, r.Step(down, Input{Kind: InputRestart}).Void)
}

// TestARestartedMemberIsAsItWas checks that a crash and a restart without anything to lose lead back, if there are no
// reads to tell lives apart.
func TestARestartedMemberIsAsItWas(t *testing.T) {
	r := asyncMachine(t)
	again := []Input{{Kind: InputCrash}, {Kind: InputRestart}}
	require.Equal(t, r.Initial(3), walkTo(t, r, r.Initial(3), again...))

	r, err := newMachine(Bounds{Voters: 3, Async: true, MaxInFlight: 9, Budget: Budget{Reads: 1}})
	require.NoError(t, err)
	require.NotEqual(t, r.Initial(3), walkTo(t, r, r.Initial(3), again...))
}

// TestStatesThatAreBuiltUpAgainAreCompared pretends that a state has another fingerprint than its inputs lead to.
func TestStatesThatAreBuiltUpAgainAreCompared(t *testing.T) {
	r := asyncMachine(t)
	s := walkTo(t, r, r.Initial(1), Input{Kind: InputTimeout})
	r.cache.take(s)
	require.Nil(t, r.Step(s, Input{Kind: InputStored}).Broken)
	r.states.get(uint32(s)).names[0]++
	broken := r.Step(s, Input{Kind: InputStored}).Broken
	require.NotNil(t, broken)
	require.Equal(t, "equal fingerprints mean equal behaviour", broken.Property)
}

// TestScriptsOfInputs checks the commands that a counterexample is told in.
func TestScriptsOfInputs(t *testing.T) {
	r := asyncMachine(t)
	up := r.Initial(1)
	campaigning := walkTo(t, r, up, Input{Kind: InputPass, Arg: 3}, Input{Kind: InputTimeout})
	for _, c := range []struct {
		at   LocalID
		in   Input
		want []string
	}{
		{up, Input{Kind: InputTimeout}, []string{"timeout 1 19", "tick 1 19", "ready 1"}},
		{walkTo(t, r, up, Input{Kind: InputPass, Arg: 3}), Input{Kind: InputTimeout}, []string{"timeout 1 19", "tick 1 16", "ready 1"}},
		{campaigning, Input{Kind: InputStored}, []string{"append-thread 1 1"}},
		{campaigning, Input{Kind: InputCrash, Arg: 1}, []string{"crash 1 torn=1"}},
		{campaigning, Input{Kind: InputCrash}, []string{"crash 1"}},
		{up, Input{Kind: InputPropose, Arg: 1}, []string{"propose 1 b"}},
		{up, Input{Kind: InputRead, Arg: 1}, []string{"read 1 r1", "ready 1"}},
		{up, Input{Kind: InputTransfer, Arg: 2}, []string{"transfer 1 2"}},
		{up, Input{Kind: InputReportSnapshot, Arg: 5}, []string{"report-snapshot 1 2 failure"}},
	} {
		require.Equal(t, c.want, r.Script(c.at, c.in))
	}
	state := r.Describe(campaigning)
	require.Equal(t, "candidate", state.Role)
	require.Equal(t, uint64(2), state.Term)
	require.Equal(t, "voters=(1 2 3)", state.Membership)
}

// TestSymmetryIsGivenUpWhereChangesNameVoters counts the renamings of different bounds.
func TestSymmetryIsGivenUpWhereChangesNameVoters(t *testing.T) {
	for _, c := range []struct {
		b    Bounds
		want int
	}{
		{Bounds{Voters: 1}, 1},
		{Bounds{Voters: 3}, 6},
		{Bounds{Voters: 3, Joining: 1, Changes: []string{"v4 transition=explicit", "leave"}}, 6},
		{Bounds{Voters: 3, Joining: 1, Changes: []string{"v4 r2"}}, 1},
		{Bounds{Voters: 5}, 120},
		{Bounds{Voters: 7}, 1},
	} {
		all := renamingsOf(&c.b)
		require.Len(t, all, c.want, "%+v", c.b)
		for i, id := range all[0] {
			require.Equal(t, uint64(i)+1, id, "the identity comes first")
		}
	}
}

// TestMachinesOfWrongBounds checks that bounds are looked at.
func TestMachinesOfWrongBounds(t *testing.T) {
	_, err := NewMachine(Bounds{Name: "none", MaxInFlight: 1})
	require.Error(t, err)
	_, err = NewMachine(Bounds{Name: "odd", Voters: 1, MaxInFlight: 1, Changes: []string{"x9"}})
	require.ErrorContains(t, err, "x9")
	_, err = NewMachine(Bounds{Name: "odd", Voters: 1, MaxInFlight: 1, Changes: []string{"v2 v3 form=v1"}})
	require.ErrorContains(t, err, "form=v1")
}

// BenchmarkStepOfAMemberAtHand runs a step that changes nothing, so that the member stays at hand.
func BenchmarkStepOfAMemberAtHand(b *testing.B) {
	r := asyncMachine(b)
	s := walkTo(b, r, r.Initial(1), Input{Kind: InputTimeout}, Input{Kind: InputStored})
	in := Input{Kind: InputPropose}
	b.ReportAllocs()
	for b.Loop() {
		r.Step(s, in)
	}
}

// BenchmarkStepOfAMemberBuiltUp runs a step from a state that has to be reached by twenty inputs first.
func BenchmarkStepOfAMemberBuiltUp(b *testing.B) {
	r := asyncMachine(b)
	s := walkTo(b, r, r.Initial(1), Input{Kind: InputTimeout}, Input{Kind: InputStored})
	s = walkTo(b, r, s, deliver(r, pb.Message{Type: pb.MsgVoteResp, From: 2, To: 1, Term: 2}))
	for i := 0; i < 17; i++ {
		s = walkTo(b, r, s, Input{Kind: InputPropose, Arg: uint32(i)})
	}
	in := Input{Kind: InputCrash}
	b.ReportAllocs()
	for b.Loop() {
		r.Step(s, in)
	}
}
