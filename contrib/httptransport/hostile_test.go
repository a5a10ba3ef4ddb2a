package httptransport

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/seed695671cb/raft/replica"
	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

// What arrives from the network may be anything.

// readAllFrames returns the reason that ends what is read.
func readAllFrames(t testing.TB, r io.Reader) string {
	t.Helper()
	frames := frameReader{r: bufio.NewReader(r), max: maxErrorBytes}
	for {
		kind, body, err := frames.next()
		require.NoError(t, err)
		if kind == kindEnd {
			return string(body)
		}
	}
}

// send opens a stream to a host with the bytes given, and returns why it ends. The stream stays open for as long.
func send(t testing.TB, b *host, stream []byte) string {
	t.Helper()
	l, err := newLink(ptr(quickOptions(1).withDefaults()), b.options.ID, b.address)
	require.NoError(t, err)
	defer l.close()
	r, w := io.Pipe()
	defer w.Close()
	go func() {
		_, _ = w.Write(stream)
	}()
	response, err := l.post(context.Background(), Prefix+pathStream, r, -1, nil)
	require.NoError(t, err)
	defer response.Body.Close()
	return readAllFrames(t, response.Body)
}

func sealed(kind byte, body []byte) []byte { return smallFrame(kind, body) }

func record(group uint64, m pb.Message) []byte {
	encoded, err := m.Marshal()
	if err != nil {
		panic(err)
	}
	b := binary.AppendUvarint([]byte{0}, group)
	b = binary.AppendUvarint(b, uint64(len(encoded)))
	return append(b, encoded...)
}

func TestMalformedStreamsAreEnded(t *testing.T) {
	checkLeaks(t)
	b := newHost(t, quickOptions(2))
	damaged := sealed(kindMessages, record(1, heartbeat(1, 2, 1).Message))
	damaged[len(damaged)-1] ^= 1
	huge := make([]byte, frameHeaderBytes)
	binary.LittleEndian.PutUint32(huge[4:], 1<<31)
	for _, test := range []struct {
		name   string
		stream []byte
		want   string
	}{
		{"a wrong checksum", damaged, "wrong checksum"},
		{"a length beyond the bound", huge, "2147483648 bytes, at most 33554432"},
		{"an unknown kind", sealed(77, nil), "a frame of kind 77"},
		{"an answer", sealed(kindPong, make([]byte, 8)), "a frame of kind 3"},
		{"a short ping", sealed(kindPing, make([]byte, 7)), "a frame of kind 2 with 7 bytes"},
		{"an unknown tag", sealed(kindMessages, []byte{0xff}), "the tag of a record"},
		{"a record that ends too soon", sealed(kindMessages, []byte{0, 1, 200, 1, 8}), "the length of a message"},
		{"a message that is none", sealed(kindMessages, []byte{0, 1, 3, 0xff, 0xff, 0xff}), "the key of a field"},
		{"too many entries", sealed(kindMessages, append([]byte{0, 1, 20}, bytes.Repeat([]byte{fieldEntries<<3 | wireBytes, 0}, 10)...)), "10 entries in 20 bytes"},
		{"responses", sealed(kindMessages, []byte{0, 1, 2, fieldResponses<<3 | wireBytes, 0}), "a message with responses"},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := b.Stats().BrokenStreams
			require.Contains(t, send(t, b, test.stream), test.want)
			require.Equal(t, before+1, b.Stats().BrokenStreams)
		})
	}
	require.Zero(t, b.received())
}

func TestMessagesOfOthersAreRefused(t *testing.T) {
	b := newHost(t, quickOptions(2))
	var body []byte
	for _, m := range []pb.Message{
		{Type: pb.MsgHup, From: 1, To: 2},
		{Type: pb.MsgBeat, From: 1, To: 2},
		{Type: pb.MsgStorageAppendResp, From: 1, To: 2},
		{Type: pb.MsgUnreachable, From: 1, To: 2},
		{Type: pb.MsgForgetLeader, From: 1, To: 2},
		{Type: 99, From: 1, To: 2},
		{Type: pb.MsgApp, From: 3, To: 2},
		{Type: pb.MsgApp, From: 1, To: 3},
		{Type: pb.MsgReadIndex, From: 1<<64 - 1, To: 2},
	} {
		body = append(body, record(1, m)...)
	}
	refused := b.Stats().RefusedMessages
	passed := pb.Message{Type: pb.MsgReadIndex, From: 3, To: 2}
	body = append(body, record(1, passed)...)
	stream := append(sealed(kindMessages, body), sealed(77, nil)...)
	require.Contains(t, send(t, b, stream), "kind 77")
	require.EqualValues(t, 9, b.Stats().RefusedMessages-refused)
	require.Equal(t, []replica.Message{{Group: 1, Message: passed}}, b.all(), "passed on for another host")
}

