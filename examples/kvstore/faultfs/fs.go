package faultfs

// The file system that fails: it embeds the one that it wraps and stands in the way of everything that changes it.

import (
	"os"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Wrap returns a file system that does as the given one, but for the fault that the file at path asks for. That file is
// always one of the operating system's and need not exist. It may be used by any number of goroutines.
func Wrap(under vfs.FS, path string) vfs.FS {
	return &faultFS{FS: under, faults: &watcher{path: path}}
}

type faultFS struct {
	vfs.FS
	faults *watcher
}

func (f *faultFS) Unwrap() vfs.FS { return f.FS }

func (f *faultFS) wrap(name string, file vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return &faultFile{File: file, name: name, faults: f.faults}, nil
}

func (f *faultFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if err := f.faults.failure("create", name); err != nil {
		return nil, err
	}
	file, err := f.FS.Create(name, category)
	return f.wrap(name, file, err)
}

func (f *faultFS) OpenReadWrite(name string, category vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	if err := f.faults.failure("open", name); err != nil {
		return nil, err
	}
	file, err := f.FS.OpenReadWrite(name, category, opts...)
	return f.wrap(name, file, err)
}

func (f *faultFS) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if err := f.faults.failure("reuse", oldname); err != nil {
		return nil, err
	}
	file, err := f.FS.ReuseForWrite(oldname, newname, category)
	return f.wrap(newname, file, err)
}

// OpenDir wraps the directory too, because directories are synced.
func (f *faultFS) OpenDir(name string) (vfs.File, error) {
	file, err := f.FS.OpenDir(name)
	return f.wrap(name, file, err)
}

func (f *faultFS) Link(oldname, newname string) error {
	if err := f.faults.failure("link", newname); err != nil {
		return err
	}
	return f.FS.Link(oldname, newname)
}

func (f *faultFS) Rename(oldname, newname string) error {
	if err := f.faults.failure("rename", newname); err != nil {
		return err
	}
	return f.FS.Rename(oldname, newname)
}

func (f *faultFS) MkdirAll(dir string, perm os.FileMode) error {
	if err := f.faults.failure("mkdir", dir); err != nil {
		return err
	}
	return f.FS.MkdirAll(dir, perm)
}

func (f *faultFS) Remove(name string) error {
	if err := f.faults.removal("remove", name); err != nil {
		return err
	}
	return f.FS.Remove(name)
}

func (f *faultFS) RemoveAll(name string) error {
	if err := f.faults.removal("remove", name); err != nil {
		return err
	}
	return f.FS.RemoveAll(name)
}

// A faultFile is one that was opened to be written, or a directory.
type faultFile struct {
	vfs.File
	name   string
	faults *watcher
}

func (f *faultFile) Write(p []byte) (int, error) {
	if err := f.faults.failure("write", f.name); err != nil {
		return 0, err
	}
	return f.File.Write(p)
}

func (f *faultFile) WriteAt(p []byte, offset int64) (int, error) {
	if err := f.faults.failure("write", f.name); err != nil {
		return 0, err
	}
	return f.File.WriteAt(p, offset)
}

func (f *faultFile) Preallocate(offset, length int64) error {
	if err := f.faults.failure("preallocate", f.name); err != nil {
		return err
	}
	return f.File.Preallocate(offset, length)
}

func (f *faultFile) Sync() error {
	if err := f.faults.sync(f.name); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f *faultFile) SyncData() error {
	if err := f.faults.sync(f.name); err != nil {
		return err
	}
	return f.File.SyncData()
}

func (f *faultFile) SyncTo(length int64) (fullSync bool, err error) {
	if err := f.faults.sync(f.name); err != nil {
		return false, err
	}
	return f.File.SyncTo(length)
}
