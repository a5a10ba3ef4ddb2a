package raft

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

// Fuzzing of Step. No input may panic, in any role; and whatever the others send, lies included, what this member alone
// can vouch for holds: the checks of invariants.go run after every call, and fuzzHost checks what is handed out.

// fuzzHost is one member of five, in one configuration, with its disk and its application.
type fuzzHost struct {
	t       testing.TB
	cfg     *Config
	storage *MemoryStorage
	rn      *RawNode

	// unadvanced are the Readys taken and not advanced.
	unadvanced []Ready
	// appends and applies are the work of the storage threads.
	appends, applies []pb.Message
	// conf is the membership as of the last entry applied.
	conf pb.ConfState
	// handedTo is the last index handed out to be applied.
	handedTo uint64
	hard     pb.HardState
	// sent are messages handed out to other members, the newest last.
	sent []pb.Message
}

// newFuzzHost returns a follower whose log is 1/1 (a snapshot), 1/2, 2/3, 2/4, with 1/2 committed, in term 3.
func newFuzzHost(t testing.TB, configure ...func(*Config)) *fuzzHost {
	s := NewMemoryStorage()
	conf := pb.ConfState{Voters: []uint64{1, 2, 3}, Learners: []uint64{4}}
	require.NoError(t, s.ApplySnapshot(pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 1, Term: 1, ConfState: conf}}))
	require.NoError(t, s.Append([]pb.Entry{{Term: 1, Index: 2}, {Term: 2, Index: 3}, {Term: 2, Index: 4}}))
	require.NoError(t, s.SetHardState(pb.HardState{Term: 3, Commit: 2}))
	h := &fuzzHost{t: t, storage: s, cfg: testConfig(1, s)}
	h.cfg.MaxInflightMsgs = 4
	h.cfg.MaxPendingReads = 8
	h.cfg.MaxUncommittedEntriesSize = 64
	for _, f := range configure {
		f(h.cfg)
	}
	h.start()
	return h
}

func (h *fuzzHost) start() {
	rn, err := NewRawNode(h.cfg)
	require.NoError(h.t, err)
	hs, conf, err := h.storage.InitialState()
	require.NoError(h.t, err)
	h.rn, h.hard, h.conf = rn, hs, conf
	h.handedTo = rn.raft.log.applied
	h.unadvanced, h.appends, h.applies = nil, nil, nil
}

// restart loses what was not written. The application begins again from its snapshot.
func (h *fuzzHost) restart() {
	h.cfg.Rand = rand.NewPCG(1, h.cfg.Rand.Uint64())
	h.start()
}

// ready takes a Ready, if there is one, and checks what it hands out.
func (h *fuzzHost) ready() {
	has := h.rn.HasReady()
	rd := h.rn.Ready()
	require.Equal(h.t, has, !isEmptyReady(rd), "HasReady is not exact: %s", DescribeReady(rd, nil))
	h.checkReady(rd)
	if !h.cfg.AsyncStorageWrites {
		h.unadvanced = append(h.unadvanced, rd)
		return
	}
	for _, m := range rd.Messages {
		switch m.To {
		case LocalAppendThread:
			h.appends = append(h.appends, m)
		case LocalApplyThread:
			h.applies = append(h.applies, m)
		}
	}
}

func isEmptyReady(rd Ready) bool {
	return rd.SoftState == nil && IsEmptyHardState(rd.HardState) && IsEmptySnap(rd.Snapshot) && len(rd.Entries) == 0 &&
		len(rd.CommittedEntries) == 0 && len(rd.Messages) == 0 && len(rd.ReadStates) == 0 && len(rd.LostReads) == 0
}

func (h *fuzzHost) checkReady(rd Ready) {
	if !IsEmptyHardState(rd.HardState) {
		require.GreaterOrEqual(h.t, rd.Term, h.hard.Term)
		require.GreaterOrEqual(h.t, rd.Commit, h.hard.Commit)
		h.hard = rd.HardState
	}
	if !IsEmptySnap(rd.Snapshot) {
		require.Greater(h.t, rd.Snapshot.Metadata.Index, h.handedTo)
		h.handedTo = rd.Snapshot.Metadata.Index
	}
	for i := range rd.CommittedEntries {
		e := &rd.CommittedEntries[i]
		require.Equal(h.t, h.handedTo+1, e.Index, "entries to apply have a gap")
		require.True(h.t, holds(&h.rn.raft.log, idOf(e)), "entry %s handed out is not that of the log", idOf(e))
		h.handedTo = e.Index
	}
	for i := range rd.Messages {
		require.NotEqual(h.t, None, rd.Messages[i].To)
	}
	h.remember(rd.Messages)
}

