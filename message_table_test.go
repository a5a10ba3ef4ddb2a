package raft

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

// The table of what a member does with a message, for every role, every type, and every relation of the message's
// term to its own (Raft §5.1, Fig. 2): handled, something changes; ignored, nothing changes; refused, nothing
// changes and Step returns an error.

// tableTerm is the term of the member under test.
const tableTerm = 5

// tableRow is one message type. For each role (follower, pre-candidate, candidate, leader) want has a letter for a
// message of the member's term, of an older and of a newer one; or only one for a type that bears no term.
//
//	h handled, i ignored, r refused
type tableRow struct {
	typ    pb.MessageType
	reject bool
	want   [4]string
}

func messageTable() []tableRow {
	local := [4]string{"r", "r", "r", "r"}
	fromLeader := [4]string{"hhh", "hhh", "hhh", "rhh"}
	toLeader := [4]string{"iih", "iih", "iih", "hih"}
	answered := [4]string{"hhh", "hhh", "hhh", "hhh"}
	return []tableRow{
		{typ: pb.MsgHup, want: local},
		{typ: pb.MsgBeat, want: local},
		{typ: pb.MsgProp, want: [4]string{"h", "r", "r", "h"}},
		{typ: pb.MsgApp, want: fromLeader},
		{typ: pb.MsgAppResp, want: toLeader},
		{typ: pb.MsgAppResp, reject: true, want: toLeader},
		{typ: pb.MsgVote, want: answered},
		{typ: pb.MsgVoteResp, want: [4]string{"iih", "iih", "hih", "iih"}},
		{typ: pb.MsgVoteResp, reject: true, want: [4]string{"iih", "iih", "hih", "iih"}},
		{typ: pb.MsgSnap, want: fromLeader},
		{typ: pb.MsgHeartbeat, want: fromLeader},
		{typ: pb.MsgHeartbeatResp, want: toLeader},
		{typ: pb.MsgUnreachable, want: local},
		{typ: pb.MsgSnapStatus, want: local},
		{typ: pb.MsgCheckQuorum, want: local},
		{typ: pb.MsgTransferLeader, want: [4]string{"h", "i", "i", "h"}},
		{typ: pb.MsgTimeoutNow, want: [4]string{"hih", "iih", "iih", "iih"}},
		{typ: pb.MsgReadIndex, want: [4]string{"h", "i", "i", "h"}},
		{typ: pb.MsgReadIndexResp, want: [4]string{"hih", "iih", "iih", "iih"}},
		{typ: pb.MsgPreVote, want: answered},
		// The grant of a pre-vote bears the term that the pre-candidate would raise itself to.
		{typ: pb.MsgPreVoteResp, want: [4]string{"iii", "iih", "iii", "iii"}},
		{typ: pb.MsgPreVoteResp, reject: true, want: [4]string{"iih", "hih", "iih", "iih"}},
		{typ: pb.MsgStorageAppend, want: local},
		{typ: pb.MsgStorageAppendResp, want: local},
		{typ: pb.MsgStorageApply, want: local},
		{typ: pb.MsgStorageApplyResp, want: local},
		{typ: pb.MsgForgetLeader, want: [4]string{"h", "i", "i", "i"}},
	}
}

// tableRoles are the roles in the order of tableRow.want.
func tableRoles() [4]StateType {
	return [4]StateType{StateFollower, StatePreCandidate, StateCandidate, StateLeader}
}

// memberIn returns a cluster whose member 1 has the role in term 5, and a log that ends in 4/3. As a follower it
// follows 2 and waits for the answer to a read; as a candidate it waits for votes; as a leader for
// acknowledgements.
func memberIn(t *testing.T, role StateType, configure ...func(*Config)) *cluster {
	if role == StatePreCandidate {
		configure = append(configure, withPreVote)
	}
	c := newVoters(t, 3, configure...)
	term := uint64(tableTerm)
	if role == StateCandidate || role == StateLeader {
		term--
	}
	seed(c, 1, pb.HardState{Term: term, Commit: 1}, at(2, 2), at(4, 3))
	rn := c.members[1].rn
	if role == StateFollower {
		require.NoError(t, rn.Step(heartbeatFrom(2, 1, tableTerm, 1)))
		rn.ReadIndex([]byte("read"))
	} else {
		letLeasesPass(c)
		require.NoError(t, rn.Campaign())
	}
	outOf(c, 1)
	if role == StateLeader {
		require.NoError(t, rn.Step(answerFrom(pb.MsgVoteResp, 3, 1, tableTerm, true)))
		outOf(c, 1)
	}
	require.Equal(t, role, c.raft(1).state)
	require.Equal(t, uint64(tableTerm), c.raft(1).term)
	return c
}

