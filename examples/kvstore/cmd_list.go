package main

// list and watch.

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/seed695671cb/raft/examples/kvstore/client"
)

const listUsage = `list

Lists keys in the order of their bytes, one a line: the key, a tab, the value. What does not fit on a line is quoted.
With --json each line is an object: {"key":"a","value":"1","rev":3,"created":3,"version":1}, with "base64": true if the
value is in base64 because it is not UTF-8, and "key64" instead of "key" for such a key.

  kvstore list --prefix users/ --limit 10
  kvstore list --prefix users/ --after users/17 --keys-only
`

func listCommand(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) error {
	line, flags := clientLine("list", listUsage)
	var options client.ListOptions
	line.StringVar(&options.Prefix, "prefix", "", "only keys that begin with this `text`")
	line.StringVar(&options.After, "after", "", "only keys behind this `key`")
	limit := line.Int("limit", 0, "at most this `number` of keys; 0 is all")
	line.BoolVar(&options.KeysOnly, "keys-only", false, "without the values")
	consistency := line.String("consistency", "linearizable", "`level`: linearizable, lease or stale")
	return flags.with(ctx, line, args, 0, 0, stdout, func(ctx context.Context, kv *client.Client, _ []string) error {
		level, err := parseConsistency(*consistency)
		if err != nil {
			return err
		}
		if *limit < 0 {
			return usagef("list: --limit %d: it cannot be negative", *limit)
		}
		if *limit == 0 {
			*limit = math.MaxInt
		}
		options.Consistency = level
		options.Limit = min(*limit, 999) + 1 // one more tells whether others follow
		return writeList(ctx, kv, options, *limit, flags.json, stdout, stderr)
	})
}

func writeList(
	ctx context.Context, kv *client.Client, options client.ListOptions, limit int, asJSON bool, stdout, stderr io.Writer,
) error {
	out := bufio.NewWriter(stdout)
	count, last := 0, ""
	for item, err := range kv.All(ctx, options) {
		if err != nil {
			return errors.Join(out.Flush(), err)
		}
		if count++; count > limit {
			fmt.Fprintf(stderr, "kvstore: there are more; go on with --after %s\n", strconv.Quote(last))
			break
		}
		last = item.Key
		if err := writeItem(out, item, options.KeysOnly, asJSON); err != nil {
			return err
		}
	}
	return out.Flush()
}

func writeItem(out io.Writer, item client.Item, keysOnly, asJSON bool) error {
	if asJSON {
		return writeJSON(out, shownItem(item))
	}
	text := printable([]byte(item.Key))
	if !keysOnly {
		text += "\t" + printable(item.Value)
	}
	_, err := fmt.Fprintln(out, text)
	return err
}

// shown is an item or an event as --json writes it, as in the API.
type shown struct {
	ID      string  `json:"id,omitempty"`
	Event   string  `json:"event,omitempty"`
	Key     string  `json:"key,omitempty"`
	Key64   []byte  `json:"key64,omitempty"`
	Value   *string `json:"value,omitempty"`
	Base64  bool    `json:"base64,omitempty"`
	Rev     uint64  `json:"rev"`
	PrevRev uint64  `json:"prev_rev,omitempty"`
	Created uint64  `json:"created,omitempty"`
	Version uint64  `json:"version,omitempty"`
}

func shownItem(item client.Item) shown {
	s := shown{Rev: item.Rev, Created: item.Created, Version: item.Version}
	s.setKey(item.Key)
	if item.Value != nil {
		s.setValue(item.Value)
	}
	return s
}

func (s *shown) setKey(key string) {
	if utf8.ValidString(key) {
		s.Key = key
		return
	}
	s.Key64 = []byte(key)
}

func (s *shown) setValue(value []byte) {
	text := string(value)
	if !utf8.Valid(value) {
		text, s.Base64 = base64.StdEncoding.EncodeToString(value), true
	}
	s.Value = &text
}

// printable gives text as it is if it fits on a line and shows what it is, and otherwise quoted.
func printable(text []byte) string {
	plain := string(text)
	quoted := strconv.Quote(plain)
	if len(plain) > 0 && quoted == `"`+plain+`"` {
		return plain
	}
	return quoted
}

const watchUsage = `watch

Writes every change as it happens, until it is interrupted: the revision, put or delete, the key and the value, with tabs
between. No change is left out and none comes twice, also when members fail and the watch goes on with another one.

  kvstore watch --prefix users/
  kvstore watch --from 1                 from the beginning, as long as that is kept
  kvstore watch --after 12.0 --json      go on behind the event with this id
`

func watchCommand(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) error {
	line, flags := clientLine("watch", watchUsage)
	options := client.WatchOptions{OnCut: func(err error) { fmt.Fprintf(stderr, "kvstore: %v; going on\n", err) }}
	line.StringVar(&options.Prefix, "prefix", "", "only keys that begin with this `text`")
	line.Uint64Var(&options.From, "from", 0, "the first `revision` of interest; 0 is from now on")
	line.StringVar(&options.After, "after", "", "go on behind the event with this `id`")
	count := line.Int("count", 0, "end after this `number` of changes; 0 is never")
	return flags.with(ctx, line, args, 0, 0, stdout, func(ctx context.Context, kv *client.Client, _ []string) error {
		if *count < 0 {
			return usagef("watch: --count %d: it cannot be negative", *count)
		}
		seen := 0
		for event, err := range kv.Watch(ctx, options) {
			if err != nil {
				return err
			}
			if err := writeEvent(stdout, event, flags.json); err != nil {
				return err
			}
			if seen++; seen == *count {
				break
			}
		}
		return nil
	})
}

func writeEvent(out io.Writer, event client.Event, asJSON bool) error {
	if asJSON {
		s := shown{ID: event.ID, Event: string(event.Type), Rev: event.Rev, PrevRev: event.PrevRev}
		s.setKey(event.Key)
		if event.Type == client.EventPut {
			s.setValue(event.Value)
		}
		return writeJSON(out, s)
	}
	text := fmt.Sprintf("%d\t%s\t%s", event.Rev, event.Type, printable([]byte(event.Key)))
	if event.Type == client.EventPut {
		text += "\t" + printable(event.Value)
	}
	_, err := fmt.Fprintln(out, text)
	return err
}
