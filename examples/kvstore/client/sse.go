package client

// Server-sent events, as the HTML standard defines them: fields line by line, an empty line ends an event.

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// eventLimit bounds one line of a stream: the largest value, as JSON escapes it in the worst case, and its key.
const eventLimit = 32 << 20

// rawEvent is an event as it stands in the stream.
type rawEvent struct {
	id, name string
	data     []byte
}

// eventReader splits a stream into events.
type eventReader struct {
	reader *bufio.Reader
	line   []byte
}

// newEventReader calls alive whenever bytes come: the line of a large value may take its time.
func newEventReader(stream io.Reader, alive func()) *eventReader {
	return &eventReader{reader: bufio.NewReaderSize(&lively{stream, alive}, 16<<10)}
}

// lively tells of each part that it reads.
type lively struct {
	io.Reader
	alive func()
}

func (l *lively) Read(p []byte) (int, error) {
	n, err := l.Reader.Read(p)
	if n > 0 {
		l.alive()
	}
	return n, err
}

// next returns the next event that has data. An event that the end of the stream cuts is not returned, since it may
// be incomplete.
func (r *eventReader) next() (rawEvent, error) {
	var event rawEvent
	seen := false
	for {
		line, err := r.readLine()
		if err != nil {
			return rawEvent{}, err
		}
		if len(line) == 0 {
			if seen {
				return event, nil
			}
			event = rawEvent{}
			continue
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(name) {
		case "id":
			event.id = string(value)
		case "event":
			event.name = string(value)
		case "data":
			if seen {
				event.data = append(event.data, '\n')
			}
			event.data = append(event.data, value...)
			seen = true
		}
	}
}

// readLine returns a line without its end. It is valid until the next call.
func (r *eventReader) readLine() ([]byte, error) {
	r.line = r.line[:0]
	for {
		part, err := r.reader.ReadSlice('\n')
		r.line = append(r.line, part...)
		if len(r.line) > eventLimit {
			return nil, fmt.Errorf("a line of the stream is longer than %d bytes", eventLimit)
		}
		if err == nil {
			return bytes.TrimSuffix(bytes.TrimSuffix(r.line, []byte("\n")), []byte("\r")), nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return nil, unexpectedEnd(err)
		}
	}
}

// unexpectedEnd says what the end of a stream means: the member closed it, since streams do not end by themselves.
func unexpectedEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
