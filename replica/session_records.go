// How a sessionTable is kept: by a DurableStateMachine as records, of which only those that have changed are written
// (thesis §6.3), and in snapshots as one piece.

package replica

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
)

// A changeLog collects what has changed in a sessionTable since records were last made. Each record is in it once, where
// it changed first. What came and went in between is not in it.
//
// Invariant: it is empty unless on.
type changeLog struct {
	on      bool
	changes []sessionChange
}

// A sessionChange is about the record of a session, or of a result if seq is not 0.
type sessionChange struct {
	what    changeKind
	id, seq uint64
	// The one that the record is made of, unless it is deleted.
	session *clientSession
	index   uint64
	data    []byte
}

type changeKind uint8

const (
	changeVoid changeKind = iota // undone
	changePut
	changeDelete
)

// A changeMark is where a session or a result is in the changeLog, and whether a record of it exists. While the log is on
// one or the other is so, apart from results that are pending.
type changeMark struct {
	at     int // 1 + the index of the change, 0 if there is none
	stored bool
}

func (l *changeLog) sessionChanged(s *clientSession) {
	if !l.on || s.change.at > 0 {
		return
	}
	l.changes = append(l.changes, sessionChange{what: changePut, id: s.id, session: s})
	s.change.at = len(l.changes)
}

func (l *changeLog) sessionRemoved(s *clientSession) {
	l.removed(s.change, sessionChange{what: changeDelete, id: s.id})
}

func (l *changeLog) resultAdded(s *clientSession, r *sessionResult) {
	if !l.on {
		return
	}
	l.changes = append(l.changes, sessionChange{what: changePut, id: s.id, seq: r.seq, index: r.index, data: r.data})
	r.change.at = len(l.changes)
}

func (l *changeLog) resultRemoved(s *clientSession, r *sessionResult) {
	l.removed(r.change, sessionChange{what: changeDelete, id: s.id, seq: r.seq})
}

// removed puts a deletion in place of the change that mark shows, or at the end; or undoes that change if there is no
// record to delete.
func (l *changeLog) removed(mark changeMark, deletion sessionChange) {
	if !l.on {
		return
	}
	if !mark.stored {
		deletion = sessionChange{}
	}
	if mark.at > 0 {
		l.changes[mark.at-1] = deletion
		return
	}
	l.changes = append(l.changes, deletion)
}

// changes returns the records that have changed since the last call of changes, records or load, in the order in which they
// changed first. Before the first call of records or load it returns none.
func (t *sessionTable) changes() []Record {
	t.checkSettled()
	n, size := 0, 0
	for i := range t.log.changes {
		if c := &t.log.changes[i]; c.what != changeVoid {
			n++
			size += c.keySize() + c.valueSize()
		}
	}
	if n == 0 {
		t.settle()
		return nil
	}
	records, buf := make([]Record, 0, n), make([]byte, 0, size)
	for i := range t.log.changes {
		c := &t.log.changes[i]
		if c.what == changeVoid {
			continue
		}
		var r Record
		r, buf = c.appendRecord(buf)
		records = append(records, r)
	}
	t.settle()
	return records
}

// records returns all records of the table, as after a Restore, which has removed what was stored. Changes go on from there.
func (t *sessionTable) records() []Record {
	t.checkSettled()
	t.log = changeLog{on: true}
	for s := t.oldest; s != nil; s = s.newer {
		s.change = changeMark{}
		t.log.sessionChanged(s)
		for i := range s.results.len() {
			s.results.at(i).change = changeMark{}
			t.log.resultAdded(s, s.results.at(i))
		}
	}
	return t.changes()
}

// settle notes that all that has changed is stored, and empties the log.
func (t *sessionTable) settle() {
	for i := range t.log.changes {
		c := &t.log.changes[i]
		if c.what != changePut {
			continue
		}
		s := t.sessions[c.id]
		if c.seq == 0 {
			s.change = changeMark{stored: true}
			continue
		}
		at, _ := s.results.find(c.seq)
		s.results.at(at).change = changeMark{stored: true}
	}
	clear(t.log.changes)
	t.log.changes = t.log.changes[:0]
}

