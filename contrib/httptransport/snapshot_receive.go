package httptransport

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/seed695671cb/raft/replica"

	pb "github.com/seed695671cb/raft/raftpb"
)

// Receiving snapshots: the requests. See session.go for what lasts from one to the next.

// serveBegin says how much of a snapshot is there, having opened a sink for it if there is none.
func (r *receiver) serveBegin(v visit) *refusal {
	select {
	case r.headers <- struct{}{}:
		defer func() { <-r.headers }()
	default:
		return refuse(http.StatusServiceUnavailable, "too many snapshots begin at the same time")
	}
	defer r.interruptible(v)()
	header, what, no := r.readHeader(v)
	if no != nil {
		return no
	}
	ctx, cancel := within(v.r.Context(), r.transport.options.StreamIdle, "waiting for an earlier request")
	defer cancel()
	s, answer, no := r.claim(ctx, header, what)
	if no != nil {
		return no
	}
	if answer != nil {
		return v.reply(answer)
	}
	defer s.release()
	if s.sink == nil || !s.resume(what) {
		if no := r.open(v, s, header, what); no != nil {
			return no
		}
	}
	return v.reply(beginAnswer{Token: s.token, Offset: s.sink.Offset()})
}

// readHeader reads what a snapshot is.
func (r *receiver) readHeader(v visit) (header replica.SnapshotHeader, what contents, no *refusal) {
	var request beginRequest
	body := http.MaxBytesReader(v.w, v.r.Body, 2*maxMessageBytes)
	if err := json.NewDecoder(body).Decode(&request); err != nil {
		return header, what, refuse(http.StatusBadRequest, "the header of a snapshot: %v", err)
	}
	if len(request.Message) > maxMessageBytes {
		return header, what, refuse(http.StatusRequestEntityTooLarge, "the message of a snapshot has %d bytes, at most %d are allowed",
			len(request.Message), maxMessageBytes)
	}
	if len(request.Attempt) > maxAttemptID {
		return header, what, refuse(http.StatusBadRequest, "the name of an attempt has %d bytes, at most %d are allowed",
			len(request.Attempt), maxAttemptID)
	}
	var m pb.Message
	err := checkShape(request.Message)
	if err == nil {
		err = m.Unmarshal(request.Message)
	}
	if err == nil {
		err = checkMessage(&m, v.from, r.transport.options.ID)
	}
	if err == nil && (m.Type != pb.MsgSnap || m.Snapshot == nil || len(m.Snapshot.Data) != 0 || len(m.Entries) != 0) {
		err = fmt.Errorf("%s is not that of a snapshot without its data", m.Type)
	}
	if err != nil {
		return header, what, refuse(http.StatusBadRequest, "the message of a snapshot: %v", err)
	}
	header = replica.SnapshotHeader{Group: request.Group, From: v.from, To: m.To, Stream: request.Stream, Message: m}
	return header, contents{stream: request.Stream, message: request.Message, attempt: request.Attempt}, nil
}

// open has the handler open a sink. A sink for something else is closed before.
func (r *receiver) open(v visit, s *session, header replica.SnapshotHeader, what contents) *refusal {
	s.closeSink(r.transport.options.Logger)
	if !r.makeRoom(s) {
		r.forget(s)
		return refuse(http.StatusServiceUnavailable, "%d snapshots arrive already, which is MaxSnapshots", r.transport.options.MaxSnapshots)
	}
	sink, err := v.handler.HandleSnapshot(header)
	if err != nil {
		r.forget(s)
		no := refuse(http.StatusUnprocessableEntity, "%v", err)
		no.Final = true
		return no
	}
	r.begin(s, sink, what)
	return nil
}

