package raft

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	pb "github.com/seed695671cb/raft/raftpb"
)

// The commands of scripts that print a state, and the check of what must hold among all members.

func (s *script) printf(format string, args ...any) { fmt.Fprintf(&s.out, format+"\n", args...) }

// roleName is the role as a word.
func roleName(state StateType) string {
	switch state {
	case StateLeader:
		return "leader"
	case StateCandidate:
		return "candidate"
	case StatePreCandidate:
		return "pre-candidate"
	default:
		return "follower"
	}
}

// cmdStatus prints a line for each member: status [ids].
func (s *script) cmdStatus(a *scriptArgs) {
	for _, id := range a.ids() {
		r := s.c.raft(id)
		b := s.c.members[id].rn.BasicStatus()
		line := fmt.Sprintf("%d %s term=%d vote=%d lead=%d commit=%d applied=%d last=%s",
			id, roleName(b.RaftState), b.Term, b.Vote, b.Lead, b.Commit, b.Applied, r.log.lastID())
		if b.LeadTransferee != None {
			line += fmt.Sprintf(" transferee=%d", b.LeadTransferee)
		}
		s.printf("%s", line)
	}
}

// cmdDescribe prints the status of a member in the forms that the library has for it: describe 1 text|json|progress.
func (s *script) cmdDescribe(a *scriptArgs) {
	m := s.member(a)
	switch form := a.word("text, json or progress"); form {
	case "text":
		s.printf("%s", DescribeStatus(m.rn.Status()))
	case "json":
		text, err := json.Marshal(m.rn.Status())
		s.printError(err)
		s.printf("%s", text)
	case "progress":
		m.rn.WithProgress(func(id uint64, typ ProgressType, pr Progress) {
			s.printf("%d: learner=%t %s", id, typ == ProgressTypeLearner, pr.String())
		})
	default:
		a.fatalf("want text, json or progress, not %q", form)
	}
}

// cmdMembers prints the configuration in force at each member: members [ids].
func (s *script) cmdMembers(a *scriptArgs) {
	for _, id := range a.ids() {
		s.printf("%d: %s", id, DescribeConfState(s.c.raft(id).membership.ConfState()))
	}
}

// cmdProgress prints what a leader knows of each member, or of those named: progress 1 [of...].
func (s *script) cmdProgress(a *scriptArgs) {
	m := s.member(a)
	var of []uint64
	for a.more() {
		of = append(of, a.number("a member's ID"))
	}
	progress := m.rn.Status().Progress
	if progress == nil {
		s.printf("no leader, no progress")
		return
	}
	if len(of) == 0 {
		for _, member := range m.rn.raft.membership.Members {
			of = append(of, member.ID)
		}
	}
	for _, id := range of {
		p, ok := progress[id]
		if !ok {
			s.printf("%d: no member", id)
			continue
		}
		s.printf("%d: %s", id, p.String())
	}
}

// cmdLog prints the log of a member, in memory and on disk, after what was compacted: log 1 [from].
func (s *script) cmdLog(a *scriptArgs) {
	r := s.c.raft(a.id())
	lo := r.log.firstIndex()
	if a.more() {
		lo = max(lo, a.number("an index"))
	} else {
		s.printf("%s compacted", r.log.identify(lo-1))
	}
	err := r.log.scan(lo, r.log.lastIndex()+1, noEncodedLimit, func(ents []pb.Entry) bool {
		s.out.WriteString(DescribeEntries(ents, plainPayload))
		return true
	})
	s.printError(err)
}

// cmdDisk prints what a member has durably: disk 1.
func (s *script) cmdDisk(a *scriptArgs) {
	m := s.member(a)
	hs, _, err := m.storage.InitialState()
	s.printError(err)
	last, err := m.storage.LastIndex()
	s.printError(err)
	term, err := m.storage.Term(last)
	s.printError(err)
	snap, err := m.storage.Snapshot()
	s.printError(err)
	s.printf("%s; snapshot %s; last %s", DescribeHardState(hs), DescribeSnapshot(snap), entryID{term: term, index: last})
}

// cmdApplied prints the data that members have applied since their last snapshot: applied [ids].
func (s *script) cmdApplied(a *scriptArgs) {
	for _, id := range a.ids() {
		s.printf("%d: %s", id, strings.Join(s.c.data(id), " "))
	}
}

// cmdReads prints the reads answered and lost since the last time: reads [ids].
func (s *script) cmdReads(a *scriptArgs) {
	for _, id := range a.ids() {
		m := s.c.members[id]
		for _, rs := range m.reads {
			s.printf("%d: read %q at %d", id, rs.RequestCtx, rs.Index)
		}
		for _, lost := range m.lost {
			s.printf("%d: lost %q: %v", id, lost.RequestCtx, lost.Reason)
		}
		if len(m.reads)+len(m.lost) == 0 {
			s.printf("%d: none", id)
		}
		m.reads, m.lost = nil, nil
	}
}

// cmdLease prints whether a leader holds its lease: lease 1.
func (s *script) cmdLease(a *scriptArgs) {
	r := s.c.raft(a.id())
	if r.leading == nil {
		s.printf("no leader, no lease")
		return
	}
	s.printf("lease held: %t", r.leaseHeld())
}

// ledger remembers what has been seen of all members, to find contradictions between them.
type ledger struct {
	// leaders are the leaders by term.
	leaders map[uint64]uint64
	// committed are the entries that were committed anywhere, by index.
	committed map[uint64]pb.Entry
	// checked is how far each member's log was compared.
	checked map[uint64]uint64
}

func newLedger() ledger {
	return ledger{
		leaders:   map[uint64]uint64{},
		committed: map[uint64]pb.Entry{},
		checked:   map[uint64]uint64{},
	}
}

// forget has a member's whole log compared again.
func (l *ledger) forget(id uint64) { delete(l.checked, id) }

// check returns an error if a term has two leaders (Raft §5.2), or an index two committed entries (Raft §5.4.3).
func (l *ledger) check(c *cluster) error {
	for _, id := range c.ids {
		r := c.raft(id)
		if r.state == StateLeader {
			if other, ok := l.leaders[r.term]; ok && other != id {
				return fmt.Errorf("members %d and %d lead in term %d", other, id, r.term)
			}
			l.leaders[r.term] = id
		}
		if err := l.checkCommitted(id, r); err != nil {
			return err
		}
	}
	return nil
}

func (l *ledger) checkCommitted(id uint64, r *raft) error {
	lo := max(l.checked[id]+1, r.log.firstIndex())
	if lo > r.log.committed {
		return nil
	}
	var found error
	err := r.log.scan(lo, r.log.committed+1, noEncodedLimit, func(ents []pb.Entry) bool {
		for _, e := range ents {
			seen, ok := l.committed[e.Index]
			if ok && (seen.Term != e.Term || seen.Type != e.Type || !bytes.Equal(seen.Data, e.Data)) {
				found = fmt.Errorf("member %d has committed %s, another one %s", id, DescribeEntry(e, plainPayload), DescribeEntry(seen, plainPayload))
				return false
			}
			l.committed[e.Index] = e
		}
		return true
	})
	l.checked[id] = r.log.committed
	if found != nil {
		return found
	}
	return err
}