// checkSettled panics if the caller has not recorded what it has to.
func (t *sessionTable) checkSettled() {
	if t.pending > 0 {
		panic(fmt.Sprintf("replica: the sessions were to be stored while the results of %d commands are not recorded; "+
			"this is a bug of package replica", t.pending))
	}
}

func (c *sessionChange) keySize() int {
	if c.seq == 0 {
		return 1 + 8
	}
	return 1 + 8 + 8
}

func (c *sessionChange) valueSize() int {
	switch {
	case c.what == changeDelete:
		return 0
	case c.seq == 0:
		return uvarintSize(c.session.used) + uvarintSize(c.session.low)
	default:
		return uvarintSize(c.index) + len(c.data)
	}
}

// appendRecord makes the record, with its bytes at the end of buf, which has the capacity for them.
func (c *sessionChange) appendRecord(buf []byte) (Record, []byte) {
	begin := len(buf)
	if c.seq == 0 {
		buf = append(buf, recordSession)
		buf = binary.BigEndian.AppendUint64(buf, c.id)
	} else {
		buf = append(buf, recordResult)
		buf = binary.BigEndian.AppendUint64(buf, c.id)
		buf = binary.BigEndian.AppendUint64(buf, c.seq)
	}
	middle := len(buf)
	if c.what == changeDelete {
		return Record{Key: buf[begin:middle:middle]}, buf
	}
	if c.seq == 0 {
		buf = binary.AppendUvarint(buf, c.session.used)
		buf = binary.AppendUvarint(buf, c.session.low)
	} else {
		buf = binary.AppendUvarint(buf, c.index)
		buf = append(buf, c.data...)
	}
	return Record{Key: buf[begin:middle:middle], Value: buf[middle:len(buf):len(buf)]}, buf
}

// loadSessions makes a table of stored records, in whatever order, and has it collect changes. Records about something
// else are left out. It keeps nothing of the records' memory.
func loadSessions(records []Record) (*sessionTable, error) {
	var sessions []*clientSession
	results := map[uint64][]sessionResult{}
	for _, record := range records {
		if len(record.Key) == 0 {
			continue
		}
		switch record.Key[0] {
		case recordSession:
			s, err := sessionOf(record)
			if err != nil {
				return nil, err
			}
			sessions = append(sessions, s)
		case recordResult:
			id, result, err := resultOf(record)
			if err != nil {
				return nil, err
			}
			results[id] = append(results[id], result)
		}
	}
	slices.SortFunc(sessions, func(a, b *clientSession) int { return cmp.Compare(a.used, b.used) })
	t := newSessionTable()
	t.log.on = true
	for _, s := range sessions {
		s.results.list = results[s.id]
		slices.SortFunc(s.results.list, func(a, b sessionResult) int { return cmp.Compare(a.seq, b.seq) })
		delete(results, s.id)
		if err := t.add(s); err != nil {
			return nil, err
		}
	}
	if len(results) > 0 {
		return nil, fmt.Errorf("session records: there are results of %d sessions that do not exist", len(results))
	}
	return t, nil
}

func sessionOf(record Record) (*clientSession, error) {
	key := fieldReader{what: "key of a session record", data: record.Key, at: 1}
	s := &clientSession{id: key.bigEndian("session"), change: changeMark{stored: true}}
	if err := key.done(); err != nil {
		return nil, err
	}
	value := fieldReader{what: fmt.Sprintf("record of session %d", s.id), data: record.Value}
	s.used = value.uvarint("last use")
	s.low = value.uvarint("lowest number without an answer")
	return s, value.done()
}

func resultOf(record Record) (session uint64, result sessionResult, err error) {
	key := fieldReader{what: "key of a session's result", data: record.Key, at: 1}
	session, result.seq = key.bigEndian("session"), key.bigEndian("sequence number")
	if err := key.done(); err != nil {
		return 0, sessionResult{}, err
	}
	value := fieldReader{what: fmt.Sprintf("result %d of session %d", result.seq, session), data: record.Value}
	result.index = value.uvarint("index")
	result.data = copyResult(value.rest())
	result.change.stored = true
	return session, result, value.done()
}

// copyResult returns a result in memory of its own: nil if it is empty.
func copyResult(data []byte) []byte {
	if len(data) == 0 {
		return nil
	}
	return bytes.Clone(data)
}

