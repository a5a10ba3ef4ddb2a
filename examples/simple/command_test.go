package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]command{
		"put k v":                {name: "put", key: "k", value: "v"},
		"  put\tk   two  words ": {name: "put", key: "k", value: "two  words"},
		"put # #":                {name: "put", key: "#", value: "#"},
		"get k\r":                {name: "get", key: "k"},
		"del k":                  {name: "del", key: "k"},
		"members":                {name: "members"},
		"heal":                   {name: "heal"},
		"status":                 {name: "status"},
		"add 4":                  {name: "add", id: 4},
		"remove 1":               {name: "remove", id: 1},
		"transfer 12":            {name: "transfer", id: 12},
		"crash 1":                {name: "crash", id: 1},
		"restart 1":              {name: "restart", id: 1},
		"partition 1":            {name: "partition", id: 1},
	} {
		got, err := parse(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
}

func TestParseNothing(t *testing.T) {
	for _, text := range []string{"", " \t", "# put k v", "  #"} {
		_, err := parse(text)
		require.ErrorIs(t, err, errNothing, "%q", text)
	}
}

func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"foo":            `unknown command "foo": want put, get, del, members,`,
		"PUT k v":        `unknown command "PUT"`,
		"put":            "put wants a key and a value: put K V",
		"put k":          "put wants a key and a value: put K V",
		"get":            "get wants one key: get K",
		"get a b":        "get wants one key: get K",
		"del":            "del wants one key: del K",
		"status 1":       `status stands alone: remove "1"`,
		"members x":      `members stands alone: remove "x"`,
		"crash":          "crash wants the number of a replica, 1 or more: crash N",
		"crash 0":        "crash wants the number",
		"crash -1":       "crash wants the number",
		"add 1 2":        "add wants the number",
		"add one":        "add wants the number",
		"add 4294967296": "add wants the number",
	} {
		_, err := parse(text)
		require.ErrorContains(t, err, want, text)
	}
}

// What goes through the log and through snapshots comes out as it went in, whatever the line held.
func FuzzChangeSurvivesLogAndSnapshot(f *testing.F) {
	for _, text := range []string{"put k v", "put k two  words", "del k", "put \u00a0 \u00a0x", "put k \v\x00\xff"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		cmd, err := parse(text)
		if err != nil || cmd.name != "put" && cmd.name != "del" || containsLineEnd(text) {
			return
		}
		s := newStore()
		require.NoError(t, s.apply(encodeChange(1, command{name: "put", key: "k", value: "old"})))
		require.NoError(t, s.apply(encodeChange(2, cmd)))
		require.EqualValues(t, 2, s.last)
		restored, err := decodeStore(s.encode())
		require.NoError(t, err)
		require.Equal(t, contents(t, s), contents(t, restored))
		require.Equal(t, s.digest(), restored.digest())
		got, ok := restored.get(cmd.key)
		require.Equal(t, cmd.name == "put", ok)
		require.Equal(t, cmd.value, got)
	})
}
