package client

// Keys and values in JSON: strings, or base64 if they are not UTF-8.

import (
	"encoding/base64"
	"fmt"
	"unicode/utf8"
)

// keyOf gives the key of the two members that may hold it.
func keyOf(key string, key64 []byte) string {
	if len(key64) > 0 {
		return string(key64)
	}
	return key
}

// valueOf gives the bytes of a value.
func valueOf(value string, encoded bool) ([]byte, error) {
	if !encoded {
		return []byte(value), nil
	}
	data, err := base64.StdEncoding.DecodeString(value)
	if err != nil {
		return nil, fmt.Errorf("the value is not the base64 that it claims to be: %w", err)
	}
	return data, nil
}

// wireKey splits a key into the two members of which one holds it.
func wireKey(key string) (plain string, key64 []byte) {
	if utf8.ValidString(key) {
		return key, nil
	}
	return "", []byte(key)
}

// wireValue gives a value as it stands in JSON.
func wireValue(value []byte) (text string, encoded bool) {
	if utf8.Valid(value) {
		return string(value), false
	}
	return base64.StdEncoding.EncodeToString(value), true
}
