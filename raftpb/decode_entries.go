// The decoder of the entries that follow one another in a Message. They are counted first, so that the slice is
// allocated once; and their data is copied by copying everything from the first data to the last, with the keys and
// numbers between them: one allocation and one move, which take less time than to move each entry's data by itself.

package raftpb

// readEntries appends the entries at in[at:], of which the first has its key there, and returns where they end: where
// another field or in does, or at an entry that is damaged.
func readEntries(entries *[]Entry, in []byte, at int, alias bool) int {
	n, end := countEntries(in, at)
	run := in[at:end]
	var held []byte // run, from base on, as the entries may hold it
	base := 0
	if alias {
		held = run
	}
	first := len(*entries)
	*entries = extend(*entries, n)
	for i, place := first, 0; i < len(*entries); i++ {
		e := &(*entries)[i]
		size, body := varint2(run, place+1)
		if body == 0 {
			size, body = varint(run, place+1)
		}
		next := body + int(size)
		data := readEntry(e, run[:next], body)
		if data == 0 && !e.read(run[body:next], alias) {
			*entries = (*entries)[:i]
			return at + place
		}
		if data != 0 && data < next {
			if held == nil {
				base, held = data, clone(run[data:])
			}
			e.Data = held[data-base : next-base : next-base]
		}
		place = next
	}
	return end
}

// countEntries returns how many entries follow one another at in[at:], as far as they are all there, and where they
// end.
func countEntries(in []byte, at int) (n, end int) {
	for at < len(in) && in[at] == keyEntries {
		size, body := varint2(in, at+1)
		if body == 0 {
			size, body = varint(in, at+1)
		}
		if body == 0 || size > uint64(len(in)-body) {
			break
		}
		at = body + int(size)
		n++
	}
	return n, at
}

// extend returns entries with n zero ones behind them, in place if there is room.
func extend(entries []Entry, n int) []Entry {
	have := len(entries)
	if have+n <= cap(entries) {
		entries = entries[:have+n]
		clear(entries[have:])
		return entries
	}
	room := make([]Entry, have+n)
	copy(room, entries)
	return room
}

// readEntry reads the entry in[at:] into e, which is zero, if its fields are in order, and returns where the bytes of
// Data begin, which end with in. That is the end of in if there are none. It returns 0, and what e holds means
// nothing, if the entry is anything else than four fields in the order of their numbers.
func readEntry(e *Entry, in []byte, at int) int {
	var kind, term, index uint64
	if at+4 < len(in) && in[at] == keyEntryType && in[at+1] < 0x80 && in[at+2] == keyEntryTerm && in[at+3] < 0x80 {
		kind, term = uint64(in[at+1]), uint64(in[at+3])
		at += 4
	} else {
		at = readShort(in, at, keyEntryType, &kind)
		at = readLong(in, at, keyEntryTerm, &term)
	}
	if at < len(in) && in[at] == keyEntryIndex {
		if index, at = varint(in, at+1); at == 0 {
			return 0
		}
	}
	e.Type, e.Term, e.Index = EntryType(kind), term, index
	if at == len(in) {
		return at
	}
	if in[at] != keyEntryData {
		return 0
	}
	size, data := varint2(in, at+1)
	if data == 0 {
		size, data = varint(in, at+1)
	}
	if data == 0 || size != uint64(len(in)-data) {
		return 0
	}
	if size == 0 {
		e.Data = []byte{}
	}
	return data
}

// read reads an entry of any form into e and reports whether it is without error.
func (m *Entry) read(in []byte, alias bool) bool {
	*m = Entry{}
	c := cursor{in: in, alias: alias}
	c.entry(m)
	return c.err == nil
}
