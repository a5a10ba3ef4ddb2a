package faultfs

import (
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
)

const category = vfs.WriteCategoryUnspecified

// disk returns a wrapped in-memory file system with one open file, and how to set its fault.
func disk(t *testing.T) (vfs.FS, vfs.File, func(fault string)) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fault")
	fs := Wrap(vfs.NewMem(), path)
	file, err := fs.Create("log", category)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, file.Close()) })
	return fs, file, func(fault string) {
		require.NoError(t, os.WriteFile(path, []byte(fault), 0o600))
		fs.(*faultFS).faults.mu.Lock()
		fs.(*faultFS).faults.read = time.Time{}
		fs.(*faultFS).faults.mu.Unlock()
	}
}

func TestWithoutFaultFileEverythingWorks(t *testing.T) {
	fs, file, _ := disk(t)
	_, err := file.Write([]byte("abc"))
	require.NoError(t, err)
	require.NoError(t, file.Sync())
	require.NoError(t, file.SyncData())
	require.NoError(t, fs.MkdirAll("dir", 0o755))
	require.NoError(t, fs.Rename("log", "log2"))
	require.NoError(t, fs.Link("log2", "log3"))
	require.NoError(t, fs.Remove("log3"))
	require.NotNil(t, fs.Unwrap())
}

func TestEveryChangeFails(t *testing.T) {
	faults := map[string]error{"fail": syscall.EIO, " full\n": syscall.ENOSPC}
	changes := map[string]func(fs vfs.FS, file vfs.File) error{
		"create":      func(fs vfs.FS, _ vfs.File) error { _, err := fs.Create("x", category); return err },
		"open":        func(fs vfs.FS, _ vfs.File) error { _, err := fs.OpenReadWrite("x", category); return err },
		"reuse":       func(fs vfs.FS, _ vfs.File) error { _, err := fs.ReuseForWrite("log", "x", category); return err },
		"link":        func(fs vfs.FS, _ vfs.File) error { return fs.Link("log", "x") },
		"rename":      func(fs vfs.FS, _ vfs.File) error { return fs.Rename("log", "x") },
		"mkdir":       func(fs vfs.FS, _ vfs.File) error { return fs.MkdirAll("d", 0o755) },
		"write":       func(_ vfs.FS, file vfs.File) error { _, err := file.Write([]byte("x")); return err },
		"write at":    func(_ vfs.FS, file vfs.File) error { _, err := file.WriteAt([]byte("x"), 0); return err },
		"preallocate": func(_ vfs.FS, file vfs.File) error { return file.Preallocate(0, 10) },
		"sync":        func(_ vfs.FS, file vfs.File) error { return file.Sync() },
		"sync data":   func(_ vfs.FS, file vfs.File) error { return file.SyncData() },
		"sync to":     func(_ vfs.FS, file vfs.File) error { _, err := file.SyncTo(1); return err },
		"sync dir":    syncDir,
	}
	for fault, want := range faults {
		for name, change := range changes {
			t.Run(fault+"/"+name, func(t *testing.T) {
				fs, file, set := disk(t)
				set(fault)
				require.ErrorIs(t, change(fs, file), want)
			})
		}
	}
}

func syncDir(fs vfs.FS, _ vfs.File) error {
	dir, err := fs.OpenDir("")
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }()
	return dir.Sync()
}

func TestRemovalsFailOnlyIfTheDiskDoes(t *testing.T) {
	fs, _, set := disk(t)
	require.NoError(t, fs.MkdirAll("d", 0o755))
	set("fail")
	require.ErrorIs(t, fs.Remove("log"), syscall.EIO)
	require.ErrorIs(t, fs.RemoveAll("d"), syscall.EIO)
	set("full")
	require.NoError(t, fs.RemoveAll("d"))
	require.NoError(t, fs.Remove("log"))
}

func TestReadsDoNotFail(t *testing.T) {
	fs, file, set := disk(t)
	_, err := file.Write([]byte("abc"))
	require.NoError(t, err)
	set("fail")
	again, err := fs.Open("log")
	require.NoError(t, err)
	data, err := io.ReadAll(again)
	require.NoError(t, err)
	require.Equal(t, "abc", string(data))
	require.NoError(t, again.Close())
}

func TestHealsWhenTheFaultIsTakenBack(t *testing.T) {
	_, file, set := disk(t)
	set("fail")
	require.Error(t, file.Sync())
	set("")
	require.NoError(t, file.Sync())
}

func TestSlowSyncsWait(t *testing.T) {
	_, file, set := disk(t)
	set("slow 30")
	begin := time.Now()
	require.NoError(t, file.Sync())
	require.GreaterOrEqual(t, time.Since(begin), 30*time.Millisecond)
}

func TestFaultFileIsNoticedWithoutHelp(t *testing.T) {
	fs, file, _ := disk(t)
	path := fs.(*faultFS).faults.path
	require.NoError(t, file.Sync())
	require.NoError(t, os.WriteFile(path, []byte("fail"), 0o600))
	require.Eventually(t, func() bool { return file.Sync() != nil }, 30*time.Second, time.Millisecond)
}

func TestParse(t *testing.T) {
	for _, text := range []string{"", " \n"} {
		fault, err := Parse(text)
		require.NoError(t, err)
		require.Zero(t, fault)
	}
	fault, err := Parse("slow 5\n")
	require.NoError(t, err)
	require.Equal(t, 5*time.Millisecond, fault.Delay)
	for _, text := range []string{"sloth", "slow", "slow x", "slow -1", "slow 60001", "fail 3", "full now"} {
		_, err := Parse(text)
		require.Error(t, err, text)
	}
}

func TestMistakesInTheFaultFileAreSeen(t *testing.T) {
	_, file, set := disk(t)
	set("explode")
	require.ErrorContains(t, file.Sync(), "unknown")
	set(string(make([]byte, maxFaultFile+1)))
	require.ErrorContains(t, file.Sync(), "bytes")
}
