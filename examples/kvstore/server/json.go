package server

// JSON that is written piece by piece: a value may be large, its JSON six times as large, and nobody needs all of that at once.

import (
	"encoding/base64"
	"net/http"
	"strconv"
	"unicode/utf8"
)

const (
	// pieceBytes is how much of an answer is put together before it is sent.
	pieceBytes = 32 << 10
	// escapedBytes and encodedBytes are how much of a value is escaped, and encoded in base64, at once. The latter has to be a
	// multiple of 3.
	escapedBytes = 4 << 10
	encodedBytes = 12 << 10
)

// A jsonWriter puts JSON together and sends it as it gets long. What it writes is what encoding/json would, without the escapes that
// are for HTML alone. After an error it does nothing more.
type jsonWriter struct {
	buffer []byte
	// sendPiece takes what is there. It must not keep it.
	sendPiece func(piece []byte) error
	err       error
}

// flush sends what is there.
func (j *jsonWriter) flush() error {
	if j.err == nil && len(j.buffer) > 0 {
		j.err = j.sendPiece(j.buffer)
	}
	j.buffer = j.buffer[:0]
	return j.err
}

// drain sends what is there if it is long.
func (j *jsonWriter) drain() {
	if len(j.buffer) >= pieceBytes {
		_ = j.flush() // it is in err
	}
}

// raw writes text as it is.
func (j *jsonWriter) raw(text string) {
	j.buffer = append(j.buffer, text...)
	j.drain()
}

// number writes a number behind some text.
func (j *jsonWriter) number(before string, n uint64) {
	j.buffer = strconv.AppendUint(append(j.buffer, before...), n, 10)
}

// bool writes true or false behind some text.
func (j *jsonWriter) bool(before string, b bool) {
	j.buffer = strconv.AppendBool(append(j.buffer, before...), b)
}

// quote writes a string, which has to be UTF-8.
func (j *jsonWriter) quote(text []byte) {
	j.raw(`"`)
	for len(text) > 0 && j.err == nil {
		n := min(len(text), escapedBytes)
		for n < len(text) && !utf8.RuneStart(text[n]) {
			n--
		}
		j.buffer = appendEscaped(j.buffer, text[:n])
		j.drain()
		text = text[n:]
	}
	j.raw(`"`)
}

// base64 writes a string that holds data in base64.
func (j *jsonWriter) base64(data []byte) {
	j.raw(`"`)
	for len(data) > 0 && j.err == nil {
		n := min(len(data), encodedBytes)
		j.buffer = base64.StdEncoding.AppendEncode(j.buffer, data[:n])
		j.drain()
		data = data[n:]
	}
	j.raw(`"`)
}

// key writes the fields of a jsonKey.
func (j *jsonWriter) key(key []byte) {
	if utf8.Valid(key) {
		j.raw(`"key":`)
		j.quote(key)
		return
	}
	j.raw(`"key64":`)
	j.base64(key)
}

// value writes the fields of a jsonValue.
func (j *jsonWriter) value(value []byte) {
	j.raw(`"value":`)
	if utf8.Valid(value) {
		j.quote(value)
		return
	}
	j.base64(value)
	j.raw(`,"base64":true`)
}

// appendEscaped writes the inside of a string. Besides what has to be escaped these are two characters that end lines in older JavaScript.
func appendEscaped(dst, text []byte) []byte {
	const hex = "0123456789abcdef"
	plain := 0 // where what is not yet written begins
	for i := 0; i < len(text); i++ {
		c := text[i]
		separator := c == 0xE2 && i+2 < len(text) && text[i+1] == 0x80 && text[i+2]|1 == 0xA9
		if c >= 0x20 && c != '"' && c != '\\' && !separator {
			continue
		}
		dst = append(dst, text[plain:i]...)
		short := shortEscape(c)
		switch {
		case separator:
			dst = append(dst, `\u202`...)
			dst = append(dst, hex[text[i+2]&0xF])
			i += 2
		case short != 0:
			dst = append(dst, '\\', short)
		default:
			dst = append(dst, `\u00`...)
			dst = append(dst, hex[c>>4], hex[c&0xF])
		}
		plain = i + 1
	}
	return append(dst, text[plain:]...)
}

// shortEscape is the letter that stands for a character behind a backslash, 0 if there is none.
func shortEscape(c byte) byte {
	switch c {
	case '"', '\\':
		return c
	case '\b':
		return 'b'
	case '\f':
		return 'f'
	case '\n':
		return 'n'
	case '\r':
		return 'r'
	case '\t':
		return 't'
	default:
		return 0
	}
}

// streamJSON answers with JSON of any length. The answer begins when the first piece is full, with its length if there is no other.
func streamJSON(w http.ResponseWriter, write func(j *jsonWriter)) error {
	begun := false
	j := &jsonWriter{sendPiece: func(piece []byte) error {
		if !begun {
			begun = true
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("X-Content-Type-Options", "nosniff")
			w.WriteHeader(http.StatusOK)
		}
		_, err := w.Write(piece)
		return writeFailed(err)
	}}
	write(j)
	if !begun {
		w.Header().Set("Content-Length", strconv.Itoa(len(j.buffer)))
	}
	return j.flush()
}
