package raft

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every kind of Logger implements the interface.
var (
	_ Logger = (*DefaultLogger)(nil)
	_ Logger = (*slogLogger)(nil)
	_ Logger = DiscardLogger{}
)

// logCall is a method of Logger by name, called with two operands between which fmt.Sprint puts a space, or with a
// format. Each call stands on one line, which it returns.
type logCall struct {
	method string
	level  string // as DefaultLogger writes it
	slog   string // as slog's text handler writes it
	call   func(l Logger) (line int)
}

// logText is what every logCall logs.
const logText = "7 8"

// here returns the line of its caller.
func here() int {
	_, _, line, _ := runtime.Caller(1)
	return line
}

func logCalls() []logCall {
	return []logCall{
		{"Debug", "DEBUG", "DEBUG", func(l Logger) int { l.Debug(7, 8); return here() }},
		{"Debugf", "DEBUG", "DEBUG", func(l Logger) int { l.Debugf("%d %d", 7, 8); return here() }},
		{"Info", "INFO", "INFO", func(l Logger) int { l.Info(7, 8); return here() }},
		{"Infof", "INFO", "INFO", func(l Logger) int { l.Infof("%d %d", 7, 8); return here() }},
		{"Warning", "WARN", "WARN", func(l Logger) int { l.Warning(7, 8); return here() }},
		{"Warningf", "WARN", "WARN", func(l Logger) int { l.Warningf("%d %d", 7, 8); return here() }},
		{"Error", "ERROR", "ERROR", func(l Logger) int { l.Error(7, 8); return here() }},
		{"Errorf", "ERROR", "ERROR", func(l Logger) int { l.Errorf("%d %d", 7, 8); return here() }},
		{"Fatal", "FATAL", "ERROR+4", func(l Logger) int { l.Fatal(7, 8); return here() }},
		{"Fatalf", "FATAL", "ERROR+4", func(l Logger) int { l.Fatalf("%d %d", 7, 8); return here() }},
		{"Panic", "PANIC", "ERROR+4", func(l Logger) int { defer recoverText(); l.Panic(7, 8); return here() }},
		{"Panicf", "PANIC", "ERROR+4", func(l Logger) int { defer recoverText(); l.Panicf("%d %d", 7, 8); return here() }},
	}
}

// recoverText swallows the panic with logText, and no other.
func recoverText() {
	if r := recover(); r != nil && r != logText {
		panic(r)
	}
}

// lineOf returns where c calls its method. For one that panics, the line is found by a logger that does not.
func lineOf(c logCall) int { return c.call(quietLogger{}) }

// quietLogger does nothing at all, not even what Fatal and Panic must do.
type quietLogger struct{ DiscardLogger }

func (quietLogger) Fatal(...any)          {}
func (quietLogger) Fatalf(string, ...any) {}
func (quietLogger) Panic(...any)          {}
func (quietLogger) Panicf(string, ...any) {}

func TestDefaultLoggerLevelsAndCallers(t *testing.T) {
	for _, c := range logCalls() {
		t.Run(c.method, func(t *testing.T) {
			var out bytes.Buffer
			exits := 0
			exit := func(code int) { exits += code }
			l := &DefaultLogger{Logger: log.New(&out, "", log.Lshortfile), exit: &exit}
			l.EnableDebug()
			c.call(l)
			require.Equal(t, fmt.Sprintf("logger_test.go:%d: %s: %s\n", lineOf(c), c.level, logText), out.String())
			require.Equal(t, c.level == "FATAL", exits == 1)
		})
	}
}

func TestLoggersPanicWithTheMessage(t *testing.T) {
	for name, l := range map[string]Logger{
		"default":          &DefaultLogger{Logger: log.New(io.Discard, "", 0)},
		"discard":          DiscardLogger{},
		"slog":             NewSlogLogger(slog.New(slog.NewTextHandler(io.Discard, nil))),
		"slog, levels off": NewSlogLogger(slog.New(slog.DiscardHandler)),
	} {
		require.PanicsWithValue(t, logText, func() { l.Panic(7, 8) }, name)
		require.PanicsWithValue(t, logText, func() { l.Panicf("%d %d", 7, 8) }, name)
	}
}

func TestDefaultLoggerDebugIsOffAtFirst(t *testing.T) {
	var out bytes.Buffer
	var counter formatCounter
	l := &DefaultLogger{Logger: log.New(&out, "", 0)}
	l.Debug(&counter)
	l.Debugf("%v", &counter)
	require.Empty(t, out.String())
	require.Zero(t, counter, "nothing is formatted")
	l.EnableDebug()
	l.Debug(&counter)
	l.Debugf("%v", &counter)
	require.Equal(t, "DEBUG: counted\nDEBUG: counted\n", out.String())
}

func TestDefaultLoggerTimestamps(t *testing.T) {
	var out bytes.Buffer
	l := &DefaultLogger{Logger: log.New(&out, "x ", log.Lmsgprefix)}
	l.Info("a")
	require.Equal(t, "x INFO: a\n", out.String())
	out.Reset()
	l.EnableTimestamps()
	l.Info("a")
	require.Regexp(t, `^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d x INFO: a\n$`, out.String())
}

// formatCounter counts how often it is formatted.
type formatCounter int

func (c *formatCounter) String() string {
	*c++
	return "counted"
}

func TestDiscardLoggerWritesNothing(t *testing.T) {
	var counter formatCounter
	l := DiscardLogger{}
	l.Debug(&counter)
	l.Debugf("%v", &counter)
	l.Info(&counter)
	l.Infof("%v", &counter)
	l.Warning(&counter)
	l.Warningf("%v", &counter)
	l.Error(&counter)
	l.Errorf("%v", &counter)
	require.Zero(t, counter)
}