// remember keeps the last messages to other members, for answers that are by the book.
func (h *fuzzHost) remember(msgs []pb.Message) {
	for _, m := range msgs {
		h.remember(m.Responses)
		if m.To != h.cfg.ID && !IsLocalMsgTarget(m.To) {
			h.sent = append(h.sent, m)
		}
	}
	h.sent = h.sent[max(0, len(h.sent)-16):]
}

// advance does the work of the oldest Ready, or of both storage threads once.
func (h *fuzzHost) advance() {
	if h.cfg.AsyncStorageWrites {
		h.runAppends()
		h.runApplies()
		return
	}
	if len(h.unadvanced) == 0 {
		h.rn.Advance(Ready{})
		return
	}
	rd := h.unadvanced[0]
	h.unadvanced = h.unadvanced[1:]
	h.write(rd.HardState, rd.Entries, rd.Snapshot)
	h.apply(rd.CommittedEntries)
	h.rn.Advance(rd)
}

func (h *fuzzHost) runAppends() {
	if len(h.appends) == 0 {
		return
	}
	m := h.appends[0]
	h.appends = h.appends[1:]
	var snap pb.Snapshot
	if m.Snapshot != nil {
		snap = *m.Snapshot
	}
	h.write(pb.HardState{Term: m.Term, Vote: m.Vote, Commit: m.Commit}, m.Entries, snap)
	h.respond(m.Responses)
}

func (h *fuzzHost) runApplies() {
	if len(h.applies) == 0 {
		return
	}
	m := h.applies[0]
	h.applies = h.applies[1:]
	h.apply(m.Entries)
	h.respond(m.Responses)
}

func (h *fuzzHost) respond(msgs []pb.Message) {
	for _, m := range msgs {
		if m.To == h.cfg.ID {
			require.NoError(h.t, h.rn.Step(m))
		}
	}
}

func (h *fuzzHost) write(hs pb.HardState, ents []pb.Entry, snap pb.Snapshot) {
	if !IsEmptySnap(snap) {
		require.NoError(h.t, h.storage.ApplySnapshot(snap))
		h.conf = snap.Metadata.ConfState
	}
	require.NoError(h.t, h.storage.Append(ents))
	if !IsEmptyHardState(hs) {
		require.NoError(h.t, h.storage.SetHardState(hs))
	}
}

// apply applies entries. A change that cannot be decoded, which only a lying leader can have sent, is passed over.
func (h *fuzzHost) apply(ents []pb.Entry) {
	for i := range ents {
		if change, err := decodeChange(&ents[i]); change != nil && err == nil {
			h.conf = *h.rn.ApplyConfChange(*change)
		}
	}
}

// compact makes a snapshot of what is applied and compacts up to it.
func (h *fuzzHost) compact() {
	applied := h.rn.raft.log.applied
	if last, _ := h.storage.LastIndex(); applied > last || len(h.appends)+len(h.applies)+len(h.unadvanced) > 0 {
		return
	}
	if _, err := h.storage.CreateSnapshot(applied, &h.conf, nil); err == nil {
		require.NoError(h.t, h.storage.Compact(applied))
	}
}

// settle does everything that is left to do.
func (h *fuzzHost) settle() {
	for range 100 {
		if h.rn.HasReady() {
			h.ready()
		}
		h.advance()
	}
}

// become brings the member into the role, by the book.
func (h *fuzzHost) become(state StateType) {
	if state == StateFollower {
		return
	}
	h.settle()
	require.NoError(h.t, h.rn.Campaign())
	h.settle()
	if state == StateLeader {
		for _, id := range []uint64{2, 3} {
			vote := pb.Message{Type: pb.MsgVoteResp, From: id, To: 1, Term: h.rn.raft.term}
			require.NoError(h.t, h.rn.Step(vote))
		}
		h.settle()
	}
	require.Equal(h.t, state, h.rn.raft.state)
}

// act lets one thing happen.
func (h *fuzzHost) act(c *choices) {
	rn := h.rn
	switch c.choose(24) {
	default:
		h.answer(c)
	case 0, 15, 16, 17:
		_ = rn.Step(c.message(&rn.raft))
	case 1:
		rn.Tick()
	case 2:
		rn.TickBy(uint64(c.next()))
	case 3, 4:
		h.ready()
	case 5, 6:
		h.advance()
	case 7:
		h.runAppends()
	case 8:
		h.runApplies()
	case 9:
		_ = rn.Propose(make([]byte, c.choose(40)))
	case 10:
		_ = rn.Step(pb.Message{Type: pb.MsgProp, Entries: []pb.Entry{{Type: pb.EntryConfChangeV2, Data: c.change()}}})
	case 11:
		rn.ReadIndex([]byte{c.next()})
	case 12:
		h.request(c)
	case 13:
		h.settle()
	}
}

