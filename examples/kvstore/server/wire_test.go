package server

import (
	"encoding/base64"
	"unicode/utf8"
)

// What the answers look like to somebody who decodes them, and what encoding/json makes of them.

type listAnswer struct {
	Rev    uint64     `json:"rev"`
	Items  []listItem `json:"items"`
	More   bool       `json:"more"`
	Next   string     `json:"next,omitempty"`
	Next64 []byte     `json:"next64,omitempty"`
}

type listItem struct {
	jsonKey
	jsonValue
	Rev     uint64 `json:"rev"`
	Created uint64 `json:"created"`
	Version uint64 `json:"version"`
}

type txnAnswer struct {
	Rev       uint64      `json:"rev"`
	Succeeded bool        `json:"succeeded"`
	Results   []txnResult `json:"results"`
}

type txnResult struct {
	Put    *txnPutResult    `json:"put,omitempty"`
	Delete *txnDeleteResult `json:"delete,omitempty"`
	Get    *txnGetResult    `json:"get,omitempty"`
}

type txnPutResult struct {
	Rev uint64 `json:"rev"`
}

type txnDeleteResult struct {
	Deleted bool `json:"deleted"`
}

type txnGetResult struct {
	Exists bool `json:"exists"`
	jsonValue
	Rev     uint64 `json:"rev"`
	Created uint64 `json:"created"`
	Version uint64 `json:"version"`
	Omitted bool   `json:"omitted,omitempty"`
}

type watchEvent struct {
	Rev uint64 `json:"rev"`
	jsonKey
	jsonValue
	PrevRev uint64 `json:"prev_rev,omitempty"`
}

func encodeKey(key []byte) jsonKey {
	if utf8.Valid(key) {
		text := string(key)
		return jsonKey{Key: &text}
	}
	text := base64.StdEncoding.EncodeToString(key)
	return jsonKey{Key64: &text}
}

func encodeValue(value []byte) jsonValue {
	if utf8.Valid(value) {
		text := string(value)
		return jsonValue{Value: &text}
	}
	text := base64.StdEncoding.EncodeToString(value)
	return jsonValue{Value: &text, Base64: true}
}
