package server

// Receiving bodies: memory is set aside as the bytes come, and time is given for those that have come, so that a client which
// promises much and sends little holds up nobody.

import (
	"errors"
	"io"
	"net/http"
	"time"
)

const (
	// bodyRate is how slowly a body may come, in bytes a second, beyond the first seconds.
	bodyRate = 64 << 10
	// bodyStep is what is set aside for a body before anything of it is there, if it may be that long.
	bodyStep = 4 << 10
)

// readBody reads the body of a request within a bound. The caller calls release when the body is no longer in use.
func (a *api) readBody(w http.ResponseWriter, r *request, limit int64) (body []byte, release func(), err error) {
	if r.ContentLength > limit {
		return nil, nil, tooLarge("the body has %d bytes: at most %d are allowed", r.ContentLength, limit)
	}
	reserved := &reservation{budget: &a.bodies}
	body, err = a.readLimited(w, r, limit, reserved)
	if err != nil {
		reserved.release()
		return nil, nil, err
	}
	a.totals.bytesIn.Add(uint64(len(body)))
	return body, reserved.release, nil
}

func (a *api) readLimited(w http.ResponseWriter, r *request, limit int64, reserved *reservation) ([]byte, error) {
	clock := newBodyClock(w, a.limits.bodyTimeout)
	source := http.MaxBytesReader(w, r.Body, limit)
	most := limit
	if r.ContentLength >= 0 {
		most = r.ContentLength
	}
	var body []byte
	for {
		if len(body) == cap(body) {
			room := min(max(2*reserved.held, bodyStep), most)
			if !reserved.grow(room - reserved.held) {
				return nil, busy("the bodies of the requests at work have %d bytes together, which is the bound: try again later", a.bodies.bound)
			}
			body = append(make([]byte, 0, room+1), body...) // one more, so that the end is seen
		}
		n, err := source.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case errors.Is(err, io.EOF):
			clock.stop(w, a.limits.answerTime)
			return body, nil
		case err != nil:
			return nil, bodyError(err, limit)
		}
		clock.received(len(body))
	}
}

func bodyError(err error, limit int64) error {
	var over *http.MaxBytesError
	if errors.As(err, &over) {
		return tooLarge("the body has more than %d bytes: that is the most that is allowed", limit)
	}
	return badRequest("the body ended early, or came too slowly: %v", err)
}

// A bodyClock bounds the time in which a body comes: a few seconds, and what the bytes that have come allow. It is stopped when the
// body is there, because reaching the deadline would look as if the client had gone. If it never is, the deadline spares net/http
// waiting for the rest.
type bodyClock struct {
	control *http.ResponseController
	end     time.Time // without any bytes
	bounded bool
}

func newBodyClock(w http.ResponseWriter, allowed time.Duration) *bodyClock {
	c := &bodyClock{control: http.NewResponseController(w), end: time.Now().Add(allowed)}
	c.bounded = c.control.SetReadDeadline(c.end) == nil
	return c
}

// received gives time for the bytes that have come so far.
func (c *bodyClock) received(n int) {
	if c.bounded {
		_ = c.control.SetReadDeadline(c.end.Add(time.Duration(n) * time.Second / bodyRate))
	}
}

// stop also gives the answer its time from now on.
func (c *bodyClock) stop(w http.ResponseWriter, answerTime time.Duration) {
	if !c.bounded {
		return
	}
	_ = c.control.SetReadDeadline(time.Time{})
	_ = c.control.SetWriteDeadline(time.Now().Add(answerTime))
}
