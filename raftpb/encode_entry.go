// The encoder of entries, alone and in a Message.

package raftpb

// Size returns how many bytes m takes when it is encoded.
func (m *Entry) Size() int {
	if m == nil {
		return 0
	}
	size := m.headSize()
	if m.Data != nil {
		size += nestedSize(len(m.Data))
	}
	return size
}

// headSize returns the size of all fields but Data. Type and Term are nearly always below 128.
func (m *Entry) headSize() int {
	size := 3 + varintSize(m.Index)
	if uint64(m.Type)|m.Term < 0x80 {
		return size + 2
	}
	return size + varintSize(uint64(m.Type)) + varintSize(m.Term)
}

// Marshal returns the encoding of m. The error is always nil.
func (m *Entry) Marshal() ([]byte, error) {
	b := make([]byte, m.Size())
	m.put(b)
	return b, nil
}

// MarshalTo encodes m into b and returns how many bytes that took. It panics if b has not the capacity for them, which
// Size tells. Nothing behind them is written to. The error is always nil.
func (m *Entry) MarshalTo(b []byte) (int, error) {
	return m.put(b[:cap(b)]), nil
}

// MarshalToSizedBuffer encodes m into the end of b and returns how many bytes that took. It panics if b is not long
// enough. Nothing before them is written to. The error is always nil.
func (m *Entry) MarshalToSizedBuffer(b []byte) (int, error) {
	return m.put(b[len(b)-m.Size():]), nil
}

// put encodes m into b and returns how many bytes that took.
func (m *Entry) put(b []byte) int {
	at := putNumber(b, 0, keyEntryType, uint64(m.Type))
	at = putNumber(b, at, keyEntryTerm, m.Term)
	at = putNumber(b, at, keyEntryIndex, m.Index)
	if m.Data != nil {
		at = putLength(b, at, keyEntryData, len(m.Data))
		at += copy(b[at:at+len(m.Data)], m.Data)
	}
	return at
}

// putEntries writes entries as fields of a Message to b[at:] and returns where they end. It is Size and put in one, with
// the length between them: as calls for each entry they take a quarter more time.
func putEntries(b []byte, at int, entries []Entry) int {
	for i := range entries {
		e := &entries[i]
		size := e.headSize()
		if e.Data != nil {
			size += nestedSize(len(e.Data))
		}
		at = putLength(b, at, keyEntries, size)
		if uint64(e.Type)|e.Term < 0x80 {
			four := (*[4]byte)(b[at : at+4])
			four[0], four[1], four[2], four[3] = keyEntryType, byte(e.Type), keyEntryTerm, byte(e.Term)
			at += 4
		} else {
			at = putNumber(b, at, keyEntryType, uint64(e.Type))
			at = putNumber(b, at, keyEntryTerm, e.Term)
		}
		at = putNumber(b, at, keyEntryIndex, e.Index)
		if e.Data != nil {
			at = putLength(b, at, keyEntryData, len(e.Data))
			at += copy(b[at:at+len(e.Data)], e.Data)
		}
	}
	return at
}
