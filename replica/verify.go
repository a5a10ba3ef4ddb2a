package replica

import (
	"fmt"
	"io"

	pb "github.com/seed695671cb/raft/raftpb"
)

// A verifier checks the contents of a snapshot while they arrive, so that what is damaged, or of another program, is refused
// before it replaces anything. Of contents that go on from an earlier life of the process the beginning is not seen: there, the
// checksums of the transport and of the log store are what there is.
type verifier struct {
	stream uint64
	// seen is how many bytes it was given.
	seen uint64
	to   *io.PipeWriter
	done chan error
}

func newVerifier(stream uint64, meta pb.SnapshotMetadata) *verifier {
	from, to := io.Pipe()
	v := &verifier{stream: stream, to: to, done: make(chan error, 1)}
	go func() {
		err := verifyContents(from, meta)
		from.CloseWithError(err)
		v.done <- err
	}()
	return v
}

func verifyContents(from io.Reader, meta pb.SnapshotMetadata) error {
	in, header, err := newContentsReader(from)
	if err != nil {
		return err
	}
	if header.applied != meta.Index || header.term != meta.Term {
		return fmt.Errorf("the contents are of entry %d in term %d, and not %d in term %d",
			header.applied, header.term, meta.Index, meta.Term)
	}
	return in.verifyEnd()
}

// write takes the next bytes. The error is what is wrong with the contents.
func (v *verifier) write(p []byte) error {
	if v == nil {
		return nil
	}
	n, err := v.to.Write(p)
	v.seen += uint64(n)
	return err
}

// finish returns what is wrong with the contents, which have ended.
func (v *verifier) finish() error {
	if v == nil {
		return nil
	}
	v.to.Close()
	err := <-v.done
	v.done <- err // for whoever asks again
	return err
}

// abandon ends the check.
func (v *verifier) abandon() {
	if v != nil {
		v.to.CloseWithError(io.ErrUnexpectedEOF)
	}
}
