// Snapshots on a MemoryNetwork (Raft §7): streamed in chunks, from where an earlier attempt has ended.

package replica

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// streamChunk is how many bytes of a snapshot travel at a time.
const streamChunk = 64 << 10

var errUnreachable = errors.New("the host cannot be reached")

// SendSnapshot makes one attempt. If the way there, or back, is cut, or either host closes its transport, the attempt
// fails; another one goes on where it ended, if the receiver kept what it has.
func (t *memoryTransport) SendSnapshot(snapshot *OutgoingSnapshot) {
	t.mu.Lock()
	refused := t.closed || t.handler == nil
	if !refused {
		t.running.Add(1)
	}
	t.mu.Unlock()
	if refused {
		// Not from here: the caller need not expect to be called back.
		go snapshot.Done(fmt.Errorf("sending a snapshot to host %d: %w", snapshot.Header.To, errTransportClosed))
		return
	}
	go func() {
		defer t.running.Done()
		err := t.stream(snapshot)
		if err != nil {
			err = fmt.Errorf("sending a snapshot of group %d to host %d: %w", snapshot.Header.Group, snapshot.Header.To, err)
		}
		snapshot.Done(err)
	}()
}

func (t *memoryTransport) stream(snapshot *OutgoingSnapshot) error {
	receiver := t.reach(snapshot.Header.To)
	if receiver == nil {
		return t.unreachable()
	}
	handler := receiver.enter()
	if handler == nil {
		return errUnreachable
	}
	defer receiver.running.Done()
	ctx, cancel := context.WithCancelCause(snapshot.Context)
	defer cancel(nil)
	defer context.AfterFunc(t.life, func() { cancel(errTransportClosed) })()
	defer context.AfterFunc(receiver.life, func() { cancel(errUnreachable) })()

	sink, err := handler.HandleSnapshot(snapshot.Header)
	if err != nil {
		return fmt.Errorf("refused: %w", err)
	}
	defer sink.Close() // what it could say is of no use: either the receiver has finished, or this attempt has failed
	return t.fill(ctx, sink, snapshot)
}

// reach returns the receiver, if both directions to it work.
func (t *memoryTransport) reach(to uint64) *memoryTransport {
	t.mu.Lock()
	removed := t.removed[to]
	t.mu.Unlock()
	pair := hostPair{t.id, to}
	if removed || t.network.receiver(pair.reversed()) != t {
		return nil
	}
	return t.network.receiver(pair)
}

// fill writes the contents to the sink, from the sink's offset on, and finishes it.
func (t *memoryTransport) fill(ctx context.Context, sink SnapshotSink, snapshot *OutgoingSnapshot) error {
	offset := sink.Offset()
	contents, err := snapshot.Open(offset)
	if err != nil {
		return fmt.Errorf("opening the contents at offset %d: %w", offset, err)
	}
	defer contents.Close()
	chunk := make([]byte, streamChunk)
	for {
		n, readErr := io.ReadFull(contents, chunk)
		if err := t.await(ctx, snapshot.Header.To); err != nil {
			return fmt.Errorf("interrupted at offset %d: %w", offset, err)
		}
		if n > 0 {
			if _, err := sink.Write(chunk[:n]); err != nil {
				return fmt.Errorf("receiver at offset %d: %w", offset, err)
			}
			offset += uint64(n)
			snapshot.Progress(offset)
		}
		if readErr == io.EOF || readErr == io.ErrUnexpectedEOF {
			break
		}
		if readErr != nil {
			return fmt.Errorf("reading the contents at offset %d: %w", offset, readErr)
		}
	}
	if err := sink.Finish(); err != nil {
		return fmt.Errorf("receiver, finishing: %w", err)
	}
	return nil
}

// await waits for as long as a chunk takes, and returns an error if it does not arrive.
func (t *memoryTransport) await(ctx context.Context, to uint64) error {
	if !sleepUntil(ctx, t.network.dueAt()) {
		return context.Cause(ctx)
	}
	if t.reach(to) == nil {
		return t.unreachable()
	}
	return nil
}

// unreachable returns why the other host is not reached.
func (t *memoryTransport) unreachable() error {
	if t.life.Err() != nil {
		return errTransportClosed
	}
	return errUnreachable
}
