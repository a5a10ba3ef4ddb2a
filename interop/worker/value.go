//go:build !etcd37

package main

// A library whose messages, entries and states are values.

// marshaler is one of them, by its address.
type marshaler interface{ Marshal() ([]byte, error) }

var noSnapshot snapshot

func encode(v marshaler) ([]byte, error)                { return v.Marshal() }
func encodeMessage(m message) ([]byte, error)           { return m.Marshal() }
func encodeEntry(e entry) ([]byte, error)               { return e.Marshal() }
func encodeHardState(hs hardState) ([]byte, error)      { return hs.Marshal() }
func encodeSnapshot(snap snapshot) ([]byte, error)      { return snap.Marshal() }
func isEmptyHardState(hs hardState) bool                { return hs == hardState{} }
func isEmptySnapshot(s snapshot) bool                   { return s.Metadata.Index == 0 }
func fieldsOf(hs hardState) (term, vote, commit uint64) { return hs.Term, hs.Vote, hs.Commit }

func decodeMessage(b []byte) (m message, err error) {
	err = m.Unmarshal(b)
	return m, err
}

func decodeHardState(b []byte) (hs hardState, err error) {
	err = hs.Unmarshal(b)
	return hs, err
}

func decodeConfState(b []byte) (cs confState, err error) {
	err = cs.Unmarshal(b)
	return cs, err
}

func decodeSnapshot(b []byte) (snap snapshot, err error) {
	err = snap.Unmarshal(b)
	return snap, err
}

func decodeEntries(list [][]byte) ([]entry, error) {
	entries := make([]entry, len(list))
	for i, b := range list {
		if err := entries[i].Unmarshal(b); err != nil {
			return nil, err
		}
	}
	return entries, nil
}

func decodeChange(oldForm bool, b []byte) (confChangeI, error) {
	if oldForm {
		var cc confChange
		err := cc.Unmarshal(b)
		return cc, err
	}
	var cc confChangeV2
	err := cc.Unmarshal(b)
	return cc, err
}

// newSnapshot returns a snapshot that stands for the log up to an entry.
func newSnapshot(index, term uint64) (snap snapshot) {
	snap.Metadata.Index, snap.Metadata.Term = index, term
	return snap
}
