package model

import (
	"fmt"
	"slices"

	pb "github.com/seed695671cb/raft/raftpb"
	"github.com/seed695671cb/raft/rafttest/trace"
)

// toyRun is one step of a member of the toy.
type toyRun struct {
	t      *toy
	l      toyLocal
	sent   []MessageID
	broken *trace.Violation
}

func (t *toy) run(s LocalID, in Input) *Outcome {
	r := &toyRun{t: t, l: t.local(s)}
	r.l.Votes, r.l.Log = slices.Clone(r.l.Votes), slices.Clone(r.l.Log)
	r.l.Match, r.l.Known = slices.Clone(r.l.Match), slices.Clone(r.l.Known)
	r.input(in)
	out := &Outcome{Next: t.internLocal(r.l), Sent: r.sent, Broken: r.broken}
	out.Void = out.Next == s && len(out.Sent) == 0
	return out
}

func (r *toyRun) input(in Input) {
	switch in.Kind {
	case InputDeliver:
		r.deliver(r.t.message(MessageID(in.Arg)))
	case InputTimeout:
		r.campaign()
	case InputHeartbeat:
		r.broadcast()
	case InputPass:
		if in.Arg == 1 {
			r.broadcast()
		} else {
			r.campaign()
		}
	case InputPropose:
		e := EntryFact{Term: r.l.Term, Digest: uint64(in.Arg) + 1}
		r.l.Log = append(r.l.Log, e)
		r.l.Match[r.l.ID-1] = uint64(len(r.l.Log))
		r.commit()
		r.broadcast()
	case InputRead:
		if r.t.breakage == readsAtOnce || r.t.bounds.Voters == 1 {
			r.l.Reads = append(slices.Clone(r.l.Reads), ReadFact{Number: in.Arg, Index: uint64(len(r.l.Known))})
		}
	case InputCrash:
		r.crash(in.Arg)
	case InputRestart:
		r.l.Up = true
	}
}

func (r *toyRun) crash(torn uint32) {
	if torn > 0 {
		return
	}
	l := &r.l
	l.Up, l.Role, l.Votes, l.Commit = false, 0, nil, 0
	l.Match = make([]uint64, len(l.Match))
	if r.t.breakage == forgetsLog {
		l.Log = nil
	}
}

func (r *toyRun) send(to uint64, m toyMessage) {
	m.From, m.To, m.Term = r.l.ID, to, r.l.Term
	r.sent = append(r.sent, r.t.internMessage(m))
}

func (r *toyRun) lastTerm() uint64 {
	if n := len(r.l.Log); n > 0 {
		return r.l.Log[n-1].Term
	}
	return 0
}

func (r *toyRun) campaign() {
	if r.l.Role == 2 {
		return
	}
	r.l.Term++
	r.l.Role, r.l.Vote, r.l.Votes = 1, r.l.ID, []uint64{r.l.ID}
	for to := uint64(1); to <= uint64(r.t.Members()); to++ {
		if to != r.l.ID {
			r.send(to, toyMessage{Type: pb.MsgVote, Index: uint64(len(r.l.Log)), LogTerm: r.lastTerm()})
		}
	}
	r.win()
}

func (r *toyRun) win() {
	if len(r.l.Votes) <= r.t.Members()/2 {
		return
	}
	r.l.Role, r.l.Led = 2, r.l.Led|1<<r.l.Term
	r.l.Match = make([]uint64, len(r.l.Match))
	r.l.Match[r.l.ID-1] = uint64(len(r.l.Log))
	if r.t.breakage == breaksByItself && r.l.Term == 2 {
		r.broken = &trace.Violation{Property: "a step of its own", Detail: "led term 2"}
	}
}

func (r *toyRun) broadcast() {
	if r.l.Role != 2 {
		return
	}
	for to := uint64(1); to <= uint64(r.t.Members()); to++ {
		if to != r.l.ID {
			r.send(to, toyMessage{Type: pb.MsgApp, Log: slices.Clone(r.l.Log), Commit: r.l.Commit})
		}
	}
}

func (r *toyRun) deliver(m toyMessage) {
	l := &r.l
	if m.Term > l.Term {
		l.Term, l.Role, l.Vote, l.Votes = m.Term, 0, 0, nil
		l.Match = make([]uint64, len(l.Match))
	}
	if m.Term < l.Term {
		return
	}
	switch m.Type {
	case pb.MsgVote:
		r.vote(m)
	case pb.MsgVoteResp:
		if l.Role == 1 && m.Granted && !slices.Contains(l.Votes, m.From) {
			l.Votes = append(l.Votes, m.From)
			slices.Sort(l.Votes)
			r.win()
		}
	case pb.MsgApp:
		r.append(m)
	case pb.MsgAppResp:
		if l.Role == 2 && m.Index > l.Match[m.From-1] {
			l.Match[m.From-1] = m.Index
			r.commit()
		}
	}
}

func (r *toyRun) vote(m toyMessage) {
	upToDate := m.LogTerm > r.lastTerm() || m.LogTerm == r.lastTerm() && m.Index >= uint64(len(r.l.Log))
	free := r.l.Vote == 0 || r.l.Vote == m.From
	granted := (free || r.t.breakage == votesTwice && r.l.Role == 0) && (upToDate || r.t.breakage == ignoresLogs)
	if granted {
		r.l.Vote = m.From
	}
	r.send(m.From, toyMessage{Type: pb.MsgVoteResp, Granted: granted})
}

func (r *toyRun) append(m toyMessage) {
	l := &r.l
	for i, e := range m.Log {
		if r.t.breakage == sameTermOtherLog {
			e.Digest += 100 * l.ID
		}
		if i < len(l.Log) && l.Log[i] != e {
			l.Log = l.Log[:i]
		}
		if i >= len(l.Log) {
			l.Log = append(l.Log, e)
		}
	}
	r.know(max(l.Commit, min(m.Commit, len(m.Log))))
	r.send(m.From, toyMessage{Type: pb.MsgAppResp, Index: uint64(len(m.Log))})
}

func (r *toyRun) commit() {
	if r.l.Role != 2 {
		return
	}
	match := slices.Clone(r.l.Match)
	slices.Sort(match)
	n := int(match[(len(match)-1)/2])
	if r.t.breakage == commitsAlone {
		n = len(r.l.Log)
	}
	if n > r.l.Commit && (r.l.Log[n-1].Term == r.l.Term || r.t.breakage == commitsOld) {
		r.know(n)
	}
}

func (r *toyRun) know(n int) {
	r.l.Commit = n
	for i := len(r.l.Known); i < n && i < len(r.l.Log); i++ {
		r.l.Known = append(r.l.Known, r.l.Log[i])
		r.l.KnownIn = r.l.Term
	}
}

// String makes the toy's locals readable in failures.
func (l toyLocal) String() string {
	return fmt.Sprintf("%d up=%t role=%d term=%d vote=%d votes=%v log=%v match=%v commit=%d known=%v in %d led=%b reads=%v",
		l.ID, l.Up, l.Role, l.Term, l.Vote, l.Votes, l.Log, l.Match, l.Commit, l.Known, l.KnownIn, l.Led, l.Reads)
}
