package mutants

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// module writes files into a new directory and returns it.
func module(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	return dir
}

func TestApply(t *testing.T) {
	dir := module(t, map[string]string{"a.go": "one\ntwo\n\tthree\n", "d/b.go": "one\n"})
	m := Mutant{Name: "m", Edits: []Edit{
		{File: "a.go", Old: []string{"two"}, New: []string{"2"}},
		{File: "d/b.go", Old: []string{"one"}},
		{File: "a.go", Old: []string{"2", "\tthree"}, New: []string{"\t2", "\t3"}},
	}}
	changed, err := m.Apply(dir)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"a.go": "one\n\t2\n\t3\n", "d/b.go": ""}, changed)
	untouched, err := os.ReadFile(filepath.Join(dir, "a.go"))
	require.NoError(t, err)
	require.Equal(t, "one\ntwo\n\tthree\n", string(untouched))
}

func TestApplyWantsEachEditToFitOnce(t *testing.T) {
	dir := module(t, map[string]string{"a.go": "one\ntwo\ntwo\n\tthree\n"})
	for _, tc := range []struct {
		file, old string
		want      []string
	}{
		{"a.go", "three", []string{"mutant m (t.txt:1): edit 1: a.go does not hold the 1 lines", `"three"`, "the file has changed"}},
		{"a.go", "two", []string{"a.go holds the 1 lines that begin with", "2 times", "add lines around them"}},
		{"b.go", "two", []string{"mutant m (t.txt:1): edit 1: open", "b.go"}},
	} {
		m := Mutant{Name: "m", Source: "t.txt:1", Edits: []Edit{{File: tc.file, Old: []string{tc.old}, New: []string{"x"}}}}
		_, err := m.Apply(dir)
		for _, part := range tc.want {
			require.ErrorContains(t, err, part)
		}
	}
}

func TestOverlay(t *testing.T) {
	dir := t.TempDir()
	changed := map[string]string{"a.go": "A", "d/a.go": "B"}
	path, err := writeOverlay(dir, "o.json", filepath.FromSlash("/m"), changed, []string{"c_test.go"})
	require.NoError(t, err)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	var overlay struct{ Replace map[string]string }
	require.NoError(t, json.Unmarshal(data, &overlay))
	require.Len(t, overlay.Replace, 3)
	left, out := overlay.Replace[filepath.FromSlash("/m/c_test.go")]
	require.True(t, out)
	require.Empty(t, left)
	for file, want := range map[string]string{"/m/a.go": "A", "/m/d/a.go": "B"} {
		text, err := os.ReadFile(overlay.Replace[filepath.FromSlash(file)])
		require.NoError(t, err)
		require.Equal(t, want, string(text))
	}
}