// wellFormed returns a message from member 2 to member 1 with which nothing is wrong.
func wellFormed(c *cluster, typ pb.MessageType, term uint64, reject bool) pb.Message {
	switch typ {
	case pb.MsgApp:
		return appendFrom(2, 1, term, at(4, 3), 1, at(term, 4))
	case pb.MsgAppResp:
		if reject {
			return rejectFrom(2, 1, term, 3, at(2, 2))
		}
		return ackFrom(2, 1, term, 3)
	case pb.MsgVote, pb.MsgPreVote:
		return askFrom(typ, 2, 1, term, at(3, 9))
	case pb.MsgVoteResp, pb.MsgPreVoteResp:
		return answerFrom(typ, 2, 1, term, !reject)
	case pb.MsgSnap:
		return snapshotFrom(2, 1, term, at(4, 9), voters(1, 2, 3))
	case pb.MsgProp, pb.MsgReadIndex:
		return pb.Message{Type: typ, From: 3, To: 1, Entries: []pb.Entry{{Data: []byte("x")}}}
	case pb.MsgReadIndexResp:
		var token readToken
		if pending := c.raft(1).ownReads().forwarded.pending; len(pending) > 0 {
			token = pending[0].token
		}
		return pb.Message{Type: typ, From: 2, To: 1, Term: term, Index: 3, Entries: []pb.Entry{{Data: token[:]}}}
	case pb.MsgTransferLeader:
		return pb.Message{Type: typ, From: 2, To: 1}
	case pb.MsgForgetLeader:
		return pb.Message{Type: typ, To: 1}
	default:
		return pb.Message{Type: typ, From: 2, To: 1, Term: term}
	}
}

// outcomeOf steps the message and says what became of it, as a letter of the table.
func outcomeOf(t *testing.T, c *cluster, m pb.Message) byte {
	before := fingerprint(c.raft(1))
	err := c.raft(1).step(&m)
	after := fingerprint(c.raft(1))
	switch {
	case err != nil:
		require.Equal(t, before, after, "refused with %v, but something changed", err)
		return 'r'
	case before == after:
		return 'i'
	default:
		return 'h'
	}
}

func TestMessageTable(t *testing.T) {
	seen := map[pb.MessageType]bool{}
	for _, row := range messageTable() {
		seen[row.typ] = true
		for k, role := range tableRoles() {
			name := fmt.Sprintf("%s/%s/reject=%t", row.typ, role, row.reject)
			t.Run(name, func(t *testing.T) { checkTableCell(t, row, role, row.want[k]) })
		}
	}
	require.Len(t, seen, len(pb.MessageType_name), "a type is missing")
}

func checkTableCell(t *testing.T, row tableRow, role StateType, want string) {
	for i, term := range []uint64{tableTerm, tableTerm - 1, tableTerm + 1}[:len(want)] {
		c := memberIn(t, role)
		m := wellFormed(c, row.typ, term, row.reject)
		require.Equal(t, string(want[i]), string(outcomeOf(t, c, m)), "term %d: %s", term, DescribeMessage(m, nil))
	}
}

// A member that hears from a leader, and a leader, ignore candidates while the lease runs (thesis §4.2.3), but not one
// that the leader itself has asked to campaign (thesis §3.10).
func TestMessageTableUnderALease(t *testing.T) {
	for _, typ := range []pb.MessageType{pb.MsgVote, pb.MsgPreVote} {
		for role, want := range map[StateType]string{
			StateFollower: "i", StateLeader: "i", StateCandidate: "h", StatePreCandidate: "h",
		} {
			c := memberIn(t, role, withCheckQuorum)
			m := wellFormed(c, typ, tableTerm+1, false)
			require.Equal(t, want, string(outcomeOf(t, c, m)), "%s by %s", typ, role)
			m.Context = []byte(transferContext)
			require.Equal(t, "h", string(outcomeOf(t, c, m)), "%s of a transferee by %s", typ, role)
		}
	}
}

