package pebblelog

import (
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// What happens when the database can no longer be trusted to write. Pebble then calls its logger's Fatalf, or panics, and
// counts on neither to return.

// A guard remembers that the database has failed. It is the database's logger.
type guard struct {
	logger  *slog.Logger
	onFatal func(error)
	opening atomic.Bool // failures are returned by Open
	failure atomic.Pointer[error]
	corrupt atomic.Uint64 // how often the database met damage, also in the background
}

var _ pebble.Logger = (*guard)(nil)

// fatalPanic carries a failure from Fatalf to protect.
type fatalPanic struct{ err error }

func newGuard(o Options) *guard {
	g := &guard{logger: o.Logger, onFatal: o.OnFatal}
	if g.onFatal == nil {
		g.onFatal = func(err error) {
			g.logger.Error("the log store has failed, the process ends", "error", err)
			os.Exit(1)
		}
	}
	return g
}

// err returns what the database has failed with, nil if it has not.
func (g *guard) err() error {
	if failure := g.failure.Load(); failure != nil {
		return *failure
	}
	return nil
}

// fail has all later calls return the error, and tells the application. It returns the first failure.
func (g *guard) fail(err error) error {
	err = fmt.Errorf("the log store has failed, what it was last asked to write may be lost: %w", err)
	if g.failure.CompareAndSwap(nil, &err) && !g.opening.Load() {
		g.onFatal(err)
	}
	return g.err()
}

// protect calls the database, for a write. A panic of the database is a failure of the store.
func (g *guard) protect(call func() error) (err error) {
	defer func() {
		cause := recover()
		if cause == nil {
			return
		}
		if fatal, ok := cause.(fatalPanic); ok {
			err = fatal.err
			return
		}
		g.logger.Error("the database has panicked", "cause", cause, "stack", string(debug.Stack()))
		err = g.fail(fmt.Errorf("the database has panicked: %v", cause))
	}()
	if err := call(); err != nil {
		return err
	}
	return g.err()
}

// Infof implements pebble.Logger.
func (g *guard) Infof(format string, args ...any) {
	g.logger.Debug("pebble: " + fmt.Sprintf(format, args...))
}

// Errorf implements pebble.Logger.
func (g *guard) Errorf(format string, args ...any) {
	g.logger.Error("pebble: " + fmt.Sprintf(format, args...))
}

// Fatalf implements pebble.Logger. It does not return: the database must not go on.
func (g *guard) Fatalf(format string, args ...any) {
	panic(fatalPanic{g.fail(fmt.Errorf(format, args...))})
}

// events has the database report what its caller does not learn from an error.
func (g *guard) events() *pebble.EventListener {
	return &pebble.EventListener{
		BackgroundError: func(err error) {
			g.logger.Error("the log store's database cannot write its tables, it tries again", "error", err)
		},
		DataCorruption: func(info pebble.DataCorruptionInfo) {
			g.corrupt.Add(1)
			g.logger.Error("the log store's database has found damage", "file", info.Path, "error", info.Details)
		},
		DiskSlow: func(info pebble.DiskSlowInfo) {
			g.logger.Warn("the log store's disk is slow", "file", info.Path, "operation", info.OpType.String(),
				"duration", info.Duration.Round(time.Millisecond))
		},
		WriteStallBegin: func(info pebble.WriteStallBeginInfo) {
			g.logger.Warn("the log store's writes wait for its database", "reason", info.Reason)
		},
		WriteStallEnd: func() {
			g.logger.Info("the log store's writes go on")
		},
	}
}
