// Logging as the library sees it: the Logger interface, an implementation over the standard log package, one that
// discards, and the process-wide default. The adapter to log/slog is in slog_logger.go.

package raft

import (
	"fmt"
	"log"
	"os"
	"sync"
	"sync/atomic"
)

// Logger takes the library's messages to the operator. The methods without an f join their arguments as fmt.Sprint
// does; those with one format them as fmt.Sprintf does. An implementation should look at its level before it formats,
// and must be safe for use from several goroutines, since replicas may share it.
//
// Fatal, Fatalf, Panic and Panicf do not return: the first two end the process, the others panic with the message. The
// library never calls them; they are part of the interface for the programs that share the Logger. Where the library
// cannot go on safely it panics by itself.
type Logger interface {
	Debug(v ...any)
	Debugf(format string, v ...any)

	Info(v ...any)
	Infof(format string, v ...any)

	Warning(v ...any)
	Warningf(format string, v ...any)

	Error(v ...any)
	Errorf(format string, v ...any)

	Fatal(v ...any)
	Fatalf(format string, v ...any)

	Panic(v ...any)
	Panicf(format string, v ...any)
}

// DefaultLogger is a Logger over the standard library's log.Logger, which must be set. Every message is preceded by its
// level: DEBUG, INFO, WARN, ERROR, FATAL or PANIC. Debug messages are left out, without being formatted, until
// EnableDebug is called. All methods are safe for use from several goroutines. A DefaultLogger must not be copied
// after its first use.
type DefaultLogger struct {
	*log.Logger
	debug atomic.Bool
	exit  *func(code int) // in place of os.Exit, for tests; a pointer, since a func would make the type not comparable
}

// outputDepth is the number of stack frames between the caller of a DefaultLogger's method and log.Logger.Output:
// the method itself, and output.
const outputDepth = 3

// EnableTimestamps makes the date and the time, to the second, precede every message.
func (l *DefaultLogger) EnableTimestamps() {
	l.SetFlags(l.Flags() | log.LstdFlags)
}

// EnableDebug makes the logger write debug messages too.
func (l *DefaultLogger) EnableDebug() {
	l.debug.Store(true)
}

// Debug writes a message for developers, if EnableDebug was called.
func (l *DefaultLogger) Debug(v ...any) {
	if l.debug.Load() {
		l.output("DEBUG", fmt.Sprint(v...))
	}
}

// Debugf is Debug with a format.
func (l *DefaultLogger) Debugf(format string, v ...any) {
	if l.debug.Load() {
		l.output("DEBUG", fmt.Sprintf(format, v...))
	}
}

// Info writes a message about normal operation.
func (l *DefaultLogger) Info(v ...any) {
	l.output("INFO", fmt.Sprint(v...))
}

// Infof is Info with a format.
func (l *DefaultLogger) Infof(format string, v ...any) {
	l.output("INFO", fmt.Sprintf(format, v...))
}

// Warning writes a message about something unusual that the library copes with.
func (l *DefaultLogger) Warning(v ...any) {
	l.output("WARN", fmt.Sprint(v...))
}

// Warningf is Warning with a format.
func (l *DefaultLogger) Warningf(format string, v ...any) {
	l.output("WARN", fmt.Sprintf(format, v...))
}

// Error writes a message about something that needs attention.
func (l *DefaultLogger) Error(v ...any) {
	l.output("ERROR", fmt.Sprint(v...))
}

// Errorf is Error with a format.
func (l *DefaultLogger) Errorf(format string, v ...any) {
	l.output("ERROR", fmt.Sprintf(format, v...))
}

// Fatal writes a message and ends the process with status 1. Deferred calls do not run.
func (l *DefaultLogger) Fatal(v ...any) {
	l.output("FATAL", fmt.Sprint(v...))
	l.end()
}

