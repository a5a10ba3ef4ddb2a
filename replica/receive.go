package replica

import (
	"errors"
	"fmt"
	"sync"
	"time"

	pb "github.com/seed695671cb/raft/raftpb"
)

// Receiving snapshots (Raft §7): the contents are staged in the log store as they arrive. When they are complete the message
// that they belong to is stepped; if the consensus wants the snapshot, the log store installs it, and it is restored.

// staging says who uses the log's place for the contents of a snapshot that counts for nothing yet: there is one a log.
type staging struct {
	mu   sync.Mutex
	busy string
	from uint64
	// received and index are of a snapshot that arrives; index is 0 if none does.
	received, index uint64
	// sink is that of the snapshot that arrives, or arrived last; closed is set when there may be no other.
	sink   *sink
	closed bool
	// verifier is that of the contents that arrived last, which may go on.
	verifier *verifier
}

// verifierFor returns what checks contents from the offset on: what has seen them up to there, or, from the beginning, a new
// one, and otherwise nil. The caller holds the lock.
func (s *staging) verifierFor(stream, offset uint64, meta pb.SnapshotMetadata) *verifier {
	if v := s.verifier; v != nil && v.stream == stream && v.seen == offset && offset > 0 {
		return v
	}
	s.verifier.abandon()
	s.verifier = nil
	if offset == 0 {
		s.verifier = newVerifier(stream, meta)
	}
	return s.verifier
}

// forgetVerifier ends the check of contents of which nothing more has come for a while.
func (s *staging) forgetVerifier(v *verifier) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.verifier == v && s.busy != "received" {
		v.abandon()
		s.verifier = nil
	}
}

// acquire takes the place. The error says who has it.
func (s *staging) acquire(who string, from, index uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrStopped
	}
	if s.busy != "" {
		return fmt.Errorf("a snapshot is being %s at the moment: try again later", s.busy)
	}
	s.busy, s.from, s.index, s.received = who, from, index, 0
	return nil
}

// giveWay ends what a leader of an earlier term is sending: whoever sends in a later one would otherwise have to wait for it.
func (s *staging) giveWay(term uint64) {
	s.mu.Lock()
	sink := s.sink
	earlier := s.busy == "received" && sink != nil && sink.message.Term < term
	s.mu.Unlock()
	if earlier {
		_ = sink.Close() // what it has is resumed if the same contents come again
	}
}

func (s *staging) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy, s.index, s.received = "", 0, 0
}

// open stages what arrives, unless that has come to its end.
func (s *staging) open(r *Replica, h *SnapshotHeader) (*sink, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrStopped
	}
	meta := h.Message.Snapshot.Metadata
	writer, err := r.log.StageSnapshot(h.Stream, meta)
	if err != nil {
		return nil, err
	}
	s.received = writer.Offset()
	s.sink = &sink{r: r, stream: h.Stream, writer: writer, message: h.Message}
	s.sink.verifier = s.verifierFor(h.Stream, writer.Offset(), meta)
	return s.sink, nil
}

// close ends the use of the log by what arrives.
func (s *staging) close() {
	s.mu.Lock()
	s.closed = true
	sink := s.sink
	s.verifier.abandon()
	s.mu.Unlock()
	if sink != nil {
		_ = sink.Close() // what was staged stays, or is written anew
	}
}

func (s *staging) become(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy = what
}

func (s *staging) sender() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.from
}

func (s *staging) progress(received uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.received = received
}

// arriving returns what Status says of a snapshot that arrives.
func (s *staging) arriving() *SnapshotProgress {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.index == 0 {
		return nil
	}
	return &SnapshotProgress{From: s.from, Index: s.index, Received: s.received}
}

// receiveSnapshot begins to take a snapshot, or goes on with it.
func (r *Replica) receiveSnapshot(h SnapshotHeader) (SnapshotSink, error) {
	if err := r.checkHeader(&h); err != nil {
		return nil, err
	}
	r.staging.giveWay(h.Message.Term)
	select {
	case r.host.receiving <- struct{}{}:
	default:
		return nil, fmt.Errorf("host %d receives %d snapshots already: try again later", r.id, cap(r.host.receiving))
	}
	if err := r.staging.acquire("received", h.From, h.Message.Snapshot.Metadata.Index); err != nil {
		<-r.host.receiving
		return nil, err
	}
	s, err := r.staging.open(r, &h)
	if err != nil {
		r.staging.release()
		<-r.host.receiving
		return nil, fmt.Errorf("the snapshot cannot be staged: %w", err)
	}
	return s, nil
}