func TestSetLogger(t *testing.T) {
	defer ResetDefaultLogger()
	builtin := getLogger()
	require.IsType(t, &DefaultLogger{}, builtin)

	SetLogger(DiscardLogger{})
	require.Equal(t, DiscardLogger{}, getLogger())
	ResetDefaultLogger()
	require.True(t, builtin == getLogger())
	SetLogger(DiscardLogger{})
	SetLogger(nil)
	require.True(t, builtin == getLogger(), "nil stands for the built-in one")
}

func TestSetLoggerFromManyGoroutines(t *testing.T) {
	defer ResetDefaultLogger()
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 100 {
				SetLogger(DiscardLogger{})
				getLogger().Infof("%d", 1)
			}
		})
	}
	group.Wait()
	require.Equal(t, DiscardLogger{}, getLogger())
}

// textSlog returns a logger without times that writes the base name of the source file.
func textSlog(out io.Writer, level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{
		AddSource: true,
		Level:     level,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			switch value := a.Value.Any().(type) {
			case *slog.Source:
				return slog.String("source", fmt.Sprintf("%s:%d", filepath.Base(value.File), value.Line))
			default:
				return a
			}
		},
	}))
}

func TestSlogLoggerLevelsAndCallers(t *testing.T) {
	for _, c := range logCalls() {
		t.Run(c.method, func(t *testing.T) {
			var out bytes.Buffer
			exits := 0
			l := NewSlogLogger(textSlog(&out, slog.LevelDebug).With("id", 1))
			l.(*slogLogger).exit = func(code int) { exits += code }
			c.call(l)
			head, rest, ok := strings.Cut(out.String(), " ")
			require.True(t, ok)
			require.Contains(t, head, "time=")
			require.Equal(t, fmt.Sprintf("level=%s source=logger_test.go:%d msg=%q id=1\n", c.slog, lineOf(c), logText), rest)
			require.Equal(t, c.level == "FATAL", exits == 1)
		})
	}
}

func TestSlogLoggerFormatsNothingWhenTheLevelIsOff(t *testing.T) {
	const allOff = slogCritical + 1
	var out bytes.Buffer
	var counter formatCounter
	l := NewSlogLogger(textSlog(&out, allOff))
	exits := 0
	l.(*slogLogger).exit = func(int) { exits++ }
	args := []any{&counter}
	calls := func() {
		l.Debug(args...)
		l.Debugf("%v", args...)
		l.Info(args...)
		l.Infof("%v", args...)
		l.Warning(args...)
		l.Warningf("%v", args...)
		l.Error(args...)
		l.Errorf("%v", args...)
		l.Fatal(args...)
		l.Fatalf("%v", args...)
		l.Infof("no operands")
	}
	calls()
	require.Equal(t, 2, exits, "a fatal message is fatal even if nobody reads it")
	require.Zero(t, counter)
	require.Empty(t, out.String())
	require.Zero(t, testing.AllocsPerRun(100, calls))
}

func TestSlogLoggerHonoursTheLevel(t *testing.T) {
	var out bytes.Buffer
	l := NewSlogLogger(textSlog(&out, slog.LevelWarn))
	l.Info("a")
	l.Warning("b")
	l.Error("c")
	require.NotContains(t, out.String(), "msg=a")
	require.Contains(t, out.String(), "msg=b")
	require.Contains(t, out.String(), "msg=c")
}

// brokenHandler cannot write.
type brokenHandler struct{ slog.Handler }

func (brokenHandler) Enabled(context.Context, slog.Level) bool  { return true }
func (brokenHandler) Handle(context.Context, slog.Record) error { return errors.New("broken") }

func TestSlogLoggerSurvivesABrokenHandler(t *testing.T) {
	require.NotPanics(t, func() { NewSlogLogger(slog.New(brokenHandler{})).Info("a") })
}

func TestSlogLoggerOfNilIsTheDefault(t *testing.T) {
	// Setting slog's default sets the log package's output too, which setting it back does not undo.
	before, writer, flags := slog.Default(), log.Writer(), log.Flags()
	defer func() {
		slog.SetDefault(before)
		log.SetOutput(writer)
		log.SetFlags(flags)
	}()
	var out bytes.Buffer
	slog.SetDefault(textSlog(&out, slog.LevelInfo))
	NewSlogLogger(nil).Info("a")
	require.Contains(t, out.String(), "msg=a")
}

const fatalVariable = "RAFT_TEST_FATAL"

// TestFatalEndsTheProcess runs this test binary once for each logger, so that the process may really end.
func TestFatalEndsTheProcess(t *testing.T) {
	loggers := map[string]Logger{
		"default": &DefaultLogger{Logger: log.New(os.Stdout, "", 0)},
		"discard": DiscardLogger{},
		"slog":    NewSlogLogger(textSlog(os.Stdout, slog.LevelInfo)),
	}
	if name, format, ok := strings.Cut(os.Getenv(fatalVariable), " "); ok {
		fatal(loggers[name], format)
		fmt.Println("went on")
		return
	}
	for name := range loggers {
		for _, format := range []string{"", "last %s"} {
			cmd := exec.Command(os.Args[0], "-test.run=^TestFatalEndsTheProcess$")
			cmd.Env = append(os.Environ(), fatalVariable+"="+name+" "+format)
			out, err := cmd.Output()
			var exit *exec.ExitError
			require.ErrorAs(t, err, &exit, "%s", name)
			require.Equal(t, 1, exit.ExitCode())
			require.NotContains(t, string(out), "went on")
			require.Equal(t, name != "discard", strings.Contains(string(out), "last words"), "%s: %s", name, out)
		}
	}
}

func fatal(l Logger, format string) {
	if format == "" {
		l.Fatal("last words")
		return
	}
	l.Fatalf(format, "words")
}
