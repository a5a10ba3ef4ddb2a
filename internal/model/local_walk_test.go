package model

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

// Random walks of a group through the machine, and what walks beside them.

// walker is a group that takes random steps.
type walker struct {
	t       *testing.T
	rng     *rand.Rand
	machine *real
	states  []LocalID
	network []MessageID
	asked   [inputKinds]uint32
}

func newWalker(t *testing.T, r *real, seed uint64) *walker {
	w := &walker{t: t, rng: rand.New(rand.NewPCG(seed, 7)), machine: r}
	for id := 1; id <= r.Members(); id++ {
		w.states = append(w.states, r.Initial(uint64(id)))
	}
	return w
}

// choose returns a member and an input for it, and takes a message from the network if that is a delivery. The message
// stays in the network now and then: it is duplicated.
func (w *walker) choose() (position int, in Input) {
	if len(w.network) > 0 && w.rng.IntN(10) < 6 {
		i := w.rng.IntN(len(w.network))
		id := w.network[i]
		if w.rng.IntN(10) > 0 {
			w.network = slices.Delete(w.network, i, i+1)
		}
		return int(w.machine.Message(id).To) - 1, Input{Kind: InputDeliver, Arg: uint32(id)}
	}
	position = w.rng.IntN(len(w.states))
	kind := InputKind(1 + w.rng.IntN(int(inputKinds)-1))
	if w.rng.IntN(2) == 0 {
		kind = []InputKind{InputStored, InputApplied, InputHeartbeat, InputRestart}[w.rng.IntN(4)]
	}
	in = Input{Kind: kind}
	switch kind {
	case InputTimeout, InputCrash:
		if w.rng.IntN(4) > 0 {
			return position, Input{Kind: InputStored}
		}
		in.Arg = uint32(w.rng.IntN(3))
	case InputTransfer:
		in.Arg = uint32(1 + w.rng.IntN(len(w.states)))
	case InputPass:
		in.Arg = uint32(1 + w.rng.IntN(3))
	case InputReportSnapshot:
		in.Arg = uint32(2 + w.rng.IntN(2*len(w.states)))
	case InputRead:
		in.Arg = w.asked[kind] % maxReads
		w.asked[kind]++
	case InputPropose:
		in.Arg = w.asked[kind] % 8
		w.asked[kind]++
	case InputChange:
		in.Arg = uint32(w.rng.IntN(len(w.machine.bounds.Changes) + 1))
	}
	return position, in
}

// step takes one step, and returns where it led.
func (w *walker) step(position int, in Input) *Outcome {
	out := w.machine.Step(w.states[position], in)
	require.Nil(w.t, out.Broken, "%+v", out.Broken)
	w.states[position] = out.Next
	for _, id := range out.Sent {
		if to := w.machine.Message(id).To; to <= uint64(len(w.states)) {
			w.network = append(w.network, id)
		}
	}
	if len(w.network) > 20 {
		w.network = slices.Delete(w.network, 0, 5)
	}
	return out
}

// testBounds are groups of different shapes.
func testBounds() []Bounds {
	base := Bounds{Voters: 3, MaxInFlight: 20, Budget: Budget{Reads: maxReads}}
	shape := func(name string, change func(*Bounds)) Bounds {
		b := base
		b.Name = name
		change(&b)
		return b
	}
	return []Bounds{
		shape("sync", func(*Bounds) {}),
		shape("async", func(b *Bounds) { b.Async = true }),
		shape("eager store", func(b *Bounds) { b.Async, b.EagerStore = true, true }),
		shape("eager", func(b *Bounds) { b.Async, b.EagerStore, b.EagerApply = true, true, true }),
		shape("pre-vote", func(b *Bounds) { b.Async, b.PreVote, b.CheckQuorum = true, true, true }),
		shape("lease", func(b *Bounds) { b.Async, b.EagerStore, b.CheckQuorum, b.Lease = true, true, true, true }),
		shape("joining", func(b *Bounds) {
			b.Async, b.Joining = true, 1
			b.Changes = []string{"v4", "l4", "r4", "leave", "v4 transition=explicit", "r4 form=v1"}
		}),
		shape("learner", func(b *Bounds) {
			b.Voters, b.Learners, b.Async = 2, 1, true
			b.Changes = []string{"v3", "r1 l3 transition=implicit", "r2", "leave"}
		}),
		shape("one", func(b *Bounds) { b.Voters, b.Async = 1, true }),
	}
}

func eachBounds(t *testing.T, f func(t *testing.T, b Bounds)) {
	for _, b := range testBounds() {
		t.Run(b.Name, func(t *testing.T) { f(t, b) })
	}
}

// TestWalksAgreeWithMembersDrivenDirectly lets members that are alive throughout walk beside the machine, whose
// members are built up again by whatever inputs led to their states first.
func TestWalksAgreeWithMembersDrivenDirectly(t *testing.T) {
	eachBounds(t, func(t *testing.T, b Bounds) {
		r, err := newMachine(b)
		require.NoError(t, err)
		for seed := uint64(0); seed < 6; seed++ {
			walkBeside(t, r, seed)
		}
		states, messages, steps := r.Counts()
		t.Logf("%d states, %d messages, %d steps", states, messages, steps)
	})
}