// add enters a session that was stored, the one used last so far, if it is as a session can be.
func (t *sessionTable) add(s *clientSession) error {
	switch {
	case t.sessions[s.id] != nil:
		return fmt.Errorf("sessions: session %d is there twice", s.id)
	case s.id == 0 || s.used < s.id:
		return fmt.Errorf("sessions: session %d was last used by the entry at index %d, before it was opened", s.id, s.used)
	case t.newest != nil && t.newest.used >= s.used:
		return fmt.Errorf("sessions: sessions %d and %d do not have ascending indexes of their last use", t.newest.id, s.id)
	case s.low == 0:
		return fmt.Errorf("sessions: session %d lacks the lowest number without an answer", s.id)
	}
	before := s.low - 1
	for i := range s.results.len() {
		r := s.results.at(i)
		if r.seq <= before || r.seq-s.low >= maxInFlight {
			return fmt.Errorf("sessions: session %d, which waits for answers from %d on, has a result %d after that of %d",
				s.id, s.low, r.seq, before)
		}
		if r.index <= s.id || r.index > s.used {
			return fmt.Errorf("sessions: result %d of session %d has index %d, but the session was used from %d to %d",
				r.seq, s.id, r.index, s.id, s.used)
		}
		before = r.seq
	}
	t.sessions[s.id] = s
	t.pushNewest(s)
	return nil
}

// encode returns the whole table as bytes: the same for equal tables.
func (t *sessionTable) encode() []byte {
	t.checkSettled()
	size := uvarintSize(uint64(len(t.sessions)))
	for s := t.oldest; s != nil; s = s.newer {
		size += uvarintSize(s.id) + uvarintSize(s.used) + uvarintSize(s.low) + uvarintSize(uint64(s.results.len()))
		for i := range s.results.len() {
			r := s.results.at(i)
			size += uvarintSize(r.seq-s.low) + uvarintSize(r.index) + blockSize(len(r.data))
		}
	}
	b := binary.AppendUvarint(make([]byte, 0, size), uint64(len(t.sessions)))
	for s := t.oldest; s != nil; s = s.newer {
		b = binary.AppendUvarint(b, s.id)
		b = binary.AppendUvarint(b, s.used)
		b = binary.AppendUvarint(b, s.low)
		b = binary.AppendUvarint(b, uint64(s.results.len()))
		for i := range s.results.len() {
			r := s.results.at(i)
			b = binary.AppendUvarint(b, r.seq-s.low)
			b = binary.AppendUvarint(b, r.index)
			b = appendBlock(b, r.data)
		}
	}
	return b
}

// decodeSessions reads what encode returned, and keeps nothing of its memory. The table does not collect changes before
// records is called.
func decodeSessions(data []byte) (*sessionTable, error) {
	r := fieldReader{what: "sessions", data: data}
	t := newSessionTable()
	for range r.count("number of sessions", 4) {
		s := &clientSession{id: r.uvarint("session"), used: r.uvarint("last use")}
		s.low = r.uvarint("lowest number without an answer")
		s.results.list = r.results(s.low)
		if r.err != nil {
			return nil, r.err
		}
		if err := t.add(s); err != nil {
			return nil, err
		}
	}
	if err := r.done(); err != nil {
		return nil, err
	}
	return t, nil
}

func (r *fieldReader) results(low uint64) []sessionResult {
	n := r.count("number of results", 3)
	if n == 0 {
		return nil
	}
	if n > maxInFlight {
		r.fail("number of results", fmt.Sprintf("is %d, more than %d", n, maxInFlight))
		return nil
	}
	list := make([]sessionResult, 0, n)
	for range n {
		seq := r.uvarint("sequence number")
		if seq >= maxInFlight {
			r.fail("sequence number", "is too high")
		}
		result := sessionResult{seq: low + seq, index: r.uvarint("index")}
		result.data = copyResult(r.block("result"))
		list = append(list, result)
	}
	return list
}

// bigEndian is fixed64 as keys have it, so that their order is that of the numbers.
func (r *fieldReader) bigEndian(field string) uint64 {
	if r.remaining() < 8 {
		r.fail(field, "is cut short")
		return 0
	}
	r.at += 8
	return binary.BigEndian.Uint64(r.data[r.at-8:])
}
