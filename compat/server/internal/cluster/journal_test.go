package cluster

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
)

func TestAJournalKeepsNotesWithTheirFields(t *testing.T) {
	j := &Journal{}
	j.Logger().With(zap.String("from", "a")).Info(SnapshotSent, zap.String("to", "b"))
	j.Logger().Info("something else")
	require.Equal(t, []Note{{Message: SnapshotSent, Fields: map[string]any{"from": "a", "to": "b"}}}, j.Notes(SnapshotSent))
	require.Empty(t, j.Panics())
}

func TestAJournalReadsTheLogOfAProcess(t *testing.T) {
	j := &Journal{}
	j.read(strings.NewReader(`{"level":"info","msg":"applied snapshot","current-applied-index":7}
{"level":"warn","msg":"slow"}
plain words
{"level":"panic","msg":"the first"}
panic: the second
WARNING: DATA RACE`))
	want := Note{Message: SnapshotApplied, Fields: map[string]any{"current-applied-index": 7.0}}
	require.Equal(t, []Note{want}, j.Notes(SnapshotApplied))
	require.Len(t, j.Panics(), 3)
}

func TestAJournalKeepsPanics(t *testing.T) {
	j := &Journal{}
	require.Panics(t, func() { j.Logger().Panic("the first") })
	require.Panics(t, func() { j.Logger().Fatal("the second") })
	j.Logger().Warn("http: panic serving a peer")
	require.Len(t, j.Panics(), 3)
}
