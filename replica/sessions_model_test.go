package replica

import "sort"

// sessionModel is the slow twin of sessionTable: maps, and a search for whatever is wanted.
type sessionModel struct {
	sessions map[uint64]*modelSession
}

type modelSession struct {
	used, low uint64
	results   map[uint64]string
}

func (m *sessionModel) order() []uint64 {
	var ids []uint64
	for id := range m.sessions {
		ids = append(ids, id)
	}
	sort.Slice(ids, func(i, j int) bool { return m.sessions[ids[i]].used < m.sessions[ids[j]].used })
	return ids
}

func (m *sessionModel) lowOf(session uint64) uint64 {
	if s := m.sessions[session]; s != nil {
		return s.low
	}
	return 1
}

func (m *sessionModel) open(index, bound uint64) []uint64 {
	m.sessions[index] = &modelSession{used: index, low: 1, results: map[uint64]string{}}
	var evicted []uint64
	for uint64(len(m.sessions)) > bound {
		id := m.order()[0]
		evicted = append(evicted, id)
		delete(m.sessions, id)
	}
	return evicted
}

func (m *sessionModel) close(session uint64) bool {
	_, open := m.sessions[session]
	delete(m.sessions, session)
	return open
}

func (m *sessionModel) command(index, session, seq, low uint64, result []byte) (sessionVerdict, string) {
	s := m.sessions[session]
	if s == nil {
		return sessionUnknown, ""
	}
	s.used = index
	for s.low < low && s.low < seq {
		delete(s.results, s.low)
		s.low++
	}
	known, done := s.results[seq]
	switch {
	case seq < s.low:
		return commandForgotten, ""
	case seq > s.low+maxInFlight-1:
		return commandRefused, ""
	case done:
		return commandDone, known
	}
	s.results[seq] = string(result)
	return commandNew, ""
}
