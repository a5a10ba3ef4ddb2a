package contender

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestChoose(t *testing.T) {
	all, err := Choose("")
	require.NoError(t, err)
	require.Equal(t, All(), all)

	some, err := Choose("etcd37, ours")
	require.NoError(t, err)
	require.Equal(t, []string{"ours", "etcd37"}, []string{some[0].ID, some[1].ID}, "in the order of All")
	require.Len(t, some, 2)

	_, err = Choose("ours,etcd35")
	require.ErrorContains(t, err, `no library "etcd35"`)
}

func TestTitle(t *testing.T) {
	require.Equal(t, "etcd 3.6", Title(Baseline))
	require.Equal(t, "another", Title("another"))
}

func TestArgumentsNeverRewriteModuleFiles(t *testing.T) {
	for _, c := range All() {
		require.Contains(t, c.arguments("out"), "-mod=readonly", c.ID)
	}
	require.Equal(t, []string{"build", "-mod=readonly", "-o", "out", "-modfile=peers/etcd36.mod", "-tags=etcd36", "./cmd/worker"},
		All()[1].arguments("out"))
}

// TestModuleFilesRequireTheModule looks into the module file that each peer is built with.
func TestModuleFilesRequireTheModule(t *testing.T) {
	for _, c := range All() {
		if c.Module == "" {
			continue
		}
		name := filepath.Join("..", c.Dir, "go.mod")
		if c.ModFile != "" {
			name = filepath.Join("..", c.ModFile)
		}
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		require.True(t, strings.Contains(string(text), c.Module+" v"), "%s does not require %s", name, c.Module)
	}
}

func TestVersionOfOurs(t *testing.T) {
	version, err := All()[0].Version("no such file", "..")
	require.NoError(t, err)
	require.NotEmpty(t, version)
	require.Equal(t, "unknown", commit(t.TempDir()))
}