// serveChunk writes a chunk to a sink.
func (r *receiver) serveChunk(v visit) *refusal {
	defer r.interruptible(v)()
	offset, err := strconv.ParseUint(v.r.Header.Get(headerOffset), 10, 64)
	sum, err2 := strconv.ParseUint(v.r.Header.Get(headerChecksum), 16, 32)
	if err := errors.Join(err, err2); err != nil {
		return refuse(http.StatusBadRequest, "%s and %s of a chunk: %v", headerOffset, headerChecksum, err)
	}
	s := r.find(v.from, v.r.Header.Get(headerToken))
	if s == nil {
		return refuse(http.StatusNotFound, "the snapshot is not known here, begin it again")
	}
	buffer, no := r.readChunk(v)
	if no != nil {
		return no
	}
	defer r.giveBack(buffer)
	if crc32.Checksum(buffer, castagnoli()) != uint32(sum) {
		no := refuse(http.StatusConflict, "the chunk at %d has a wrong checksum", offset)
		no.Offset = offset
		return no
	}
	ctx, cancel := within(v.r.Context(), r.transport.options.StreamIdle, "waiting for an earlier chunk")
	defer cancel()
	if no := s.acquire(ctx, r.stopped); no != nil {
		return no
	}
	defer s.release()
	return r.write(v, s, buffer, offset)
}

// readChunk reads the body of a request into a buffer, which the caller gives back.
func (r *receiver) readChunk(v visit) ([]byte, *refusal) {
	limit := r.transport.options.MaxSnapshotChunk
	length := v.r.ContentLength
	if length < 1 || length > int64(limit) {
		return nil, refuse(http.StatusRequestEntityTooLarge, "a chunk of %d bytes, 1 to %d are allowed", length, limit)
	}
	if err := v.control.SetReadDeadline(time.Now().Add(r.transport.options.allowance(int(length)))); err != nil {
		return nil, refuse(http.StatusInternalServerError, "limit the time of a chunk: %v", err)
	}
	buffer, ok := r.borrow(int(length))
	if !ok {
		return nil, refuse(http.StatusServiceUnavailable, "too many chunks arrive at the same time")
	}
	if _, err := io.ReadFull(v.r.Body, buffer); err != nil {
		r.giveBack(buffer)
		return nil, refuse(http.StatusRequestTimeout, "the chunk did not arrive as a whole: %v", unexpected(err))
	}
	return buffer, nil
}

// write writes a chunk to the sink of a session that the caller holds.
func (r *receiver) write(v visit, s *session, chunk []byte, offset uint64) *refusal {
	if s.sink == nil || s.token != v.r.Header.Get(headerToken) {
		return refuse(http.StatusNotFound, "the snapshot is not known here any more, begin it again")
	}
	if at := s.sink.Offset(); at != offset {
		no := refuse(http.StatusConflict, "the snapshot goes on at %d", at)
		no.Offset = at
		return no
	}
	if _, err := s.sink.Write(chunk); err != nil {
		s.closeSink(r.transport.options.Logger)
		r.forget(s)
		no := refuse(http.StatusInternalServerError, "write the snapshot at %d: %v", offset, err)
		no.Final = true
		return no
	}
	r.touch(s)
	return v.reply(beginAnswer{Token: s.token, Offset: s.sink.Offset()})
}

// serveFinish completes a snapshot. That may take long: until it is done, empty lines tell the sender so. It goes on without the
// sender, who may ask again.
func (r *receiver) serveFinish(v visit) *refusal {
	size, err := strconv.ParseUint(v.r.Header.Get(headerOffset), 10, 64)
	if err != nil {
		return refuse(http.StatusBadRequest, "%s of a snapshot's end: %v", headerOffset, err)
	}
	token := v.r.Header.Get(headerToken)
	s := r.find(v.from, token)
	if s == nil {
		return refuse(http.StatusNotFound, "the snapshot is not known here, begin it again")
	}
	c, no := r.finish(v, s, token, size)
	if no != nil {
		return no
	}
	v.w.Header().Set("Content-Type", "application/json")
	v.w.WriteHeader(http.StatusOK)
	alive := time.NewTicker(r.transport.options.Keepalive)
	defer alive.Stop()
	for {
		select {
		case <-c.done:
			return v.reply(c.outcome())
		case <-v.r.Context().Done():
			return nil
		case <-r.stopped:
			return nil
		case <-alive.C:
		}
		// A sender that takes nothing is not waited for.
		err := v.control.SetWriteDeadline(time.Now().Add(r.transport.options.StreamIdle))
		_, err2 := v.w.Write([]byte("\n"))
		if errors.Join(err, err2, v.control.Flush()) != nil {
			return nil
		}
	}
}

