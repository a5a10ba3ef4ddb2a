package server

// Events about this member: GET /events.

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// handleEvents sends the status once a second, and each new line of the log. The lines that are kept come first; a browser that
// connects again gets those that it has not seen.
func (a *api) handleEvents(w http.ResponseWriter, r *request) error {
	if _, err := r.query(); err != nil {
		return err
	}
	stream := a.newEventStream(w, r)
	last := a.lastLine(r.Header.Get("Last-Event-ID"))
	ticker := time.NewTicker(a.limits.status)
	defer ticker.Stop()
	due := true
	for {
		lines, more := a.hub.linesAfter(last)
		for _, line := range lines {
			last = line.number
			if err := stream.jsonEvent(a.lineID(last), "log", line); err != nil {
				return err
			}
		}
		if err := a.sendStatus(stream, due); err != nil {
			return err
		}
		select {
		case <-r.Context().Done():
			return nil
		case <-more:
			due = false
		case <-ticker.C:
			due = true
		}
		if err := a.tokens.authorize(r); err != nil {
			return a.endStream(stream, err)
		}
	}
}

// sendStatus sends what was added, with the status if that is due.
func (a *api) sendStatus(stream *eventStream, due bool) error {
	if due {
		if err := stream.jsonEvent("", "status", a.describe()); err != nil {
			return err
		}
	}
	return stream.send()
}

// lineID names a line of this process's log: the numbers of another life of the member mean nothing.
func (a *api) lineID(number uint64) string {
	return strconv.FormatInt(a.started.UnixNano(), 36) + "-" + strconv.FormatUint(number, 10)
}

// lastLine returns the number in an ID that lineID made, 0 if another process did.
func (a *api) lastLine(id string) uint64 {
	life, text, _ := strings.Cut(id, "-")
	number, err := parseNumber(text)
	if err != nil || life != strconv.FormatInt(a.started.UnixNano(), 36) {
		return 0
	}
	return number
}
