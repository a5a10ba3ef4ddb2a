// Tests of the text and the script of a run, against files in testdata that -update writes.
package trace

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the files that outputs are compared with")

func requireGolden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

func TestWriteText(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, WriteText(&out, splitBrain()))
	requireGolden(t, "split_brain.txt", out.String())
}

func TestWriteTextOfLittle(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, WriteText(&out, &Trace{Title: "nothing", Members: []uint64{7}}))
	require.Equal(t, "# nothing\n# 0 events of 1 member\n\n# At the end:\n#   7 was never there\n", out.String())
}

func TestWriteTextShowsWhatIsCutOff(t *testing.T) {
	run := splitBrain()
	s := fresh(1)
	s.Last, s.Durable, s.Log = 3, 3, []TermRun{{Term: 2, First: 2}}
	after := s
	after.Last, after.Log = 4, []TermRun{{Term: 2, First: 2}, {Term: 3, First: 3}}
	run.Start = []MemberState{s}
	run.Events = []Event{{N: 9, Kind: KindDeliver, Member: 1, Text: "several\n\nlines", After: &after}}
	var out bytes.Buffer
	require.NoError(t, WriteText(&out, run))
	require.Contains(t, out.String(), "#  9  deliver   several\n#   lines\n#     1 is now last=3/4 (entries from 3 on removed)\n")
	require.Contains(t, out.String(), "log=(1/1),2/2,3/3-4")
}

func TestWriteScript(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, WriteScript(&out, splitBrain()))
	requireGolden(t, "split_brain_script.txt", out.String())
}

func TestWriteScriptNamesTheEventWithoutACommand(t *testing.T) {
	run := splitBrain()
	run.Events[4].Script = " \n"
	var out bytes.Buffer
	err := WriteScript(&out, run)
	require.EqualError(t, err, "the scripts have no command for event 5 (ready: 2 votes for 1 without having persisted it)")
	require.Zero(t, out.Len())
}

type brokenWriter struct{}

var errFull = errors.New("disk full")

func (brokenWriter) Write([]byte) (int, error) { return 0, errFull }

func TestWritersReportErrors(t *testing.T) {
	require.ErrorIs(t, WriteText(brokenWriter{}, splitBrain()), errFull)
	require.ErrorIs(t, WriteScript(brokenWriter{}, splitBrain()), errFull)
	require.ErrorIs(t, WriteHTML(brokenWriter{}, splitBrain()), errFull)
}

func TestTermAt(t *testing.T) {
	s := MemberState{Snapshot: TermRun{Term: 1, First: 3}, Last: 8, Log: []TermRun{{Term: 2, First: 4}, {Term: 5, First: 7}}}
	var terms []uint64
	for i := range uint64(10) {
		terms = append(terms, s.TermAt(i))
	}
	require.Equal(t, []uint64{0, 0, 0, 1, 2, 2, 2, 5, 5, 0}, terms)
	require.Equal(t, "(1/3) 2/4-6 5/7-8", s.logText())
}

func TestHashTellsRunsApart(t *testing.T) {
	sum := func(text string) Hash {
		h := NewHash()
		h.AddBytes([]byte(text))
		return h
	}
	require.Equal(t, sum("the same run"), sum("the same run"))
	seen := map[Hash]bool{}
	for n := range 20 {
		seen[sum(strings.Repeat("a", n))] = true
	}
	require.Len(t, seen, 20)
}