// answer answers one of the last messages as its receiver would.
func (h *fuzzHost) answer(c *choices) {
	if len(h.sent) == 0 {
		return
	}
	got := h.sent[len(h.sent)-1-c.choose(len(h.sent))]
	m := c.answerTo(&got)
	if m.Term == 0 {
		m.Term = h.rn.raft.term
	}
	_ = h.rn.Step(m)
}

// request makes one of the rarer requests.
func (h *fuzzHost) request(c *choices) {
	id := uint64(c.choose(6))
	switch c.choose(8) {
	case 0:
		_ = h.rn.Campaign()
	case 1:
		h.rn.TransferLeader(id)
	case 2:
		h.rn.ReportUnreachable(id)
	case 3:
		h.rn.ReportSnapshot(id, SnapshotStatus(c.choose(4)))
	case 4:
		_ = h.rn.ForgetLeader()
	case 5:
		h.compact()
	case 6:
		h.restart()
	case 7:
		h.rn.TickQuiesced()
	}
}

// configureFrom sets options by the bits of b.
func configureFrom(b byte) func(*Config) {
	return func(c *Config) {
		c.AsyncStorageWrites = b&1 != 0
		c.PreVote = b&2 != 0
		c.CheckQuorum = b&4 != 0
		if b&12 == 12 {
			c.ReadOnlyOption = ReadOnlyLeaseBased
		}
		c.StepDownOnRemoval = b&16 != 0
		c.DisableConfChangeValidation = b&32 != 0
		if b&64 != 0 {
			c.MaxSizePerMsg = 0
		}
	}
}

// seedMessages returns one message of each type as bytes.
func seedMessages() [][]byte {
	var out [][]byte
	for typ := pb.MsgHup; typ <= pb.MsgForgetLeader; typ++ {
		m := pb.Message{Type: typ, From: 2, To: 1, Term: 4, Index: 4, LogTerm: 2, Commit: 3}
		m.Entries = []pb.Entry{{Term: 4, Index: 5, Data: []byte("x")}}
		if typ == pb.MsgSnap {
			cs := pb.ConfState{Voters: []uint64{1, 2, 3}}
			m.Snapshot = &pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 9, Term: 4, ConfState: cs}}
		}
		data, err := m.Marshal()
		if err == nil {
			out = append(out, data)
		}
	}
	return out
}

// fuzzRole steps what the input decodes to, or is taken to mean, into a member in the given role.
func fuzzRole(f *testing.F, state StateType) {
	for i, data := range seedMessages() {
		f.Add(byte(0), data)
		f.Add(byte(1), data)
		f.Add(byte(i), []byte{byte(i), 0, 2, 0, 1, 1, 0, 0, 0, 0, 1, 3, 3, 3, 0, 0})
	}
	f.Fuzz(func(t *testing.T, options byte, data []byte) {
		if state == StateCandidate {
			options &^= 2
		}
		if state == StatePreCandidate {
			options |= 2
		}
		if state == StateLeader {
			options &^= 10
		}
		h := newFuzzHost(t, configureFrom(options&^8))
		h.become(state)
		var m pb.Message
		if m.Unmarshal(data) == nil {
			_ = h.rn.Step(m)
			h.settle()
		}
		c := &choices{data: data}
		for len(c.data) > 0 {
			_ = h.rn.Step(c.message(&h.rn.raft))
		}
		h.settle()
	})
}

func FuzzStepFollower(f *testing.F) { fuzzRole(f, StateFollower) }

func FuzzStepCandidate(f *testing.F) { fuzzRole(f, StateCandidate) }

func FuzzStepPreCandidate(f *testing.F) { fuzzRole(f, StatePreCandidate) }

func FuzzStepLeader(f *testing.F) { fuzzRole(f, StateLeader) }

// FuzzStepSchedule lets messages, ticks, requests, writes and restarts happen in any order.
func FuzzStepSchedule(f *testing.F) {
	for seed := range byte(32) {
		data := make([]byte, 400)
		source := rand.NewPCG(uint64(seed), 0)
		for i := range data {
			data[i] = byte(source.Uint64())
		}
		f.Add(seed, seed, data)
	}
	f.Fuzz(func(t *testing.T, options, state byte, data []byte) {
		if len(data) <= 4096 {
			runSchedule(t, options, state, data)
		}
	})
}

func runSchedule(t testing.TB, options, state byte, data []byte) {
	h := newFuzzHost(t, configureFrom(options))
	if options&10 == 0 && state&1 == 1 {
		h.become(StateLeader)
	}
	for c := (&choices{data: data}); len(c.data) > 0; {
		h.act(c)
	}
	h.settle()
}
