package migrating

// This file makes what a published version would be: a module proxy in a directory, with this tree's modules in it.

import (
	"archive/zip"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	library   = "github.com/seed695671cb/raft"
	published = "v0.1.0"
)

// publish makes a directory that GOPROXY may name. Where compat/etcd requires the library at a version that does not
// exist, as it does in the tree, it requires the published one.
func publish(t *testing.T, root string) string {
	proxy := t.TempDir()
	publishModule(t, proxy, root, library)
	publishModule(t, proxy, filepath.Join(root, "compat", "etcd"), library+"/compat/etcd")
	return proxy
}

func publishModule(t *testing.T, proxy, dir, path string) {
	versions := filepath.Join(proxy, filepath.FromSlash(path), "@v")
	require.NoError(t, os.MkdirAll(versions, 0o700))
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(versions, name), []byte(text), 0o600))
	}
	mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	require.NoError(t, err)
	goMod := strings.ReplaceAll(string(mod), library+" v0.0.0", library+" "+published)
	write("list", published+"\n")
	write(published+".info", `{"Version":"`+published+`","Time":"2026-01-01T00:00:00Z"}`)
	write(published+".mod", goMod)

	file, err := os.Create(filepath.Join(versions, published+".zip"))
	require.NoError(t, err)
	defer file.Close()
	archive := zip.NewWriter(file)
	addFiles(t, archive, dir, path+"@"+published+"/", goMod)
	require.NoError(t, archive.Close())
}

// addFiles puts the Go files of a module into an archive, without those of modules in its subdirectories.
func addFiles(t *testing.T, archive *zip.Writer, dir, prefix, goMod string) {
	err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return skipDirectory(dir, name)
		}
		text := []byte(goMod)
		switch base := filepath.Base(name); {
		case base == "go.mod":
		case strings.HasSuffix(base, ".go"):
			if text, err = os.ReadFile(name); err != nil {
				return err
			}
		default:
			return nil
		}
		relative, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		out, err := archive.Create(prefix + filepath.ToSlash(relative))
		if err != nil {
			return err
		}
		_, err = out.Write(text)
		return err
	})
	require.NoError(t, err)
}

// skipDirectory leaves out what is no part of the module at root.
func skipDirectory(root, name string) error {
	if name == root {
		return nil
	}
	base := filepath.Base(name)
	if _, err := os.Stat(filepath.Join(name, "go.mod")); err == nil || base == "testdata" || strings.HasPrefix(base, ".") {
		return filepath.SkipDir
	}
	return nil
}
