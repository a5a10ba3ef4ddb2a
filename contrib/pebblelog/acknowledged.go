package pebblelog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// How the loss of acknowledged writes is noticed. A damaged end of the write-ahead log looks like a write that a crash tore,
// and the database leaves it out without a word; so it does with a manifest. The member would forget a vote or entries that
// others count on (Raft §5.2, §5.3). Therefore the writes that are to be durable are numbered: the last number is stored
// with each of them, and in a file beside the database after it is durable. The file is never ahead of the truth. It is not
// synced, which would cost as much as the write itself: it survives the end of the process, and the failure of
// the machine up to what the operating system has written back.

const (
	acknowledgedFile = "acknowledged"
	numberKey        = "\x00number"
	numberSize       = 8 + sumSize
)

// An acknowledgements keeps the number of the last write that was acknowledged.
type acknowledgements struct {
	logger *slog.Logger

	// ordering is held while a write is numbered and applied.
	ordering sync.Mutex
	given    uint64

	mu     sync.Mutex
	file   vfs.File // nil: the store is read-only
	marked uint64
	failed bool
}

// open compares the database with the file. It returns an error that wraps ErrLost if the database is older.
func (a *acknowledgements) open(db *pebble.DB, files vfs.FS, dir string, readOnly bool) error {
	stored, err := storedNumber(db)
	if err != nil {
		return err
	}
	a.given = stored
	path := files.PathJoin(dir, acknowledgedFile)
	marked, err := a.fileNumber(files, path)
	if err != nil {
		return err
	}
	if marked > stored {
		return fmt.Errorf("%w: it ends with write %d of %d, remove this member from its groups and add it anew",
			ErrLost, stored, marked)
	}
	if readOnly {
		return nil
	}
	a.file, err = files.OpenReadWrite(path, vfs.WriteCategoryUnspecified)
	if errors.Is(err, fs.ErrNotExist) {
		a.file, err = files.Create(path, vfs.WriteCategoryUnspecified)
	}
	return err
}

// storedNumber returns the number of the last write in the database.
func storedNumber(db *pebble.DB) (uint64, error) {
	value, closer, err := db.Get([]byte(numberKey))
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	number, err := decodeNumber(value)
	if err != nil {
		return 0, fmt.Errorf("the number of the last write: %w", err)
	}
	return number, closer.Close()
}

func decodeNumber(value []byte) (uint64, error) {
	body, err := open([]byte(numberKey), value)
	if err != nil {
		return 0, err
	}
	if len(body) != 8 {
		return 0, errShape
	}
	return binary.LittleEndian.Uint64(body), nil
}

func encodeNumber(number uint64) []byte {
	value := binary.LittleEndian.AppendUint64(make([]byte, sumSize, numberSize), number)
	seal([]byte(numberKey), value)
	return value
}

// fileNumber returns the number in the file, zero if it has none.
func (a *acknowledgements) fileNumber(files vfs.FS, path string) (uint64, error) {
	f, err := files.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	value, err := io.ReadAll(f)
	if err := errors.Join(err, f.Close()); err != nil {
		return 0, err
	}
	if len(value) == 0 {
		return 0, nil // a crash came before it was written back
	}
	number, err := decodeNumber(value)
	if err != nil {
		a.logger.Warn("it cannot be checked whether the log store is older than it was", "file", path, "error", err)
		return 0, nil
	}
	return number, nil
}

// number numbers a batch. ordering is held until it is applied.
func (a *acknowledgements) number(b *batch) error {
	a.given++
	b.number = a.given
	return b.Set([]byte(numberKey), encodeNumber(b.number), nil)
}

// mark says that a write is durable, and with it all before.
func (a *acknowledgements) mark(number uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if number <= a.marked || a.failed {
		return
	}
	a.marked = number
	if _, err := a.file.WriteAt(encodeNumber(number), 0); err != nil {
		a.failed = true // what is there stays true
		a.logger.Warn("the number of the last write cannot be kept, a loss may go unnoticed", "error", err)
	}
}

func (a *acknowledgements) close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.file == nil {
		return nil
	}
	file := a.file
	a.file, a.failed = nil, true
	return file.Close()
}