func TestRequestsAreRefused(t *testing.T) {
	b := newHost(t, quickOptions(2))
	good := map[string]string{headerVersion: "1", headerCluster: "test", headerFrom: "1", headerTo: "2"}
	for _, test := range []struct {
		name, header, value string
		status              int
		want                string
	}{
		{"no version", headerVersion, "", http.StatusBadRequest, "this host speaks 1"},
		{"another cluster", headerCluster, "other", http.StatusPreconditionFailed, `of cluster \"test\", host 1 of \"other\"`},
		{"no sender", headerFrom, "", http.StatusBadRequest, "not the ID of a host"},
		{"sender 0", headerFrom, "0", http.StatusBadRequest, "not the ID of a host"},
		{"itself", headerFrom, "2", http.StatusForbidden, "an ID of its own"},
		{"another receiver", headerTo, "3", http.StatusMisdirectedRequest, "this is host 2"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, path := range []string{pathStream, pathSnapshot, pathChunk, pathFinish, pathAbandon} {
				r := httptestRequest(path, good, nil)
				r.Header.Set(test.header, test.value)
				w := newAnswer()
				b.Handler().ServeHTTP(w, r)
				require.Equal(t, test.status, w.status)
				require.Contains(t, w.text(), test.want)
			}
		})
	}
	require.EqualValues(t, 30, b.Stats().RefusedRequests)
	require.Equal(t, 1, b.logs.count("this is host 2"), "once for each reason:\n%s", b.logs)

	response, err := http.Post(b.address+Prefix+pathStream, "", strings.NewReader("x"))
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, http.StatusHTTPVersionNotSupported, response.StatusCode)

	r := httptestRequest("v1/nothing", good, nil)
	w := newAnswer()
	b.Handler().ServeHTTP(w, r)
	require.Equal(t, http.StatusNotFound, w.status)
	r = httptestRequest(pathStream, good, nil)
	r.Method = http.MethodGet
	w = newAnswer()
	b.Handler().ServeHTTP(w, r)
	require.Equal(t, http.StatusMethodNotAllowed, w.status)
}

func TestHandlerBeforeStartAndBehindMiddleware(t *testing.T) {
	transport, err := New(quickOptions(2))
	require.NoError(t, err)
	good := map[string]string{headerVersion: "1", headerCluster: "test", headerFrom: "1", headerTo: "2"}
	w := newAnswer()
	transport.Handler().ServeHTTP(w, httptestRequest(pathStream, good, nil))
	require.Equal(t, http.StatusServiceUnavailable, w.status)
	require.Contains(t, w.text(), "not started")
	require.NoError(t, transport.Start(&recorder{}))
	w = newAnswer()
	transport.Handler().ServeHTTP(struct{ http.ResponseWriter }{w}, httptestRequest(pathStream, good, nil))
	require.Equal(t, http.StatusInternalServerError, w.status)
	require.Contains(t, w.text(), "middleware")
	require.NoError(t, transport.Close())
	w = newAnswer()
	transport.Handler().ServeHTTP(w, httptestRequest(pathStream, good, nil))
	require.Equal(t, http.StatusServiceUnavailable, w.status)
}

// A frame that trickles in is given up although each byte is a sign of life.
func TestSlowBodyIsGivenUp(t *testing.T) {
	o := quickOptions(2)
	o.StreamIdle = 300 * time.Millisecond
	b := newHost(t, o)
	l, err := newLink(ptr(quickOptions(1).withDefaults()), 2, b.address)
	require.NoError(t, err)
	defer l.close()
	r, w := io.Pipe()
	defer w.Close()
	go func() {
		frame := sealed(kindMessages, make([]byte, 1000))
		for i := range frame {
			if _, err := w.Write(frame[i : i+1]); err != nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	}()
	response, err := l.post(context.Background(), Prefix+pathStream, r, -1, nil)
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, errIdle.Error(), readAllFrames(t, response.Body))
}

// answer is a ResponseWriter whose deadlines do nothing.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func newAnswer() *answer { return &answer{header: http.Header{}} }

func (a *answer) Header() http.Header { return a.header }
func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}
func (a *answer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(b)
}
func (a *answer) Flush()                           {}
func (a *answer) SetReadDeadline(time.Time) error  { return nil }
func (a *answer) SetWriteDeadline(time.Time) error { return nil }
func (a *answer) text() string                     { return a.body.String() }

func httptestRequest(path string, header map[string]string, body []byte) *http.Request {
	r, err := http.NewRequest(http.MethodPost, Prefix+path, bytes.NewReader(body))
	if err != nil {
		panic(err)
	}
	r.ProtoMajor = 2
	for name, value := range header {
		r.Header.Set(name, value)
	}
	return r
}

// The length of a frame is a promise only: what is allocated follows what arrives.
func TestAnnouncedLengthIsNotAllocated(t *testing.T) {
	header := make([]byte, frameHeaderBytes)
	binary.LittleEndian.PutUint32(header[4:], 1<<30)
	f := frameReader{r: bufio.NewReader(bytes.NewReader(append(header, make([]byte, 1000)...))), max: 1 << 30}
	_, _, err := f.next()
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.LessOrEqual(t, cap(f.buf), firstRead)
}