func walkBeside(t *testing.T, r *real, seed uint64) {
	w := newWalker(t, r, seed)
	var direct []*member
	for id := uint64(1); id <= uint64(r.Members()); id++ {
		m, err := newMember(id, r.bounds, r.prints)
		require.NoError(t, err)
		direct = append(direct, m)
	}
	for i := 0; i < 400; i++ {
		position, in := w.choose()
		out := w.step(position, in)
		if out.Void && out.Next == w.states[position] && in.Kind != InputDeliver {
			continue // what is not possible is not to be tried on a member that is still needed
		}
		m := direct[position]
		if m.rn == nil && in.Kind != InputRestart {
			require.True(t, out.Void)
			continue
		}
		m.broken = nil
		require.True(t, m.perform(in, r.messageOf(in)))
		require.Equal(t, r.Names(out.Next)[0], r.prints.local(m, nil), "seed %d, step %d: %+v at %d", seed, i, in, m.id)
		require.Equal(t, r.Facts(out.Next), m.facts())
		require.Equal(t, messagesOf(r, out.Sent), m.sent)
	}
}

func messagesOf(r *real, ids []MessageID) []pb.Message {
	var msgs []pb.Message
	for _, id := range ids {
		msgs = append(msgs, *r.Message(id))
	}
	return msgs
}

// TestRenamedWalksHaveRenamedNames lets a walk with the voters interchanged go beside each walk.
func TestRenamedWalksHaveRenamedNames(t *testing.T) {
	eachBounds(t, func(t *testing.T, b Bounds) {
		r, err := newMachine(b)
		require.NoError(t, err)
		for k := range r.Renamings() {
			for seed := uint64(0); seed < 2; seed++ {
				walkTwin(t, r, k, seed)
			}
		}
	})
}

// walkTwin walks, and does the same to members named by the k-th renaming.
func walkTwin(t *testing.T, r *real, k int, seed uint64) {
	w := newWalker(t, r, seed)
	names := r.Renamings()[k]
	twin := make([]LocalID, len(w.states))
	for i := range twin {
		twin[i] = r.Initial(uint64(i) + 1)
	}
	twinOf := map[MessageID]MessageID{}
	for i := 0; i < 200; i++ {
		position, in := w.choose()
		renamed := in
		switch in.Kind {
		case InputDeliver:
			renamed.Arg = uint32(twinOf[MessageID(in.Arg)])
		case InputTransfer:
			renamed.Arg = uint32(names[in.Arg-1])
		case InputReportSnapshot:
			if in.Arg/2 <= uint32(len(names)) {
				renamed.Arg = uint32(names[in.Arg/2-1])*2 + in.Arg%2
			}
		}
		out := w.step(position, in)
		to := names[position] - 1
		other := r.Step(twin[to], renamed)
		require.Nil(t, other.Broken, "%+v", other.Broken)
		twin[to] = other.Next
		require.Equal(t, r.Names(out.Next)[k], r.Names(other.Next)[0], "renaming %v, seed %d, step %d: %+v", names, seed, i, in)
		pairUp(t, r, k, out.Sent, other.Sent, twinOf)
	}
}

// pairUp finds the twin of each message that was sent.
func pairUp(t *testing.T, r *real, k int, sent, others []MessageID, twinOf map[MessageID]MessageID) {
	require.Len(t, others, len(sent))
	others = slices.Clone(others)
	for _, id := range sent {
		i := slices.IndexFunc(others, func(o MessageID) bool { return r.MessageNames(o)[0] == r.MessageNames(id)[k] })
		require.GreaterOrEqual(t, i, 0, "no twin of %v", r.Message(id))
		twinOf[id] = others[i]
		others = slices.Delete(others, i, i+1)
	}
}

// TestStepsFromSeveralGoroutines has goroutines walk the same walks through one machine.
func TestStepsFromSeveralGoroutines(t *testing.T) {
	r, err := newMachine(Bounds{Name: "async", Voters: 3, Async: true, MaxInFlight: 20, Budget: Budget{Reads: 2}})
	require.NoError(t, err)
	ends := make(chan string)
	const walks = 8
	for g := 0; g < walks; g++ {
		go func() {
			// Half of them walk the same way.
			w := newWalker(t, r, uint64(g/2))
			end := ""
			for i := 0; i < 200; i++ {
				out := w.machine.Step(w.states[0], Input{Kind: InputHeartbeat})
				_ = r.Names(out.Next)
				position, in := w.choose()
				out = r.Step(w.states[position], in)
				w.states[position] = out.Next
				w.network = append(w.network, out.Sent...)
				if out.Broken != nil {
					end = out.Broken.Detail
				}
			}
			for _, s := range w.states {
				end += fmt.Sprintf(" %x", r.Names(s)[0])
			}
			ends <- fmt.Sprint(g/2, end)
		}()
	}
	met := map[string]int{}
	for g := 0; g < walks; g++ {
		met[<-ends]++
	}
	require.Len(t, met, walks/2, "walks of the same choices end alike: %v", met)
}
