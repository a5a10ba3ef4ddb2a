package main

// txn.

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/seed695671cb/raft/examples/kvstore/client"
)

// maxTxn bounds what is read of a transaction.
const maxTxn = 64 << 20

const txnUsage = `txn [FILE|-]

Makes a transaction, which FILE or standard input describes in JSON: if all comparisons hold, the steps under "then" are
made, otherwise those under "else", in one step that nobody sees half of. Writes the answer as JSON. Status 0 if the
comparisons held, 4 if not.

  {"compare": [{"key": "a", "target": "rev", "op": "=", "rev": 3},
               {"key": "b", "target": "value", "op": "!=", "value": "x"},
               {"key": "c", "target": "exists", "exists": false}],
   "then": [{"put": {"key": "a", "value": "2"}}, {"delete": {"key": "b"}}, {"get": {"key": "a"}}],
   "else": [{"get": {"key": "a"}}]}

A target is value, rev, created, version or exists; op is =, !=, < or >. A key that does not exist has revision, created
and version 0 and an empty value. There are at most 128 comparisons and 128 steps.
`

var errElse = fmt.Errorf("%w: a comparison does not hold", client.ErrPrecondition)

func txnCommand(ctx context.Context, args []string, stdin io.Reader, stdout, _ io.Writer) error {
	line, flags := clientLine("txn", txnUsage)
	return flags.with(ctx, line, args, 0, 1, stdout, func(ctx context.Context, kv *client.Client, args []string) error {
		txn, err := readTxn(args, stdin)
		if err != nil {
			return err
		}
		result, err := kv.Commit(ctx, txn)
		if err != nil {
			return err
		}
		if err := writeJSON(stdout, result); err != nil {
			return err
		}
		if !result.Succeeded {
			return &toldError{errElse}
		}
		return nil
	})
}

func readTxn(args []string, stdin io.Reader) (*client.Txn, error) {
	input, name := stdin, "standard input"
	if len(args) == 1 && args[0] != "-" {
		file, err := os.Open(args[0])
		if err != nil {
			return nil, fmt.Errorf("txn: %w", err)
		}
		defer file.Close()
		input, name = file, args[0]
	}
	text, err := io.ReadAll(io.LimitReader(input, maxTxn))
	if err != nil {
		return nil, fmt.Errorf("txn: %s: %w", name, err)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	var txn client.Txn
	if err := decoder.Decode(&txn); err != nil {
		return nil, usagef("txn: %s: %v; kvstore help txn shows what a transaction looks like", name, atLine(text, err))
	}
	if decoder.More() {
		return nil, usagef("txn: %s: something follows the transaction: there is one at a time", name)
	}
	return &txn, nil
}

// atLine adds the line to an error that knows its place.
func atLine(text []byte, err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	offset := int64(-1)
	if errors.As(err, &syntax) {
		offset = syntax.Offset
	} else if errors.As(err, &kind) {
		offset = kind.Offset
	}
	if offset < 0 || offset > int64(len(text)) {
		return err
	}
	return fmt.Errorf("line %d: %w", 1+bytes.Count(text[:offset], []byte("\n")), err)
}