// Fatalf is Fatal with a format.
func (l *DefaultLogger) Fatalf(format string, v ...any) {
	l.output("FATAL", fmt.Sprintf(format, v...))
	l.end()
}

// Panic writes a message and panics with its text.
func (l *DefaultLogger) Panic(v ...any) {
	text := fmt.Sprint(v...)
	l.output("PANIC", text)
	panic(text)
}

// Panicf is Panic with a format.
func (l *DefaultLogger) Panicf(format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	l.output("PANIC", text)
	panic(text)
}

func (l *DefaultLogger) output(level, text string) {
	// A log that cannot be written has nowhere to say so; the replica goes on without it.
	_ = l.Output(outputDepth, level+": "+text)
}

// end ends the process after a fatal message.
func (l *DefaultLogger) end() {
	if l.exit != nil {
		exitProcess(*l.exit)
		return
	}
	exitProcess(nil)
}

// exitProcess ends the process as a fatal message demands, or calls the test's hook in place of that.
func exitProcess(hook func(code int)) {
	if hook == nil {
		hook = os.Exit
	}
	hook(1)
}

// DiscardLogger is a Logger that writes nothing. Its Fatal and Fatalf still end the process with status 1, and its
// Panic and Panicf still panic with the message, since their callers rely on not being returned to.
type DiscardLogger struct{}

// Debug does nothing.
func (DiscardLogger) Debug(...any) {}

// Debugf does nothing.
func (DiscardLogger) Debugf(string, ...any) {}

// Info does nothing.
func (DiscardLogger) Info(...any) {}

// Infof does nothing.
func (DiscardLogger) Infof(string, ...any) {}

// Warning does nothing.
func (DiscardLogger) Warning(...any) {}

// Warningf does nothing.
func (DiscardLogger) Warningf(string, ...any) {}

// Error does nothing.
func (DiscardLogger) Error(...any) {}

// Errorf does nothing.
func (DiscardLogger) Errorf(string, ...any) {}

// Fatal ends the process with status 1.
func (DiscardLogger) Fatal(...any) { exitProcess(nil) }

// Fatalf ends the process with status 1.
func (DiscardLogger) Fatalf(string, ...any) { exitProcess(nil) }

// Panic panics with the message.
func (DiscardLogger) Panic(v ...any) { panic(fmt.Sprint(v...)) }

// Panicf panics with the message.
func (DiscardLogger) Panicf(format string, v ...any) { panic(fmt.Sprintf(format, v...)) }

// defaultLog is the Logger of replicas whose Config names none.
//
// Compat: the API has SetLogger and ResetDefaultLogger, so one process-wide value cannot be avoided. Nothing else reads
// it, and Config.Logger takes precedence.
var defaultLog = newLoggerHolder()

// SetLogger makes l the logger of replicas that are created from now on with a Config that has no Logger. A nil l has
// the effect of ResetDefaultLogger. It may be called from any goroutine. Config.Logger is the better place.
func SetLogger(l Logger) {
	if l == nil {
		defaultLog.reset()
		return
	}
	defaultLog.set(l)
}

// ResetDefaultLogger undoes SetLogger: messages go to standard error again, those for developers left out. It may be
// called from any goroutine.
func ResetDefaultLogger() {
	defaultLog.reset()
}

// getLogger returns the logger for a replica whose Config names none.
func getLogger() Logger {
	return defaultLog.get()
}

// loggerHolder holds the current default and the one that it started with.
type loggerHolder struct {
	builtin Logger

	mu      sync.RWMutex
	current Logger
}

func newLoggerHolder() *loggerHolder {
	builtin := &DefaultLogger{Logger: log.New(os.Stderr, "raft ", log.LstdFlags)}
	return &loggerHolder{builtin: builtin, current: builtin}
}

func (h *loggerHolder) get() Logger {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.current
}

func (h *loggerHolder) set(l Logger) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.current = l
}

func (h *loggerHolder) reset() {
	h.set(h.builtin)
}
