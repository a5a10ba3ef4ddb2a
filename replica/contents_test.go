package replica

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

func exampleHeader(sessions int) contentsHeader {
	return contentsHeader{
		applied: 300, term: 7,
		confState: pb.ConfState{Voters: []uint64{1, 2, 3}, Learners: []uint64{4}},
		members:   memberTable{list: []memberAddress{{1, "a"}, {2, "b"}, {3, "c"}, {4, "d"}}},
		sessions:  bytes.Repeat([]byte{9}, sessions),
	}
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	source := rand.New(rand.NewPCG(1, uint64(n)))
	for i := range b {
		b[i] = byte(source.Uint32())
	}
	return b
}

// writeContents writes data in pieces of the given size.
func writeContents(t testing.TB, header contentsHeader, data []byte, piece int) []byte {
	var b bytes.Buffer
	w, err := newContentsWriter(&b, header)
	require.NoError(t, err)
	for len(data) > 0 {
		n, err := w.Write(data[:min(piece, len(data))])
		require.NoError(t, err)
		data = data[n:]
	}
	require.NoError(t, w.finish())
	require.EqualValues(t, b.Len(), w.length())
	_, err = w.Write([]byte("more"))
	require.ErrorContains(t, err, "after their end")
	return b.Bytes()
}

// readContents reads all, and returns the first error.
func readContents(contents io.Reader) (contentsHeader, []byte, error) {
	r, header, err := newContentsReader(contents)
	if err != nil {
		return contentsHeader{}, nil, err
	}
	data, err := io.ReadAll(r)
	if end := r.verifyEnd(); !errors.Is(end, err) {
		return contentsHeader{}, nil, errors.Join(err, end, errors.New("verifyEnd has another error than Read"))
	}
	return header, data, err
}

func TestContentsComeBackAsTheyWere(t *testing.T) {
	for _, size := range []int{0, 1, 1000, maxFrame - 1, maxFrame, maxFrame + 1, 3*maxFrame + 17} {
		for _, sessions := range []int{0, 100, maxFrame, 5 * maxFrame} {
			header, data := exampleHeader(sessions), randomBytes(size)
			contents := writeContents(t, header, data, 1<<20)
			require.Equal(t, contents, writeContents(t, header, data, 777), "the size of writes does not matter")
			gotHeader, got, err := readContents(iotest.HalfReader(bytes.NewReader(contents)))
			require.NoError(t, err)
			require.Equal(t, len(data), len(got))
			require.True(t, bytes.Equal(data, got))
			if sessions == 0 {
				gotHeader.sessions = []byte{}
			}
			require.Equal(t, header, gotHeader)
		}
	}
}

func TestContentsVerifyEndReadsWhatTheStateMachineLeft(t *testing.T) {
	contents := writeContents(t, exampleHeader(5), randomBytes(3*maxFrame), 4096)
	r, _, err := newContentsReader(bytes.NewReader(contents))
	require.NoError(t, err)
	_, err = io.ReadFull(r, make([]byte, 10))
	require.NoError(t, err)
	require.NoError(t, r.verifyEnd())
	require.EqualValues(t, len(contents), r.length())

	contents[len(contents)-30] ^= 1
	r, _, err = newContentsReader(bytes.NewReader(contents))
	require.NoError(t, err)
	_, err = io.ReadFull(r, make([]byte, 10))
	require.NoError(t, err)
	require.ErrorContains(t, r.verifyEnd(), "is damaged")
}

func TestContentsCutShortAnywhere(t *testing.T) {
	contents := writeContents(t, exampleHeader(20), []byte("some state"), 4096)
	for n := range contents {
		_, _, err := readContents(bytes.NewReader(contents[:n]))
		require.ErrorIs(t, err, io.ErrUnexpectedEOF, "%d of %d bytes", n, len(contents))
		require.ErrorContains(t, err, "cut short in the")
	}
}