func TestDecodingIsBoundedByWhatArrives(t *testing.T) {
	body := bytes.Repeat([]byte{tagHeartbeat | tagNextGroup | tagSameTerm}, 1<<20)
	largest, total := 0, 0
	d := decoder{from: 1, to: 2, refuse: func(error) {}, deliver: func(batch []replica.Message) {
		largest, total = max(largest, len(batch)), total+len(batch)
	}}
	kept, err := d.decode(body)
	require.NoError(t, err)
	require.False(t, kept, "heartbeats keep no frame")
	require.Equal(t, 1<<20, total)
	require.Equal(t, maxBatch, largest)
}

func FuzzFrames(f *testing.F) {
	f.Add(sealed(kindMessages, record(1, appendOf(1, 2, 1, 1, 10).Message)))
	f.Add(sealed(kindMessages, []byte{tagHeartbeat, 1, 2, tagResponse | tagNextGroup | tagHasContext, 3, 1, 'x'}))
	f.Add(sealed(kindPing, make([]byte, 8)))
	f.Add([]byte{1, 2, 3, 4, 0xff, 0xff, 0xff, 0x7f, 1})
	f.Fuzz(func(t *testing.T, stream []byte) {
		frames := frameReader{r: bufio.NewReader(bytes.NewReader(stream)), max: 1 << 16}
		for {
			kind, body, err := frames.next()
			if err != nil {
				return
			}
			require.LessOrEqual(t, len(body), 1<<16)
			if kind == kindMessages {
				fuzzBody(t, body)
			}
		}
	})
}

// fuzzBody decodes a body, and checks that what it says survives being encoded again.
func fuzzBody(t *testing.T, body []byte) {
	var got []replica.Message
	d := decoder{from: 1, to: 2, refuse: func(error) {}, deliver: func(batch []replica.Message) { got = append(got, batch...) }}
	if _, err := d.decode(bytes.Clone(body)); err != nil {
		require.ErrorIs(t, err, errMalformed)
	}
	before := beforeFirst()
	var again []byte
	for i := range got {
		m := &got[i]
		require.NoError(t, checkMessage(&m.Message, 1, 2))
		if isCompact(&m.Message, 1, 2) {
			again = appendHeartbeat(again, &before, m)
			continue
		}
		var err error
		again, err = appendMessage(reserve(again, maxRecordBytes(&m.Message, false)), m)
		require.NoError(t, err)
	}
	want := got
	got = nil
	_, err := d.decode(again)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func FuzzBody(f *testing.F) {
	f.Add(record(1, appendOf(1, 2, 1, 1, 10).Message))
	f.Add([]byte{tagHeartbeat, 1, 2, tagResponse | tagNextGroup | tagHasContext, 3, 1, 'x'})
	f.Fuzz(func(t *testing.T, body []byte) { fuzzBody(t, body) })
}

func FuzzHandler(f *testing.F) {
	o := quickOptions(2)
	o.MaxFrameBytes, o.MaxSnapshotChunk = 64<<10, 1<<10
	transport, err := New(o)
	if err != nil {
		f.Fatal(err)
	}
	if err := errors.Join(transport.Start(&recorder{quiet: true})); err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = transport.Close() })
	handler := transport.Handler()
	paths := []string{pathStream, pathSnapshot, pathChunk, pathFinish, pathAbandon}
	f.Add(uint8(0), "1", "2", "test", "", "", []byte("x"))
	f.Add(uint8(1), "1", "2", "test", "", "", []byte(`{"group":1,"stream":2,"message":"CAc="}`))
	f.Add(uint8(2), "1", "2", "test", "1-2-3", "5", []byte("chunk"))
	f.Add(uint8(3), "1", "2", "test", "1-2-3", "18446744073709551615", []byte{})
	f.Fuzz(func(t *testing.T, path uint8, from, to, cluster, token, offset string, body []byte) {
		r := httptestRequest(paths[int(path)%len(paths)], map[string]string{
			headerVersion: "1", headerCluster: cluster, headerFrom: from, headerTo: to,
			headerToken: token, headerOffset: offset, headerChecksum: offset,
		}, body)
		w := newAnswer()
		handler.ServeHTTP(w, r)
		require.GreaterOrEqual(t, w.status, 200)
		if w.status != http.StatusOK {
			require.Contains(t, w.text(), `"error":"`)
		}
		require.Less(t, w.body.Len(), 64<<10)
	})
}

func base64Of(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func tokenOf(t testing.TB, w *answer) string {
	t.Helper()
	var got beginAnswer
	require.NoError(t, json.Unmarshal(w.body.Bytes(), &got))
	require.NotEmpty(t, got.Token)
	return got.Token
}
