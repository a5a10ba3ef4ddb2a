package server

// Streams of server-sent events: how an event is written, and what becomes of a client that does not read.

import (
	"bytes"
	"net/http"
	"time"
)

// An eventStream writes events. It gives up when the client takes none for too long, so that what it holds is bounded by
// one batch.
type eventStream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	stall   time.Duration
	buffer  bytes.Buffer
	begun   bool
}

func (a *api) newEventStream(w http.ResponseWriter) *eventStream {
	return &eventStream{w: w, control: http.NewResponseController(w), stall: a.limits.writeStall}
}

// event adds an event, without an ID if that is empty. The data must not contain a newline.
func (s *eventStream) event(id, kind string, data []byte) {
	if id != "" {
		s.buffer.WriteString("id: ")
		s.buffer.WriteString(id)
		s.buffer.WriteByte('\n')
	}
	s.buffer.WriteString("event: ")
	s.buffer.WriteString(kind)
	s.buffer.WriteString("\ndata: ")
	s.buffer.Write(data)
	s.buffer.WriteString("\n\n")
}

// jsonEvent adds an event whose data is a value in JSON.
func (s *eventStream) jsonEvent(id, kind string, value any) error {
	data, err := marshal(value)
	if err != nil {
		return err
	}
	s.event(id, kind, data)
	return nil
}

// comment adds a line that means nothing.
func (s *eventStream) comment(text string) {
	s.buffer.WriteString(": ")
	s.buffer.WriteString(text)
	s.buffer.WriteString("\n\n")
}

// retainedBuffer is how much memory a stream keeps between events.
const retainedBuffer = 64 << 10

// send sends what was added, and begins the answer if that was not done.
func (s *eventStream) send() error {
	if !s.begun {
		s.begun = true
		header := s.w.Header()
		header.Set("Content-Type", "text/event-stream")
		header.Set("Cache-Control", "no-store")
		header.Set("X-Accel-Buffering", "no")
		header.Set("X-Content-Type-Options", "nosniff")
		s.w.WriteHeader(http.StatusOK)
	}
	if err := s.control.SetWriteDeadline(time.Now().Add(s.stall)); err != nil {
		return writeFailed(err)
	}
	if _, err := s.w.Write(s.buffer.Bytes()); err != nil {
		return writeFailed(err)
	}
	s.buffer.Reset()
	if s.buffer.Cap() > retainedBuffer {
		s.buffer = bytes.Buffer{}
	}
	return writeFailed(s.control.Flush())
}