// finish begins to complete a snapshot, unless that has begun.
func (r *receiver) finish(v visit, s *session, token string, size uint64) (*completion, *refusal) {
	if c := s.completionOf(token); c != nil {
		return c, nil
	}
	ctx, cancel := within(v.r.Context(), r.transport.options.StreamIdle, "waiting for an earlier chunk")
	defer cancel()
	if no := s.acquire(ctx, r.stopped); no != nil {
		return nil, no
	}
	c, no := r.finishHeld(s, token, size)
	if no != nil || c.isDone() || s.sink == nil {
		s.release()
		return c, no
	}
	// The caller is counted as work, so that Close waits for this goroutine, too.
	r.transport.work.Go(func() {
		defer s.release()
		c.err = s.sink.Finish()
		s.closeSink(r.transport.options.Logger)
		r.completed(s, c)
	})
	return c, nil
}

// finishHeld is finish for a session that the caller holds.
func (r *receiver) finishHeld(s *session, token string, size uint64) (*completion, *refusal) {
	if c := s.completionOf(token); c != nil {
		return c, nil
	}
	if s.sink == nil || s.token != token {
		return nil, refuse(http.StatusNotFound, "the snapshot is not known here any more, begin it again")
	}
	if at := s.sink.Offset(); at != size {
		no := refuse(http.StatusConflict, "the snapshot goes on at %d", at)
		no.Offset = at
		return nil, no
	}
	return s.complete(size), nil
}

// serveAbandon closes a sink whose sender has given up. One that is being completed is left alone. A chunk that is being written is
// waited for, whether or not the sender waits as well: nobody else would close the sink before it has been idle for long.
func (r *receiver) serveAbandon(v visit) *refusal {
	token := v.r.Header.Get(headerToken)
	s := r.find(v.from, token)
	if s == nil || s.completionOf(token) != nil {
		return v.reply(beginAnswer{})
	}
	ctx, cancel := within(r.ctx, r.transport.options.StreamIdle, "waiting for a chunk")
	defer cancel()
	if no := s.acquire(ctx, r.stopped); no != nil {
		return no
	}
	defer s.release()
	if s.sink != nil && s.isNamed(token) {
		s.closeSink(r.transport.options.Logger)
		r.forget(s)
	}
	return v.reply(beginAnswer{})
}

// reply answers with 200 and JSON in one line.
func (v visit) reply(answer any) *refusal {
	var line bytes.Buffer
	if err := json.NewEncoder(&line).Encode(answer); err != nil {
		return refuse(http.StatusInternalServerError, "encode an answer: %v", err)
	}
	if _, err := v.w.Write(line.Bytes()); err != nil {
		return nil // the sender is gone, and asks again
	}
	return nil
}

// interruptible has Close end the reading of a request's body. The function that it returns is to be called when the request is
// done with.
func (r *receiver) interruptible(v visit) (done func()) {
	interrupted := make(chan struct{})
	stop := context.AfterFunc(r.ctx, func() {
		defer close(interrupted)
		if err := v.control.SetReadDeadline(time.Now().Add(-time.Second)); err != nil {
			r.transport.options.Logger.Debug("raft request is not ended in time", "error", err)
		}
	})
	return func() {
		if !stop() {
			<-interrupted
		}
	}
}
