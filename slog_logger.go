// The adapter from Logger to the standard library's structured logging, log/slog.

package raft

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"time"
)

// NewSlogLogger returns a Logger that writes to l, or to slog.Default() as it is at the time of the call if l is nil.
// Nothing is formatted, and nothing allocated, for a message whose level is off.
//
// Debug, Info, Warning and Error have their slog levels. Fatal and Panic, for which slog has none, are written four
// above slog.LevelError, which slog's own handlers show as ERROR+4; after that Fatal ends the process with status 1 and
// Panic panics with the message, whatever the level. The source position of a record is where the method of Logger was
// called. It is safe for use from several goroutines.
func NewSlogLogger(l *slog.Logger) Logger {
	if l == nil {
		l = slog.Default()
	}
	return &slogLogger{handler: l.Handler()}
}

// slogCritical is the level of messages after which the caller is not returned to.
const slogCritical = slog.LevelError + 4

// callerDepth is the number of stack frames from runtime.Callers to the caller of a slogLogger's method:
// runtime.Callers, write, the method.
const callerDepth = 3

type slogLogger struct {
	handler slog.Handler
	exit    func(code int) // in place of os.Exit, for tests
}

func (s *slogLogger) Debug(v ...any) {
	if s.enabled(slog.LevelDebug) {
		s.write(slog.LevelDebug, fmt.Sprint(v...))
	}
}

func (s *slogLogger) Debugf(format string, v ...any) {
	if s.enabled(slog.LevelDebug) {
		s.write(slog.LevelDebug, fmt.Sprintf(format, v...))
	}
}

func (s *slogLogger) Info(v ...any) {
	if s.enabled(slog.LevelInfo) {
		s.write(slog.LevelInfo, fmt.Sprint(v...))
	}
}

func (s *slogLogger) Infof(format string, v ...any) {
	if s.enabled(slog.LevelInfo) {
		s.write(slog.LevelInfo, fmt.Sprintf(format, v...))
	}
}

func (s *slogLogger) Warning(v ...any) {
	if s.enabled(slog.LevelWarn) {
		s.write(slog.LevelWarn, fmt.Sprint(v...))
	}
}

func (s *slogLogger) Warningf(format string, v ...any) {
	if s.enabled(slog.LevelWarn) {
		s.write(slog.LevelWarn, fmt.Sprintf(format, v...))
	}
}

func (s *slogLogger) Error(v ...any) {
	if s.enabled(slog.LevelError) {
		s.write(slog.LevelError, fmt.Sprint(v...))
	}
}

func (s *slogLogger) Errorf(format string, v ...any) {
	if s.enabled(slog.LevelError) {
		s.write(slog.LevelError, fmt.Sprintf(format, v...))
	}
}

func (s *slogLogger) Fatal(v ...any) {
	if s.enabled(slogCritical) {
		s.write(slogCritical, fmt.Sprint(v...))
	}
	exitProcess(s.exit)
}

func (s *slogLogger) Fatalf(format string, v ...any) {
	if s.enabled(slogCritical) {
		s.write(slogCritical, fmt.Sprintf(format, v...))
	}
	exitProcess(s.exit)
}

func (s *slogLogger) Panic(v ...any) {
	text := fmt.Sprint(v...)
	if s.enabled(slogCritical) {
		s.write(slogCritical, text)
	}
	panic(text)
}

func (s *slogLogger) Panicf(format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	if s.enabled(slogCritical) {
		s.write(slogCritical, text)
	}
	panic(text)
}

func (s *slogLogger) enabled(level slog.Level) bool {
	return s.handler.Enabled(context.Background(), level)
}

// write hands the text to the handler as a record of the method's caller. It must be called by the methods of Logger
// directly, or callerDepth is wrong.
func (s *slogLogger) write(level slog.Level, text string) {
	var pc [1]uintptr
	runtime.Callers(callerDepth, pc[:])
	// The clock is read for the record's time stamp alone; no decision of a replica depends on it.
	record := slog.NewRecord(time.Now(), level, text, pc[0])
	// A log that cannot be written has nowhere to say so; the replica goes on without it.
	_ = s.handler.Handle(context.Background(), record)
}