// The acknowledgements of the storage threads are handled in every role, if writes are asynchronous.
func TestMessageTableOfStorageThreads(t *testing.T) {
	for _, role := range tableRoles() {
		c := memberIn(t, role, withAsync)
		m := pb.Message{Type: pb.MsgStorageAppendResp, From: LocalAppendThread, To: 1, Term: tableTerm, Index: 9, LogTerm: 5}
		require.Equal(t, "i", string(outcomeOf(t, c, m)), "of what is not there, %s", role)
		c.raft(1).log.commitTo(3)
		for c.ready(1) {
			continue
		}
		work := c.members[1].applyQueue
		require.Len(t, work, 1)
		require.Equal(t, "h", string(outcomeOf(t, c, work[0].Responses[0])), "%s", role)
		require.Equal(t, "i", string(outcomeOf(t, c, work[0].Responses[0])), "the second time, %s", role)

		require.NoError(t, c.step(appendFrom(2, 1, tableTerm+1, at(4, 3), 1, at(6, 4))))
		for c.ready(1) {
			continue
		}
		work = c.members[1].appendQueue
		responses := work[len(work)-1].Responses
		ack := responses[len(responses)-1]
		require.Equal(t, pb.MsgStorageAppendResp, ack.Type)
		require.Equal(t, "h", string(outcomeOf(t, c, ack)), "%s", role)
	}
}

// Whatever the role, a message for someone else, from nobody, from itself, from a storage thread, of an unknown
// type, or without a term, is refused.
func TestMessageTableOfBadEnvelopes(t *testing.T) {
	for _, role := range tableRoles() {
		for name, spoil := range map[string]func(*pb.Message){
			"for someone else":  func(m *pb.Message) { m.To = 2 },
			"from nobody":       func(m *pb.Message) { m.From = None },
			"from itself":       func(m *pb.Message) { m.From = 1 },
			"from a thread":     func(m *pb.Message) { m.From = LocalApplyThread },
			"of unknown type":   func(m *pb.Message) { m.Type = 99 },
			"without a term":    func(m *pb.Message) { m.Term = 0 },
			"of the last terms": func(m *pb.Message) { m.Term = maxTerm + 1 },
		} {
			for typ := range pb.MessageType_name {
				c := memberIn(t, role)
				m := wellFormed(c, pb.MessageType(typ), tableTerm, false)
				if bearsNoSender := isRequest(m.Type) && (name == "from nobody" || name == "from itself" || name == "without a term"); bearsNoSender {
					continue
				}
				spoil(&m)
				require.Equal(t, "r", string(outcomeOf(t, c, m)), "%s, %s: %s", name, role, DescribeMessage(m, nil))
			}
		}
	}
}

// A response by someone who is not a member is refused by its own error.
func TestMessageTableOfStrangers(t *testing.T) {
	for _, role := range tableRoles() {
		for _, typ := range []pb.MessageType{pb.MsgAppResp, pb.MsgVoteResp, pb.MsgPreVoteResp, pb.MsgHeartbeatResp, pb.MsgReadIndexResp} {
			c := memberIn(t, role)
			m := wellFormed(c, typ, tableTerm, false)
			m.From = 9
			require.Equal(t, "r", string(outcomeOf(t, c, m)))
			require.ErrorIs(t, c.step(m), ErrStepPeerNotFound)
		}
	}
}

