package httptransport

import (
	"log"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"
)

// The application's server.

// ConfigureServer sets what a server needs to serve a Handler: HTTP/2, besides HTTP/1 for the application's clients, without
// encryption if the server has no TLSConfig; flow control windows that let a chunk of a snapshot through at once; limits to the time
// and the size of headers, if there are none. Errors of handshakes, which an uninvited peer repeats for ever, are logged
// once in a while, to logger, if the server has no ErrorLog.
func ConfigureServer(server *http.Server, logger *slog.Logger) {
	if server.Protocols == nil {
		server.Protocols = new(http.Protocols)
		server.Protocols.SetHTTP1(true)
	}
	if server.TLSConfig != nil {
		server.TLSConfig = server.TLSConfig.Clone() // it is modified when the server starts, and may be somebody else's as well
	}
	server.Protocols.SetHTTP2(true)
	server.Protocols.SetUnencryptedHTTP2(server.TLSConfig == nil)
	if server.HTTP2 == nil {
		server.HTTP2 = &http.HTTP2Config{
			MaxReceiveBufferPerConnection: 4<<20 - 1,
			MaxReceiveBufferPerStream:     2 << 20,
		}
	}
	if server.ReadHeaderTimeout == 0 {
		server.ReadHeaderTimeout = 10 * time.Second
	}
	if server.MaxHeaderBytes == 0 {
		server.MaxHeaderBytes = maxHeaderBytes
	}
	if server.ErrorLog == nil {
		server.ErrorLog = log.New(&serverLog{logger: logger}, "", 0)
	}
}

// A serverLog takes what a server has to say.
type serverLog struct {
	quiet  quiet
	logger *slog.Logger
}

// Write logs a line, unless one that differs in nothing but a port was logged lately.
func (l *serverLog) Write(line []byte) (int, error) {
	words := strings.Fields(string(line))
	for i, word := range words {
		if host, _, err := net.SplitHostPort(strings.TrimSuffix(word, ":")); err == nil {
			words[i] = host + ":"
		}
	}
	text := strings.Join(words, " ")
	text = text[:min(len(text), maxErrorBytes)]
	if l.quiet.admits(text, time.Now()) {
		l.logger.Warn("http server", "error", text)
	}
	return len(line), nil
}
