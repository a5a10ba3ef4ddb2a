package server

// Streams of server-sent events: how an event is written, and what becomes of a client that does not read.

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"time"
)

// An eventStream writes events, piece by piece. It gives up when the client takes none for too long.
type eventStream struct {
	ctx     context.Context
	w       http.ResponseWriter
	control *http.ResponseController
	stall   time.Duration
	out     jsonWriter
	begun   bool
}

func (a *api) newEventStream(w http.ResponseWriter, r *request) *eventStream {
	narrow(r)
	s := &eventStream{ctx: r.Context(), w: w, control: http.NewResponseController(w), stall: a.limits.writeStall}
	s.out.sendPiece = s.write
	return s
}

// begin begins an event, without an ID if that is empty. What follows, up to end, must not contain a newline.
func (s *eventStream) begin(id, kind string) {
	if id != "" {
		s.out.raw("id: ")
		s.out.raw(id)
		s.out.raw("\n")
	}
	s.out.raw("event: ")
	s.out.raw(kind)
	s.out.raw("\ndata: ")
}

func (s *eventStream) end() { s.out.raw("\n\n") }

// jsonEvent adds an event whose data is a small value in JSON.
func (s *eventStream) jsonEvent(id, kind string, value any) error {
	data, err := marshal(value)
	if err != nil {
		return err
	}
	s.begin(id, kind)
	s.out.raw(string(data))
	s.end()
	return nil
}

// comment adds a line that means nothing.
func (s *eventStream) comment(text string) {
	s.out.raw(": ")
	s.out.raw(text)
	s.out.raw("\n\n")
}

// write sends a piece, for which the client has its time anew. It begins the answer if that was not done.
func (s *eventStream) write(piece []byte) error {
	if err := s.ctx.Err(); err != nil && s.begun {
		return writeFailed(err) // an event may take long, and a member that stops does not wait for it
	}
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
	_, err := s.w.Write(piece)
	return writeFailed(err)
}

// send sends what was added.
func (s *eventStream) send() error {
	if err := s.out.flush(); err != nil {
		return err
	}
	return writeFailed(s.control.Flush())
}

// connectionKey is where the context of a request has its connection.
type connectionKey struct{}

// noteConnection is for http.Server.ConnContext.
func noteConnection(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connectionKey{}, conn)
}

// streamBuffer is how much of a stream the operating system holds for a client. It says that there is room again only when a good part of
// its buffer is free, and that may be megabytes, for which a client that reads slowly takes longer than it is given for a piece.
const streamBuffer = 128 << 10

// narrow bounds what the operating system holds of the answer. Streams of HTTP/2 share a connection, and have windows of their own.
func narrow(r *request) {
	if r.ProtoMajor != 1 {
		return
	}
	conn := r.Context().Value(connectionKey{})
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(streamBuffer) // as a whole answer is bounded by its deadline, nothing depends on it but patience
	}
}
