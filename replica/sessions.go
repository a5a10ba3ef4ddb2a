// Client sessions: what makes a command that a client proposes again, since it does not know what became of it, be applied
// once (thesis §6.3). A session is the index of the entry that opened it. Its commands are numbered, and the
// table keeps their results until the client says that it has them.

package replica

import (
	"slices"
	"sort"
)

// maxInFlight is how many commands of a session can be without an acknowledgement by the client. A command whose number is
// that much above the lowest such is refused.
const maxInFlight = 1024

// A sessionVerdict says what is to be done with a session's command.
type sessionVerdict uint8

const (
	// commandNew is to be applied, and then recorded.
	commandNew sessionVerdict = iota
	// commandPending is being applied already: the same command was found new, and not yet recorded, earlier in the
	// same batch. Its result is the result.
	commandPending
	// commandDone was applied before; its result is known.
	commandDone
	// commandForgotten is a late repetition of a command whose result the client has. It must not be applied.
	commandForgotten
	// commandRefused is too far ahead of what the client acknowledges. It must not be applied, now or later.
	commandRefused
	// sessionUnknown says that the session was closed, or evicted, or never opened. The command must not be applied.
	sessionUnknown
)

// A sessionTable is the sessions of a group. It is a deterministic data structure: the same calls in the same order lead
// to the same table on every member, and to the same bytes. It knows neither time nor locks. Its methods take indexes of
// log entries, which ascend from call to call; all that concern one entry take the same.
//
// Costs: all of a command's calls together take constant time, apart from that repeated or reordered numbers cost a search.
//
// Invariant: sessions has the elements of the list from oldest to newest, and used ascends along it.
type sessionTable struct {
	sessions       map[uint64]*clientSession
	oldest, newest *clientSession
	pending        int // commands found new and not recorded yet
	log            changeLog
}

// A clientSession is what the table knows of one session.
//
// Invariant: results ascend by number, and all numbers are in [low, low+maxInFlight).
type clientSession struct {
	id      uint64
	used    uint64 // index of the last entry that used it
	low     uint64 // the client has the results of all commands below
	results resultQueue
	change  changeMark

	older, newer *clientSession
}

// A sessionResult is what became of one command.
type sessionResult struct {
	seq   uint64
	index uint64 // of the entry by which it was applied
	// data is the state machine's result, nil if that is empty. It must not be written to.
	data []byte

	pending bool
	change  changeMark
}

func newSessionTable() *sessionTable {
	return &sessionTable{sessions: map[uint64]*clientSession{}}
}

// len returns how many sessions are open.
func (t *sessionTable) len() int { return len(t.sessions) }

// open opens the session that has the entry's index as its ID. Those that were not used for the longest time are evicted
// until at most maxSessions, and at least the new one, are left; it returns them, in the order of their last use.
func (t *sessionTable) open(index, maxSessions uint64) (evicted []uint64) {
	if t.sessions[index] != nil {
		return nil
	}
	s := &clientSession{id: index, used: index, low: 1}
	t.sessions[index] = s
	t.pushNewest(s)
	t.log.sessionChanged(s)
	for uint64(len(t.sessions)) > max(maxSessions, 1) {
		evicted = append(evicted, t.oldest.id)
		t.remove(t.oldest)
	}
	return evicted
}

// close forgets a session and its results. It reports whether it was open.
func (t *sessionTable) close(session uint64) bool {
	s := t.sessions[session]
	if s == nil {
		return false
	}
	t.remove(s)
	return true
}