func TestContentsEveryFlippedBitIsFound(t *testing.T) {
	contents := writeContents(t, exampleHeader(20), []byte("some state"), 4096)
	for i := range contents {
		for bit := range 8 {
			contents[i] ^= 1 << bit
			_, _, err := readContents(bytes.NewReader(contents))
			require.Error(t, err, "bit %d of byte %d", bit, i)
			if i >= len(contentsMagic) {
				require.Regexp(t, "is damaged|cut short in", err.Error(), "bit %d of byte %d", bit, i)
			}
			contents[i] ^= 1 << bit
		}
	}
	_, _, err := readContents(bytes.NewReader(contents))
	require.NoError(t, err)
}

// frames returns where the frames of contents begin, and at last where they end.
func frames(contents []byte) []int {
	at := len(contentsMagic)
	list := []int{at}
	for at < len(contents) {
		at += frameHeader + int(binary.LittleEndian.Uint32(contents[at+1:]))
		list = append(list, at)
	}
	return list
}

func TestContentsFramesOutOfPlaceAreFound(t *testing.T) {
	contents := writeContents(t, exampleHeader(0), bytes.Repeat([]byte("x"), 4*maxFrame), maxFrame)
	at := frames(contents)
	require.Len(t, at, 1+1+4+1, "a header, four of data, the end")
	frame := func(i int) []byte { return contents[at[i]:at[i+1]] }
	begin, end := contents[:at[1]], frame(5)

	for name, broken := range map[string][]byte{
		"missing":   bytes.Join([][]byte{begin, frame(1), frame(2), frame(4), end}, nil),
		"repeated":  bytes.Join([][]byte{begin, frame(1), frame(1), frame(2), frame(3), frame(4), end}, nil),
		"exchanged": bytes.Join([][]byte{begin, frame(2), frame(1), frame(3), frame(4), end}, nil),
		"no data":   bytes.Join([][]byte{begin, end}, nil),
	} {
		_, _, err := readContents(bytes.NewReader(broken))
		require.ErrorContains(t, err, "is damaged or not in its place", name)
	}
	_, _, err := readContents(bytes.NewReader(append(bytes.Clone(contents), 0)))
	require.ErrorContains(t, err, "there is more behind the end at offset")
	_, _, err = readContents(bytes.NewReader(contents[:at[5]]))
	require.ErrorContains(t, err, "cut short in the frame at offset")
}

// TestContentsFramesThatDoNotBelong has frames whose checksums match, written by a program that is wrong.
func TestContentsFramesThatDoNotBelong(t *testing.T) {
	write := func(then func(w *contentsWriter)) []byte {
		var b bytes.Buffer
		w, err := newContentsWriter(&b, exampleHeader(0))
		require.NoError(t, err)
		then(w)
		return b.Bytes()
	}
	end := func(w *contentsWriter, length uint64) {
		w.frame = binary.LittleEndian.AppendUint64(w.frame, length)
		w.flush(frameEnd)
	}
	for want, contents := range map[string][]byte{
		"there is a frame of kind 'H' among the data": write(func(w *contentsWriter) { w.flush(frameHeaderEnd) }),
		"there is a frame of kind '?' among the data": write(func(w *contentsWriter) { w.flush('?') }),
		"is empty":            write(func(w *contentsWriter) { w.flush(frameData) }),
		"says that it is at":  write(func(w *contentsWriter) { end(w, w.offset+1) }),
		"the end frame at":    write(func(w *contentsWriter) { end(w, w.offset-1) }),
		"has 0 bytes instead": write(func(w *contentsWriter) { w.flush(frameEnd) }),
	} {
		_, _, err := readContents(bytes.NewReader(contents))
		require.ErrorContains(t, err, want)
	}

	w := &contentsWriter{to: &bytes.Buffer{}, frame: make([]byte, frameHeader, 100)}
	w.emit([]byte(contentsMagic))
	w.flush(frameHeaderPart)
	end(w, w.offset)
	_, _, err := readContents(w.to.(io.Reader))
	require.ErrorContains(t, err, "the header is cut short by a frame of kind 'e' at offset 17")
}

