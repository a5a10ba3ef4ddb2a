// Fuzz targets for everything here that reads what a peer, a disk or a person wrote. Seeds are the golden encodings.

package raftpb

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
)

func FuzzEntryUnmarshal(f *testing.F)            { fuzzUnmarshal(f, "Entry") }
func FuzzSnapshotMetadataUnmarshal(f *testing.F) { fuzzUnmarshal(f, "SnapshotMetadata") }
func FuzzSnapshotUnmarshal(f *testing.F)         { fuzzUnmarshal(f, "Snapshot") }
func FuzzMessageUnmarshal(f *testing.F)          { fuzzUnmarshal(f, "Message") }
func FuzzHardStateUnmarshal(f *testing.F)        { fuzzUnmarshal(f, "HardState") }
func FuzzConfStateUnmarshal(f *testing.F)        { fuzzUnmarshal(f, "ConfState") }
func FuzzConfChangeUnmarshal(f *testing.F)       { fuzzUnmarshal(f, "ConfChange") }
func FuzzConfChangeSingleUnmarshal(f *testing.F) { fuzzUnmarshal(f, "ConfChangeSingle") }
func FuzzConfChangeV2Unmarshal(f *testing.F)     { fuzzUnmarshal(f, "ConfChangeV2") }

// fuzzUnmarshal seeds with the vectors of every type, as a field of one is often half a field of another.
func fuzzUnmarshal(f *testing.F, kind string) {
	f.Add([]byte{})
	for _, v := range loadVectors(f) {
		f.Add(v.encoded)
		f.Add(v.encoded[:len(v.encoded)-1])
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		checkDecoding(t, kind, input)
	})
}

// checkDecoding decodes input, and if that succeeds requires that the value is independent of the input's memory, that
// Size tells the truth, and that encoding and decoding once more changes neither the value nor its encoding.
func checkDecoding(t *testing.T, kind string, input []byte) {
	t.Helper()
	scratch := bytes.Clone(input)
	first := newValue(kind)
	if first.Unmarshal(scratch) != nil {
		return
	}
	if !bytes.Equal(input, scratch) {
		t.Fatal("decoding wrote to its input")
	}
	clear(scratch)

	encoded, err := first.Marshal()
	if err != nil {
		t.Fatalf("decoded value does not encode: %v", err)
	}
	if first.Size() != len(encoded) {
		t.Fatalf("Size is %d, the encoding has %d bytes: %x", first.Size(), len(encoded), encoded)
	}
	second := newValue(kind)
	if err := second.Unmarshal(encoded); err != nil {
		t.Fatalf("own encoding %x does not decode: %v", encoded, err)
	}
	if !reflect.DeepEqual(first, second) {
		t.Fatalf("value changed by encoding and decoding:\n%v\n%v", first, second)
	}
	again, err := second.Marshal()
	if err != nil || !bytes.Equal(encoded, again) {
		t.Fatalf("equal values encode differently (error %v):\n%x\n%x", err, encoded, again)
	}
	checkDerived(t, first)
}

// checkDerived asks a decoded membership or change everything that is computed from it.
func checkDerived(t *testing.T, value wireValue) {
	t.Helper()
	switch value := value.(type) {
	case *ConfState:
		if err := value.Equivalent(*value); err != nil {
			t.Fatalf("membership differs from itself: %v", err)
		}
	case *ConfChange:
		checkMarshalConfChange(t, *value, EntryConfChange)
	case *ConfChangeV2:
		checkMarshalConfChange(t, *value, EntryConfChangeV2)
		autoLeave, ok := value.EnterJoint()
		if autoLeave && !ok {
			t.Fatalf("automatic leave without a joint configuration: %v", value)
		}
		if ok && value.LeaveJoint() {
			t.Fatalf("change both enters and leaves: %v", value)
		}
	}
}

func checkMarshalConfChange(t *testing.T, c ConfChangeI, want EntryType) {
	t.Helper()
	typ, data, err := MarshalConfChange(c)
	if err != nil || typ != want {
		t.Fatalf("MarshalConfChange gave type %v, error %v, want type %v", typ, err, want)
	}
	decoded := newValue(strings.TrimPrefix(want.String(), "Entry"))
	if err := decoded.Unmarshal(data); err != nil {
		t.Fatalf("entry data %x does not decode: %v", data, err)
	}
	if got := reflect.ValueOf(decoded).Elem().Interface(); !reflect.DeepEqual(c, got) {
		t.Fatalf("change altered by its entry:\n%v\n%v", c, got)
	}
}

func FuzzConfChangesFromString(f *testing.F) {
	for _, seed := range []string{"", " ", "v1", "v1 l2 r3 u4", " v1 ", "v1  l2", "v", "x1", "?9:1",
		"v18446744073709551616", "v01", "v-1", "v1\tl2", "\u00e91"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ccs, err := ConfChangesFromString(text)
		if err != nil {
			if ccs != nil {
				t.Fatalf("%q gave both changes and an error", text)
			}
			return
		}
		written := ConfChangesToString(ccs)
		again, err := ConfChangesFromString(written)
		if err != nil {
			t.Fatalf("%q was read, and written as %q, which cannot be read: %v", text, written, err)
		}
		if !reflect.DeepEqual(ccs, again) {
			t.Fatalf("%q was written as %q, which means something else", text, written)
		}
	})
}