// badContents are messages that no member following the protocol sends, with the words by which the error names what is
// wrong.
func badContents() map[string]pb.Message {
	gap := appendFrom(2, 1, 6, at(4, 3), 1, at(6, 4), at(6, 6))
	app := func(prev entryID, ids ...entryID) pb.Message { return appendFrom(2, 1, 6, prev, 1, ids...) }
	none := pb.Message{Type: pb.MsgSnap, From: 2, To: 1, Term: 6}
	bad := pb.Message{Type: pb.MsgProp, From: 2, To: 1, Entries: []pb.Entry{{Type: pb.EntryConfChange, Data: []byte{0xff}}}}
	overCommit := askFrom(pb.MsgVote, 2, 1, 6, at(4, 3))
	overCommit.Commit = 4
	return map[string]pb.Message{
		"want 5: entries must be contiguous":          gap,
		"want 4: entries must be contiguous":          app(at(4, 3), at(6, 5)),
		"below the 4 before it: terms never decrease": app(at(4, 3), at(3, 4)),
		"below the 6 before it":                       app(at(4, 3), at(6, 4), at(5, 5)),
		"above the message's term 6":                  app(at(4, 3), at(7, 4)),
		"the entry before cannot be 7/3":              app(at(7, 3)),
		"its first entry bears no term":               app(at(0, 0), at(0, 1)),
		"it rejects index 0":                          rejectFrom(2, 1, 5, 0, at(0, 0)),
		"has it lost its log":                         heartbeatFrom(2, 1, 6, 4),
		"committed entry 0/4 is beyond its last 4/3":  overCommit,
		"its last entry cannot be 0/3":                askFrom(pb.MsgVote, 2, 1, 6, at(0, 3)),
		"its last entry cannot be 2/0":                askFrom(pb.MsgPreVote, 2, 1, 6, at(2, 0)),
		"the entry before cannot be 0/3":              app(at(0, 3)),
		"the entry before cannot be 2/0":              app(at(2, 0)),
		"entry 0: unknown entry type 9":               withType(app(at(4, 3), at(6, 4)), 9, nil),
		"entry 0: its data is not a ConfChangeV2":     withType(app(at(4, 3), at(6, 4)), pb.EntryConfChangeV2, []byte{0xff}),
		"the end of the log cannot be 9/3":            {Type: pb.MsgTimeoutNow, From: 2, To: 1, Term: 6, Index: 3, LogTerm: 9},
		"its last committed entry cannot be 50/9":     {Type: pb.MsgVoteResp, From: 2, To: 1, Term: 6, Commit: 9, RejectHint: 50},
		"MsgReadIndex from 2 to 1 at term 50":         {Type: pb.MsgReadIndex, From: 2, To: 1, Term: 50, Entries: make([]pb.Entry, 1)},
		"names no member to transfer":                 {Type: pb.MsgTransferLeader, To: 1},
		"own application may ask":                     {Type: pb.MsgForgetLeader, From: 2, To: 1},
		"it holds no snapshot":                        none,
		"cannot be in the log of this term":           snapshotFrom(2, 1, 6, at(7, 9), voters(1, 2)),
		"the snapshot's membership is impossible":     snapshotFrom(2, 1, 6, at(6, 9), pb.ConfState{Voters: []uint64{1}, Learners: []uint64{1}}),
		"it holds no entries":                         {Type: pb.MsgProp, From: 2, To: 1},
		"not a ConfChange":                            bad,
		"it has 0 entries, want one":                  {Type: pb.MsgReadIndex, From: 2, To: 1},
		"it has 2 entries, want one":                  {Type: pb.MsgReadIndexResp, From: 2, To: 1, Term: 5, Entries: make([]pb.Entry, 2)},
	}
}

// withType gives the message's first entry another type and other data.
func withType(m pb.Message, typ pb.EntryType, data []byte) pb.Message {
	m.Entries[0].Type, m.Entries[0].Data = typ, data
	return m
}

func TestMessageTableOfBadContents(t *testing.T) {
	for words, m := range badContents() {
		for _, role := range []StateType{StateFollower, StatePreCandidate, StateCandidate} {
			c := memberIn(t, role)
			require.Equal(t, "r", string(outcomeOf(t, c, m)), "%s by %s", DescribeMessage(m, nil), role)
			err := c.step(m)
			require.ErrorIs(t, err, ErrInvalidMessage)
			require.ErrorContains(t, err, words)
		}
	}
	c := memberIn(t, StateLeader)
	m := ackFrom(2, 1, tableTerm, 5)
	require.Equal(t, "r", string(outcomeOf(t, c, m)))
	require.ErrorContains(t, c.step(m), "index 5, the leader's last is 4")
}

// An append that begins below the commit index is only acknowledged as far as that: whatever it holds, the log is not
// touched.
func TestMessageTableOfAppendsBelowTheCommitIndex(t *testing.T) {
	c := memberIn(t, StateFollower)
	require.NoError(t, c.step(heartbeatFrom(2, 1, tableTerm, 3)))
	outOf(c, 1)
	reply := soleReply(c, appendFrom(3, 1, tableTerm+1, at(2, 2), 3, at(6, 3), at(6, 4)), pb.MsgAppResp)
	require.False(t, reply.Reject)
	require.Equal(t, uint64(3), reply.Index)
	require.Equal(t, []entryID{at(2, 2), at(4, 3)}, logOf(c, 1))
}