// use says what is to be done with a command, found in the entry at index. It counts as a use of the session, and as the
// client's word that it has all results below low, which are forgotten. If it says commandNew the caller has to record
// the result before it asks for changes, records or the encoding; other calls of use, open and close may come between.
// The result is meaningful for commandDone alone.
func (t *sessionTable) use(index, session, seq, low uint64) (sessionVerdict, sessionResult) {
	s := t.sessions[session]
	if s == nil {
		return sessionUnknown, sessionResult{}
	}
	t.touch(s, index)
	if low = min(low, seq); low > s.low {
		s.low = low
		t.forgetBelow(s, low)
	}
	if seq < s.low {
		return commandForgotten, sessionResult{}
	}
	if seq-s.low >= maxInFlight {
		return commandRefused, sessionResult{}
	}
	at, known := s.results.find(seq)
	if !known {
		s.results.insert(at, sessionResult{seq: seq, index: index, pending: true})
		t.pending++
		return commandNew, sessionResult{}
	}
	result := s.results.at(at)
	if result.pending {
		return commandPending, sessionResult{}
	}
	return commandDone, *result
}

// record keeps the result of a command that use found new. It keeps nothing if the client has acknowledged it meanwhile, or
// the session is no longer there.
func (t *sessionTable) record(session, seq uint64, data []byte) {
	s := t.sessions[session]
	if s == nil {
		return
	}
	at, known := s.results.find(seq)
	if !known {
		return
	}
	result := s.results.at(at)
	if !result.pending {
		return
	}
	t.pending--
	result.pending = false
	if len(data) > 0 {
		result.data = data
	}
	t.log.resultAdded(s, result)
}

// touch makes a session the one that was used last.
func (t *sessionTable) touch(s *clientSession, index uint64) {
	s.used = index
	t.log.sessionChanged(s)
	if t.newest == s {
		return
	}
	t.unlink(s)
	t.pushNewest(s)
}

// forgetBelow drops the results of numbers below low.
func (t *sessionTable) forgetBelow(s *clientSession, low uint64) {
	n, _ := s.results.find(low)
	for i := range n {
		t.forget(s, s.results.at(i))
	}
	s.results.dropFirst(n)
}

func (t *sessionTable) forget(s *clientSession, result *sessionResult) {
	if result.pending {
		t.pending--
		return
	}
	t.log.resultRemoved(s, result)
}

func (t *sessionTable) remove(s *clientSession) {
	for i := range s.results.len() {
		t.forget(s, s.results.at(i))
	}
	t.log.sessionRemoved(s)
	t.unlink(s)
	delete(t.sessions, s.id)
}

func (t *sessionTable) pushNewest(s *clientSession) {
	s.older, s.newer = t.newest, nil
	if t.newest == nil {
		t.oldest = s
	} else {
		t.newest.newer = s
	}
	t.newest = s
}

func (t *sessionTable) unlink(s *clientSession) {
	if s.older == nil {
		t.oldest = s.newer
	} else {
		s.older.newer = s.newer
	}
	if s.newer == nil {
		t.newest = s.older
	} else {
		s.newer.older = s.older
	}
	s.older, s.newer = nil, nil
}

// A resultQueue is results in ascending order of their numbers. Most come at the end and leave at the front, either in
// amortised constant time, and without allocating as long as as many come as leave.
//
// Invariant: 0 <= first <= len(list); what is before first is zero.
type resultQueue struct {
	list  []sessionResult
	first int
}

func (q *resultQueue) len() int                { return len(q.list) - q.first }
func (q *resultQueue) at(i int) *sessionResult { return &q.list[q.first+i] }

// find returns where the result of a number is or belongs.
func (q *resultQueue) find(seq uint64) (at int, known bool) {
	if q.len() == 0 || q.at(q.len()-1).seq < seq {
		return q.len(), false
	}
	at = sort.Search(q.len(), func(i int) bool { return q.at(i).seq >= seq })
	return at, q.at(at).seq == seq
}

func (q *resultQueue) insert(at int, result sessionResult) {
	if len(q.list) == cap(q.list) && 2*q.first >= len(q.list) && q.first > 0 {
		n := copy(q.list, q.list[q.first:])
		clear(q.list[n:])
		q.list, q.first = q.list[:n], 0
	}
	q.list = slices.Insert(q.list, q.first+at, result)
}

func (q *resultQueue) dropFirst(n int) {
	clear(q.list[q.first : q.first+n])
	q.first += n
	if q.first == len(q.list) {
		q.list, q.first = q.list[:0], 0
	}
}