func TestContentsOfAnotherKind(t *testing.T) {
	_, _, err := readContents(bytes.NewReader([]byte("something else altogether")))
	require.ErrorContains(t, err, "do not begin as such do")
	contents := writeContents(t, exampleHeader(0), nil, 1)
	contents[len(contentsMagic)-1]++
	_, _, err = readContents(bytes.NewReader(contents))
	require.ErrorContains(t, err, "version 2, but this program knows only version 1")
}

func TestContentsPassOnFailures(t *testing.T) {
	broken := errors.New("broken")
	contents := writeContents(t, exampleHeader(0), randomBytes(1000), 4096)
	_, _, err := readContents(io.MultiReader(bytes.NewReader(contents[:200]), iotest.ErrReader(broken)))
	require.ErrorIs(t, err, broken)
	require.NotErrorIs(t, err, io.ErrUnexpectedEOF)

	_, err = newContentsWriter(&limitedWriter{left: 20, err: broken}, exampleHeader(0))
	require.ErrorIs(t, err, broken)
	w, err := newContentsWriter(&limitedWriter{left: maxFrame, err: broken}, exampleHeader(0))
	require.NoError(t, err)
	n, err := w.Write(randomBytes(2 * maxFrame))
	require.ErrorIs(t, err, broken)
	require.LessOrEqual(t, n, 2*maxFrame)
	require.ErrorIs(t, w.finish(), broken)
}

// limitedWriter fails when it is full.
type limitedWriter struct {
	left int
	err  error
}

func (w *limitedWriter) Write(p []byte) (int, error) {
	if len(p) > w.left {
		return 0, w.err
	}
	w.left -= len(p)
	return len(p), nil
}

func FuzzContents(f *testing.F) {
	f.Add(writeContents(f, exampleHeader(3), []byte("some state"), 4096))
	f.Add([]byte(contentsMagic))
	f.Fuzz(func(t *testing.T, contents []byte) {
		header, data, err := readContents(bytes.NewReader(contents))
		if err != nil {
			return
		}
		again := writeContents(t, header, data, 4096)
		got, gotData, err := readContents(bytes.NewReader(again))
		require.NoError(t, err)
		require.Equal(t, header, got)
		require.Equal(t, data, gotData)
	})
}

func FuzzContentsHeader(f *testing.F) {
	header := exampleHeader(3)
	encoded, err := header.encode(maxHeader)
	require.NoError(f, err)
	f.Add(encoded)
	f.Fuzz(func(t *testing.T, data []byte) {
		header, err := decodeContentsHeader(data)
		if err != nil {
			return
		}
		again, err := header.encode(maxHeader)
		require.NoError(t, err)
		got, err := decodeContentsHeader(again)
		require.NoError(t, err)
		require.Equal(t, header, got)
	})
}

func BenchmarkContents(b *testing.B) {
	data := randomBytes(16 << 20)
	contents := writeContents(b, exampleHeader(0), data, 1<<20)
	b.Run("write", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for range b.N {
			w, err := newContentsWriter(io.Discard, exampleHeader(0))
			require.NoError(b, err)
			_, err = w.Write(data)
			require.NoError(b, err)
			require.NoError(b, w.finish())
		}
	})
	b.Run("read", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for range b.N {
			r, _, err := newContentsReader(bytes.NewReader(contents))
			require.NoError(b, err)
			require.NoError(b, r.verifyEnd())
		}
	})
}

// A header is kept in memory as a whole, so that neither a member nor its peer may make it as long as they like.
func TestAHeaderHasABound(t *testing.T) {
	header := exampleHeader(3 * maxFrame)
	encoded, err := header.encode(maxHeader)
	require.NoError(t, err)
	_, err = header.encode(len(encoded))
	require.NoError(t, err)
	_, err = header.encode(len(encoded) - 1)
	require.ErrorContains(t, err, "there can be no snapshot")

	contents := writeContents(t, header, randomBytes(10), 10)
	_, _, err = readContentsHeader(bytes.NewReader(contents), len(encoded))
	require.NoError(t, err)
	_, _, err = readContentsHeader(bytes.NewReader(contents), len(encoded)-1)
	require.ErrorContains(t, err, "longer than")
}
