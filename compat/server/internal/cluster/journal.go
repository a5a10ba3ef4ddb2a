package cluster

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Messages by which etcd says what it does; a Journal keeps them with their fields.
const (
	SnapshotSent    = "sending merged snapshot"
	SnapshotApplied = "applied snapshot"
	SnapshotOnDisk  = "saved snapshot to disk"
	LeaderMoved     = "leadership transfer finished"
)

const tailLength = 60

// A Journal is what a member logs through all of its lives: the notes that tests ask for, every panic, and the last lines.
// It is a zapcore.Core; its methods may be called from any goroutine.
type Journal struct {
	mu     sync.Mutex
	notes  []Note
	panics []string
	tail   []string
}

// A Note is one message that a test may ask for.
type Note struct {
	Message string
	Fields  map[string]any
}

// Logger returns a logger that writes to the journal. What is fatal panics, so that the test shows where it happened.
func (j *Journal) Logger() *zap.Logger {
	return zap.New(j, zap.WithFatalHook(zapcore.WriteThenPanic))
}

// Notes returns the notes that carry a message, in the order in which they were made.
func (j *Journal) Notes(message string) []Note {
	j.mu.Lock()
	defer j.mu.Unlock()
	var found []Note
	for _, note := range j.notes {
		if note.Message == message {
			found = append(found, note)
		}
	}
	return found
}

// Panics returns every line that was logged as a panic, as fatal, or by somebody who recovered from a panic.
func (j *Journal) Panics() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.panics)
}

// Tail returns the last lines.
func (j *Journal) Tail() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Join(j.tail, "\n")
}

// Enabled implements zapcore.Core: what is meant for developers is left out.
func (j *Journal) Enabled(level zapcore.Level) bool { return level >= zapcore.InfoLevel }

// With implements zapcore.Core.
func (j *Journal) With(fields []zapcore.Field) zapcore.Core {
	return &scope{journal: j, fields: fields}
}

// Check implements zapcore.Core.
func (j *Journal) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if !j.Enabled(entry.Level) {
		return checked
	}
	return checked.AddCore(entry, j)
}

// Write implements zapcore.Core.
func (j *Journal) Write(entry zapcore.Entry, fields []zapcore.Field) error {
	encoder := zapcore.NewMapObjectEncoder()
	for _, field := range fields {
		field.AddTo(encoder)
	}
	if entry.Stack != "" {
		encoder.Fields["stack"] = entry.Stack
	}
	j.record(entry.Level, entry.Message, encoder.Fields)
	return nil
}

// read takes over what a process writes: its log, one JSON object a line, and what the Go runtime has to say.
func (j *Journal) read(log io.Reader) {
	lines := bufio.NewReader(log)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			j.parse(strings.TrimSuffix(line, "\n"))
		}
		if err != nil {
			return
		}
	}
}

func (j *Journal) parse(line string) {
	var fields map[string]any
	if json.Unmarshal([]byte(line), &fields) != nil {
		j.record(plainLevel(line), line, nil)
		return
	}
	level, err := zapcore.ParseLevel(fmt.Sprint(fields["level"]))
	if err != nil {
		level = zapcore.PanicLevel
	}
	message := fmt.Sprint(fields["msg"])
	delete(fields, "level")
	delete(fields, "msg")
	j.record(level, message, fields)
}

// plainLevel judges a line that is no JSON: a report of a panic or of a data race has to be seen, as a whole.
func plainLevel(line string) zapcore.Level {
	for _, bad := range []string{"panic", "fatal error", "DATA RACE", "goroutine ", ".go:", "(0x"} {
		if strings.Contains(line, bad) {
			return zapcore.PanicLevel
		}
	}
	return zapcore.WarnLevel
}

func (j *Journal) record(level zapcore.Level, message string, fields map[string]any) {
	line := fmt.Sprintf("%s %s %s %v", time.Now().Format("15:04:05.000"), level.CapitalString(), message, fields)
	j.mu.Lock()
	defer j.mu.Unlock()
	if level >= zapcore.DPanicLevel || strings.Contains(message, "panic") {
		j.panics = append(j.panics, line)
	}
	if isNoted(message) {
		j.notes = append(j.notes, Note{Message: message, Fields: fields})
	}
	if len(j.tail) >= tailLength {
		j.tail = slices.Delete(j.tail, 0, tailLength/2)
	}
	j.tail = append(j.tail, line)
}

// Sync implements zapcore.Core.
func (j *Journal) Sync() error { return nil }

func isNoted(message string) bool {
	switch message {
	case SnapshotSent, SnapshotApplied, SnapshotOnDisk, LeaderMoved:
		return true
	}
	return false
}

// A scope is a journal with fields that every line carries.
type scope struct {
	journal *Journal
	fields  []zapcore.Field
}

func (s *scope) Enabled(level zapcore.Level) bool { return s.journal.Enabled(level) }

func (s *scope) With(fields []zapcore.Field) zapcore.Core {
	return &scope{journal: s.journal, fields: slices.Concat(s.fields, fields)}
}

func (s *scope) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if !s.Enabled(entry.Level) {
		return checked
	}
	return checked.AddCore(entry, s)
}

func (s *scope) Write(entry zapcore.Entry, fields []zapcore.Field) error {
	return s.journal.Write(entry, slices.Concat(s.fields, fields))
}

func (s *scope) Sync() error { return nil }
