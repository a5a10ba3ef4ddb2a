package server

// Bodies and parameters of requests: read within bounds, and refused if there is anything in them that is not understood.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/seed695671cb/raft/examples/kvstore/store"
)

const (
	// maxAdminBody bounds the body of a request that changes the cluster.
	maxAdminBody = 64 << 10
	// maxTxnBody bounds that of a transaction: values that are base64 or escaped take more than they are.
	maxTxnBody = 16 << 20
	// maxJSONDepth bounds how deep values of JSON stand inside one another. A transaction needs five.
	maxJSONDepth = 16
	// maxJSONItems bounds the elements of a list. None has more than a transaction's.
	maxJSONItems = max(store.MaxCompares, store.MaxOps)
	// maxJSONMarks bounds the brackets, braces, commas and colons. A transaction with every field of every element has half as many.
	maxJSONMarks = 16 << 10
	// maxJSONName bounds the name of a field.
	maxJSONName = 32
	// maxJSONComplaint bounds what an error quotes of a body.
	maxJSONComplaint = 200
)

// decodeJSON reads one JSON value, strictly: no unknown fields, nothing behind it, nothing that is not Unicode. What JSON would
// quietly replace could otherwise name another key.
func decodeJSON(body []byte, into any) error {
	if !utf8.Valid(body) {
		return badRequest("the body is not UTF-8: give keys that are not as key64, and values with base64")
	}
	if err := checkJSON(body); err != nil {
		return err
	}
	if string(bytes.TrimSpace(body)) == "null" {
		return badRequest("the body is null: send a JSON object as described in API.md")
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return badJSON(err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return badRequest("there is something behind the JSON object in the body: send one object")
	}
	return nil
}

func badJSON(err error) error {
	var known *apiError
	if errors.As(err, &known) {
		return known
	}
	if errors.Is(err, io.EOF) {
		return badRequest("the body is empty: send a JSON object as described in API.md")
	}
	const prefix = "the body is not the JSON that is expected here: "
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return badRequest(prefix+"%s is a JSON %.80s, and %s is needed", fieldName(wrong.Field), wrong.Value, kindName(wrong.Type.Kind()))
	}
	text := strings.TrimPrefix(err.Error(), "json: ")
	return badRequest(prefix+"%s", strings.ToValidUTF8(text[:min(len(text), maxJSONComplaint)], ""))
}

// fieldName is the last part of a path, of which the others may be names of this program.
func fieldName(path string) string {
	if path == "" {
		return "the body"
	}
	return fmt.Sprintf("field %q", path[strings.LastIndexByte(path, '.')+1:])
}

// kindName says what JSON a field is read from.
func kindName(kind reflect.Kind) string {
	switch kind {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Uint64:
		return "a whole number from 0 to 18446744073709551615"
	case reflect.Slice:
		return "a list"
	default:
		return "an object"
	}
}

// checkJSON looks through the text for what the decoder of the standard library lets pass, or takes too much memory for: halves of
// surrogate pairs, names of fields in other letters, and depth and numbers of values, each of which takes more memory than it has text.
func checkJSON(body []byte) error {
	var shape jsonShape
	quoted, begin := false, 0
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case c == '"' && quoted && !isPlainName(body[begin+1:i], body[i+1:]):
			return badRequest("there is no field %s: the names of fields are in lower case, as API.md writes them", quoteKey(body[begin+1:i]))
		case c == '"':
			quoted, begin = !quoted, i
		case quoted && c == '\\':
			length, ok := escapeLength(body[i:])
			if !ok {
				return badRequest(`half a surrogate pair in the JSON, at byte %d: it is not Unicode`, i)
			}
			i += length - 1
		case quoted:
		default:
			if err := shape.take(c); err != nil {
				return err
			}
		}
	}
	return nil
}

// A jsonShape follows what stands outside of strings.
type jsonShape struct {
	marks, depth int
	list         [maxJSONDepth + 1]bool // whether what is open at a depth is a list
	commas       [maxJSONDepth + 1]int  // in it
}

