package server

// Whose data directory it is. A member that is started with another member's data, or with its own under another name, would
// vote twice in one term: so the directory says whose it is, and one process at a time uses it.

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	identityFile    = "member.json"
	lockFile        = "LOCK"
	logDir          = "log"
	dataDir         = "data"
	identityVersion = 1
)

// identity is the content of the identity file.
type identity struct {
	Version int    `json:"version"`
	ID      uint64 `json:"id"`
	Cluster string `json:"cluster"`
}

// claimDir makes the directory this member's, or finds that it is. Closing what it returns gives it free.
func claimDir(dir string, id uint64, cluster string) (io.Closer, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("the data directory cannot be made: %w", err)
	}
	lock, err := vfs.Default.Lock(filepath.Join(dir, lockFile))
	if err != nil {
		return nil, fmt.Errorf("the data directory %s is in use by another process, stop it or choose another --data: %w", dir, err)
	}
	if err := claimIdentity(dir, identity{Version: identityVersion, ID: id, Cluster: cluster}); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return lock, nil
}

func claimIdentity(dir string, want identity) error {
	text, err := os.ReadFile(filepath.Join(dir, identityFile))
	if errors.Is(err, os.ErrNotExist) {
		return writeIdentity(dir, want)
	}
	if err != nil {
		return fmt.Errorf("whose the data directory is cannot be read: %w", err)
	}
	var have identity
	if err := json.Unmarshal(text, &have); err != nil || have.ID == 0 {
		return fmt.Errorf("%s is damaged, so whose data this is remains unknown: restore the file, or add the member anew under another ID",
			filepath.Join(dir, identityFile))
	}
	switch {
	case have.Version != identityVersion:
		return fmt.Errorf("%s is of version %d, this program knows %d", filepath.Join(dir, identityFile), have.Version, identityVersion)
	case have.ID != want.ID:
		return fmt.Errorf("the data directory %s belongs to member %d, not to %d: start with --id %d, or choose another --data",
			dir, have.ID, want.ID, have.ID)
	case have.Cluster != want.Cluster:
		return fmt.Errorf("the data directory %s belongs to cluster %q, not to %q: start with --cluster %s, or choose another --data",
			dir, have.Cluster, want.Cluster, have.Cluster)
	}
	return nil
}

// writeIdentity writes the file so that after a crash it is there wholly or not at all. Data without it is nobody's.
func writeIdentity(dir string, id identity) error {
	for _, name := range [...]string{logDir, dataDir} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return fmt.Errorf("the data directory %s holds data and no %s: restore the file, or choose another --data", dir, identityFile)
		}
	}
	text, err := json.Marshal(id)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, identityFile)
	if err := writeSynced(path+".new", append(text, '\n')); err != nil {
		return fmt.Errorf("the data directory cannot be written: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("the data directory cannot be written: %w", err)
	}
	return syncDir(dir)
}

func writeSynced(path string, text []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	return errors.Join(err, file.Sync(), file.Close())
}

func syncDir(dir string) error {
	file, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}