func (r *Replica) checkHeader(h *SnapshotHeader) error {
	m := &h.Message
	_, term := r.Leader()
	switch {
	case r.refusing.Load() || r.stopping():
		return ErrStopped
	case m.Type != pb.MsgSnap || m.Snapshot == nil || m.Snapshot.Metadata.Index == 0:
		return errors.New("the header of a snapshot has to hold a MsgSnap with an index")
	case h.To != r.id || m.To != r.id || m.From != h.From:
		return fmt.Errorf("the snapshot is from %d to %d, but its message from %d to %d; this is %d", h.From, h.To, m.From, m.To, r.id)
	case m.Term < term:
		return fmt.Errorf("the snapshot is of a leader in term %d, and this is term %d", m.Term, term)
	case m.Snapshot.Metadata.Index <= r.applied.Load():
		return fmt.Errorf("the snapshot is of entry %d, but %d is applied here already", m.Snapshot.Metadata.Index, r.applied.Load())
	}
	return nil
}

// A sink stages what arrives. It is the transport's, but ends with the replica.
type sink struct {
	r       *Replica
	stream  uint64
	message pb.Message

	mu       sync.Mutex
	writer   SnapshotWriter
	verifier *verifier // nil for contents that are resumed
	finished bool
	closed   bool
}

func (s *sink) Offset() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writer.Offset()
}

func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.taking(); err != nil {
		return 0, err
	}
	if err := s.verifier.write(p); err != nil {
		return 0, s.refuse(err)
	}
	n, err := s.writer.Write(p)
	s.r.staging.progress(s.writer.Offset())
	return n, err
}

func (s *sink) Finish() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.taking(); err != nil {
		return err
	}
	if err := s.verifier.finish(); err != nil {
		return s.refuse(err)
	}
	if err := s.writer.Finish(); err != nil {
		return err
	}
	// Until it is installed and restored, or not wanted, nothing else may be staged.
	s.r.staging.become("installed")
	if !s.r.inbox.put(func(l *letters) { l.acks = append(l.acks, s.message) }) {
		return ErrStopped
	}
	s.finished = true
	s.r.host.steps.add(s.r.stepper())
	return nil
}

// taking returns why the sink takes nothing more. The caller holds the lock.
func (s *sink) taking() error {
	switch {
	case s.closed:
		return ErrStopped
	case s.finished:
		return errors.New("the contents of the snapshot are complete already: nothing can follow, nor can they be finished again")
	}
	return nil
}

func (s *sink) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	err := s.writer.Close()
	if !s.finished {
		s.r.staging.release()
	}
	if v := s.verifier; v != nil {
		time.AfterFunc(verifierTime, func() { s.r.staging.forgetVerifier(v) })
	}
	<-s.r.host.receiving
	return err
}

// verifierTime is for how long contents that have stopped coming can go on without losing what checks them.
const verifierTime = time.Minute

// refuse discards what was staged, so that another attempt begins anew.
func (s *sink) refuse(cause error) error {
	return errors.Join(fmt.Errorf("the contents of the snapshot are refused: %w", cause), s.discard())
}

// discard removes what was staged. The caller holds the lock.
func (s *sink) discard() error {
	var err error
	if !s.closed {
		err = s.writer.Close()
	}
	// What belongs to another stream is removed when one begins.
	anew, stageErr := s.r.log.StageSnapshot(s.stream+1, s.message.Snapshot.Metadata)
	switch {
	case stageErr != nil:
	case s.closed:
		err = errors.Join(err, anew.Close())
	default:
		s.writer = anew
	}
	return errors.Join(err, stageErr)
}

// discardStaged removes a snapshot that has arrived and that the consensus does not want, and then gives its place to others. It
// belongs to the stepping goroutine.
func (r *Replica) discardStaged() {
	r.staging.mu.Lock()
	s := r.staging.sink
	r.staging.mu.Unlock()
	r.background.Add(1)
	go func() {
		defer r.background.Done()
		defer r.staging.release()
		s.mu.Lock()
		defer s.mu.Unlock()
		if err := s.discard(); err != nil {
			r.logger.Warn("a snapshot that is not wanted could not be removed", "error", err)
		}
	}()
}