// take says what is wrong with one more character. What is no JSON is for the decoder to find.
func (s *jsonShape) take(c byte) error {
	switch c {
	case '{', '[':
		if s.depth == maxJSONDepth {
			return badRequest("the JSON is nested more than %d deep: that is no request of API.md", maxJSONDepth)
		}
		s.depth++
		s.list[s.depth], s.commas[s.depth] = c == '[', 0
	case '}', ']':
		s.depth = max(s.depth-1, 0)
	case ',':
		s.commas[s.depth]++
		if s.list[s.depth] && s.commas[s.depth] >= maxJSONItems {
			return badRequest("a list in the body has more than %d elements: a transaction has at most %d compares, "+
				"and at most %d operations in then and in else", maxJSONItems, store.MaxCompares, store.MaxOps)
		}
	case ':':
	default:
		return nil
	}
	s.marks++
	if s.marks > maxJSONMarks {
		return badRequest("the JSON has more than %d brackets, commas and colons: that is no request of API.md", maxJSONMarks)
	}
	return nil
}

// isPlainName is false of a string that names a field, as the colon behind it tells, otherwise than all names of API.md are
// written.
func isPlainName(text, behind []byte) bool {
	odd := func(c rune) bool { return (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' }
	plain := len(text) <= maxJSONName && bytes.IndexFunc(text, odd) < 0
	return plain || !bytes.HasPrefix(bytes.TrimLeft(behind, " \t\r\n"), []byte(":"))
}

// escapeLength returns how many bytes the escape sequence at the beginning of text has, with the second half of a surrogate pair.
// It is not ok if there is only one half.
func escapeLength(text []byte) (length int, ok bool) {
	if len(text) < 6 || text[1] != 'u' {
		return 2, true
	}
	const high, low, end = 0xD800, 0xDC00, 0xE000
	unit := hex4(text[2:6])
	if unit < high || unit >= end {
		return 6, true
	}
	if unit >= low || len(text) < 12 || text[6] != '\\' || text[7] != 'u' {
		return 0, false
	}
	second := hex4(text[8:12])
	return 12, second >= low && second < end
}

// hex4 reads four hexadecimal digits; -1 if they are none, which the decoder reports.
func hex4(digits []byte) int {
	value := 0
	for _, c := range digits {
		switch {
		case c >= '0' && c <= '9':
			value = value<<4 | int(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			value = value<<4 | int(c|0x20-'a'+10)
		default:
			return -1
		}
	}
	return value
}

// parameters are those of a request's query.
type parameters struct{ values url.Values }

// query reads the parameters, each of which has to be among the known ones and may be given once.
func (r *request) query(known ...string) (parameters, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return parameters{}, badRequest("the query is malformed, write %% as %%25 and ; as %%3B: %v", err)
	}
	for _, name := range sortedKeys(values) {
		if !slices.Contains(known, name) && (name != "token" || !r.endpoint.stream) {
			return parameters{}, badRequest("there is no parameter %q here: %s", name, describeParameters(known))
		}
		if len(values[name]) > 1 {
			return parameters{}, badRequest("the parameter %q is given %d times: give it once", name, len(values[name]))
		}
	}
	return parameters{values: values}, nil
}

func describeParameters(known []string) string {
	if len(known) == 0 {
		return "it takes none"
	}
	return "there are " + strings.Join(known, ", ")
}

func sortedKeys(values url.Values) []string {
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (p parameters) text(name string) string { return p.values.Get(name) }

// number returns a number within bounds, both inclusive, or the default if it is absent.
func (p parameters) number(name string, byDefault, least, most uint64) (uint64, error) {
	if !p.values.Has(name) {
		return byDefault, nil
	}
	n, err := parseNumber(p.values.Get(name))
	if err != nil || n < least || n > most {
		return 0, badRequest("the parameter %s is %q: it must be a number from %d to %d", name, p.values.Get(name), least, most)
	}
	return n, nil
}

// flag returns whether something is asked for: absent, true or false, or present without a value.
func (p parameters) flag(name string) (bool, error) {
	if !p.values.Has(name) {
		return false, nil
	}
	switch text := p.values.Get(name); text {
	case "", "true", "1":
		return true, nil
	case "false", "0":
		return false, nil
	default:
		return false, badRequest("the parameter %s is %q: it must be true or false", name, text)
	}
}

// requestTimeout reads how long a member may try.
func requestTimeout(header http.Header, limits *limits) (time.Duration, error) {
	text := header.Get("X-Request-Timeout")
	if text == "" {
		return limits.timeout, nil
	}
	timeout, err := time.ParseDuration(text)
	if err != nil || timeout <= 0 {
		return 0, badRequest("X-Request-Timeout is %q: give a duration as in 5s or 1500ms, more than 0", text)
	}
	return min(timeout, limits.maxTimeout), nil
}

func quoteKey(key []byte) string {
	const most = 64
	if len(key) > most {
		return fmt.Sprintf("%q...", key[:most])
	}
	return fmt.Sprintf("%q", key)
}
