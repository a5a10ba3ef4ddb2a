package store

import (
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
)

// What happens when the disk fails under Pebble, which reports this to its logger and must then not go on.

// A fault remembers the first fatal error.
type fault struct {
	log     *slog.Logger
	tell    func(error)
	release func() // has watchers that wait see the error
	first   atomic.Pointer[error]
}

// error returns the fatal error, nil as long as there is none.
func (f *fault) error() error {
	if err := f.first.Load(); err != nil {
		return *err
	}
	return nil
}

// set records a fatal error and reports the first one.
func (f *fault) set(cause error) error {
	err := fmt.Errorf("%w: %w", ErrFailed, cause)
	if !f.first.CompareAndSwap(nil, &err) {
		return *f.first.Load()
	}
	f.log.Error("store: fatal", "error", cause)
	f.release()
	if f.tell != nil {
		f.tell(err)
	}
	return err
}

// A pebbleLogger hands what Pebble has to say to the store's logger.
type pebbleLogger struct{ fault *fault }

// Infof drops the chatter.
func (pebbleLogger) Infof(string, ...any) {}

// Errorf logs an error that Pebble goes on after.
func (l pebbleLogger) Errorf(format string, args ...any) {
	l.fault.log.Error("store: pebble", "error", fmt.Sprintf(format, args...))
}

// Fatalf is called where Pebble cannot go on: if it returned, files that are still needed might be removed. A commit
// that failed unwinds to the store, which called it; the goroutines of Pebble itself are held here.
func (l pebbleLogger) Fatalf(format string, args ...any) {
	if len(args) == 1 {
		if _, ok := args[0].(error); ok {
			format = strings.NewReplacer("%v", "%w", "%s", "%w").Replace(format) // so that the cause can be found by errors.Is
		}
	}
	err := l.fault.set(fmt.Errorf(format, args...))
	if strings.HasPrefix(format, "pebble: fatal commit error") {
		panic(err)
	}
	select {}
}

// guard runs f, which writes, and turns panics of Pebble, which is how it reports a failed log file, into the fatal error.
func (f *fault) guard(write func() error) (err error) {
	if err := f.error(); err != nil {
		return err
	}
	defer func() {
		if r := recover(); r != nil {
			err = f.set(fmt.Errorf("pebble: %v", r))
		}
	}()
	return write()
}
