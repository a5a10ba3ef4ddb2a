package server

// Keys and values on the wire: as strings in JSON where they are UTF-8, otherwise in base64; revisions as entity tags.

import (
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/seed695671cb/raft/examples/kvstore/store"
)

// jsonKey is a key inside a JSON object.
type jsonKey struct {
	Key   *string `json:"key,omitempty"`
	Key64 *string `json:"key64,omitempty"`
}

// jsonValue is a value inside a JSON object.
type jsonValue struct {
	Value  *string `json:"value,omitempty"`
	Base64 bool    `json:"base64,omitempty"`
}

func (k jsonKey) decode() ([]byte, error) {
	switch {
	case k.Key != nil && k.Key64 != nil:
		return nil, badRequest("key and key64 are both given: give one of them")
	case k.Key64 != nil:
		key, err := base64.StdEncoding.DecodeString(*k.Key64)
		if err != nil {
			return nil, badRequest("key64 is not base64 with padding (RFC 4648): %v", err)
		}
		return key, checkKey(key)
	case k.Key != nil:
		key := []byte(*k.Key)
		return key, checkKey(key)
	default:
		return nil, badRequest(`"key" is missing: name the key, or give it as "key64" in base64`)
	}
}

func (v jsonValue) decode() ([]byte, error) {
	if v.Value == nil {
		return nil, badRequest(`"value" is missing: give a string`)
	}
	value := []byte(*v.Value)
	if v.Base64 {
		decoded, err := base64.StdEncoding.DecodeString(*v.Value)
		if err != nil {
			return nil, badRequest("the value is said to be base64 and is not (RFC 4648, with padding): %v", err)
		}
		value = decoded
	}
	if len(value) > store.MaxValueBytes {
		return nil, tooLarge("the value has %d bytes: at most %d are allowed", len(value), store.MaxValueBytes)
	}
	return value, nil
}

func checkKey(key []byte) error {
	switch {
	case len(key) == 0:
		return badRequest("the key is empty: keys have 1 to %d bytes", store.MaxKeyBytes)
	case len(key) > store.MaxKeyBytes:
		return tooLarge("the key has %d bytes: keys have 1 to %d", len(key), store.MaxKeyBytes)
	default:
		return nil
	}
}

// etag writes a revision as an entity tag.
func etag(rev uint64) string { return `"` + strconv.FormatUint(rev, 10) + `"` }

// parseETag reads a revision, in quotes or without.
func parseETag(text string) (uint64, error) {
	text = strings.TrimSpace(text)
	bare := text
	if len(text) >= 2 && text[0] == '"' && text[len(text)-1] == '"' {
		bare = text[1 : len(text)-1]
	}
	rev, err := parseNumber(bare)
	if err != nil || rev == 0 {
		return 0, badRequest(`entity tag %q is no revision: give one as in "7", with the quotes`, text)
	}
	return rev, nil
}

// parseNumber reads a number of decimal digits, and nothing else.
func parseNumber(text string) (uint64, error) {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return 0, strconv.ErrSyntax
		}
	}
	return strconv.ParseUint(text, 10, 64)
}
