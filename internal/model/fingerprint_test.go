package model

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

// TestFieldsOfFingerprints holds the list of all fields that a fingerprint visits, and how each is treated, to
// testdata/fields.txt. If it fails because a field is new: find out whether two members that differ in it alone may
// ever behave differently, and whether it holds IDs, times or a list in the order of IDs; give it a rule if it needs one;
// then run with MODEL_REWRITE=1.
func TestFieldsOfFingerprints(t *testing.T) {
	f, err := newFingerprinter()
	require.NoError(t, err)
	lines := slices.Sorted(slices.Values(f.fields))
	got := strings.Join(lines, "\n") + "\n"
	path := filepath.Join("testdata", "fields.txt")
	if os.Getenv("MODEL_REWRITE") != "" {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

// TestRulesThatNameNoField fails a rule whose field is gone.
func TestRulesThatNameNoField(t *testing.T) {
	p := newPlanner([]rule{{field: "raftpb.Entry.Gone"}})
	_, err := p.plan(reflect.TypeFor[pb.Entry]())
	require.NoError(t, err)
	require.ErrorContains(t, p.unused(), "raftpb.Entry.Gone")
}

// TestFieldsWithoutAMeaningForFingerprints fails types that cannot be compared, unless a rule leaves them out.
func TestFieldsWithoutAMeaningForFingerprints(t *testing.T) {
	type odd struct{ F func() }
	_, err := newPlanner(nil).plan(reflect.TypeFor[odd]())
	require.ErrorContains(t, err, "give the field a rule")
}

// TestEveryFieldOfAMessageCounts changes each field of a message in turn.
func TestEveryFieldOfAMessageCounts(t *testing.T) {
	f, err := newFingerprinter()
	require.NoError(t, err)
	seen := map[uint64]string{f.messageName(&pb.Message{}, nil): "none"}
	typ := reflect.TypeFor[pb.Message]()
	for i := 0; i < typ.NumField(); i++ {
		var m pb.Message
		v := reflect.ValueOf(&m).Elem().Field(i)
		switch v.Kind() {
		case reflect.Uint64:
			v.SetUint(1)
		case reflect.Int32:
			v.SetInt(1)
		case reflect.Bool:
			v.SetBool(true)
		case reflect.Slice:
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		case reflect.Pointer:
			v.Set(reflect.New(v.Type().Elem()))
		default:
			t.Fatalf("field %s of a kind that the test does not know", typ.Field(i).Name)
		}
		name := f.messageName(&m, nil)
		require.NotContains(t, seen, name, "%s and %s", typ.Field(i).Name, seen[name])
		seen[name] = typ.Field(i).Name
	}
}

// TestMessagesAreRenamed checks that a renamed message has the name that the original has under the renaming.
func TestMessagesAreRenamed(t *testing.T) {
	f, err := newFingerprinter()
	require.NoError(t, err)
	renaming := []uint64{2, 3, 1}
	conf := func(voters ...uint64) pb.ConfState { return pb.ConfState{Voters: voters} }
	snap := func(cs pb.ConfState) *pb.Snapshot {
		return &pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 4, Term: 2, ConfState: cs}}
	}
	original := pb.Message{
		Type: pb.MsgSnap, From: 1, To: 2, Vote: 3, Snapshot: snap(conf(1, 2)),
		Responses: []pb.Message{{To: 2, Index: 1}, {To: 3}, {To: 2, Index: 2}},
	}
	renamed := pb.Message{
		Type: pb.MsgSnap, From: 2, To: 3, Vote: 1, Snapshot: snap(conf(2, 3)),
		Responses: []pb.Message{{To: 1}, {To: 3, Index: 1}, {To: 3, Index: 2}},
	}
	require.Equal(t, f.messageName(&renamed, nil), f.messageName(&original, renaming))
	require.NotEqual(t, f.messageName(&original, nil), f.messageName(&original, renaming))

	swapped := original
	swapped.Responses = []pb.Message{{To: 2, Index: 2}, {To: 3}, {To: 2, Index: 1}}
	require.NotEqual(t, f.messageName(&swapped, nil), f.messageName(&original, nil),
		"the order of messages to one receiver counts")
}
