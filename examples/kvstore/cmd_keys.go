package main

// put, get and del.

import (
	"context"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"

	"github.com/seed695671cb/raft/examples/kvstore/client"
)

// The largest key and the largest value that a member takes, in bytes.
const (
	maxKey   = 4096
	maxValue = 4 << 20
)

const putUsage = `put KEY VALUE|-

Sets KEY to VALUE, or to what standard input holds if VALUE is -. When the command ends with status 0, the value is on
the disks of a majority of the members.

  kvstore put greeting hello
  kvstore put config - < config.yaml
  kvstore put greeting hi --if-match 7      only if the revision of greeting is 7; otherwise status 4
  kvstore put lock me --if-none-match       only if there is no lock; otherwise status 4
  kvstore put -- key -1                     a value that begins with a dash
`

func putCommand(ctx context.Context, args []string, stdin io.Reader, stdout, _ io.Writer) error {
	line, flags := clientLine("put", putUsage)
	match := line.String("if-match", "", "write only if the key has this `revision`, or * if it exists at all")
	absent := line.Bool("if-none-match", false, "write only if the key does not exist")
	return flags.with(ctx, line, args, 2, 2, stdout, func(ctx context.Context, kv *client.Client, args []string) error {
		if *absent && line.given("if-match") {
			return usagef("put: --if-match and --if-none-match exclude each other: the key cannot both exist and not exist")
		}
		options, err := writeOptions(line, args[0], *match)
		if err != nil {
			return err
		}
		if *absent {
			options = append(options, client.IfAbsent())
		}
		value, err := readValue(args[1], stdin)
		if err != nil {
			return err
		}
		result, err := kv.Put(ctx, args[0], value, options...)
		if err != nil {
			return err
		}
		if flags.json {
			return writeJSON(stdout, result)
		}
		verb := "replaced"
		if result.Created {
			verb = "created"
		}
		_, err = fmt.Fprintf(stdout, "%s, revision %d\n", verb, result.Rev)
		return err
	})
}

// writeOptions checks the key of a write, and reads its condition.
func writeOptions(line *commandLine, key, match string) ([]client.WriteOption, error) {
	if err := checkKey(line, key); err != nil || !line.given("if-match") {
		return nil, err
	}
	if match == "*" {
		return []client.WriteOption{client.IfExists()}, nil
	}
	rev, err := parseNumber("--if-match", match)
	return []client.WriteOption{client.IfRevision(rev)}, err
}

func checkKey(line *commandLine, key string) error {
	if key == "" || len(key) > maxKey {
		return usagef("%s: a key has 1 to %d bytes, this one %d", line.Name(), maxKey, len(key))
	}
	return nil
}

func readValue(argument string, stdin io.Reader) ([]byte, error) {
	if argument != "-" {
		return []byte(argument), nil
	}
	value, err := io.ReadAll(io.LimitReader(stdin, maxValue+1))
	if err != nil {
		return nil, fmt.Errorf("standard input: %w", err)
	}
	if len(value) > maxValue {
		return nil, fmt.Errorf("standard input: a value has at most %d bytes", maxValue)
	}
	return value, nil
}

const getUsage = `get KEY

Writes the value of KEY to standard output as it is. Status 3 if there is no such key.

Reads are linearizable: they see every write that was acknowledged before. --consistency lease trusts in the clocks of
the members and is faster; --consistency stale asks one member for what it has, which may be old.
`

func getCommand(ctx context.Context, args []string, _ io.Reader, stdout, _ io.Writer) error {
	line, flags := clientLine("get", getUsage)
	consistency := line.String("consistency", "linearizable", "`level`: linearizable, lease or stale")
	return flags.with(ctx, line, args, 1, 1, stdout, func(ctx context.Context, kv *client.Client, args []string) error {
		if err := checkKey(line, args[0]); err != nil {
			return err
		}
		level, err := parseConsistency(*consistency)
		if err != nil {
			return err
		}
		value, err := kv.Get(ctx, args[0], client.At(level))
		if err != nil {
			return err
		}
		if flags.json {
			return writeJSON(stdout, shownItem(client.Item{Key: args[0], Value: value.Data, Rev: value.Rev}))
		}
		if isTerminal(stdout) && (len(value.Data) == 0 || value.Data[len(value.Data)-1] != '\n') {
			value.Data = append(value.Data, '\n')
		}
		_, err = stdout.Write(value.Data)
		return err
	})
}

func parseConsistency(name string) (client.Consistency, error) {
	level, err := client.ParseConsistency(name)
	if err != nil {
		return "", usagef("--consistency: %v", err)
	}
	return level, nil
}

const delUsage = `del KEY

Deletes KEY. Status 3 if there is no such key.

  kvstore del greeting
  kvstore del greeting --if-match 7      only if the revision of greeting is 7; otherwise status 4
`

func delCommand(ctx context.Context, args []string, _ io.Reader, stdout, _ io.Writer) error {
	line, flags := clientLine("del", delUsage)
	match := line.String("if-match", "", "delete only if the key has this `revision`")
	return flags.with(ctx, line, args, 1, 1, stdout, func(ctx context.Context, kv *client.Client, args []string) error {
		options, err := writeOptions(line, args[0], *match)
		if err != nil {
			return err
		}
		result, err := kv.Delete(ctx, args[0], options...)
		if err != nil {
			return err
		}
		if flags.json {
			return writeJSON(stdout, map[string]any{"rev": result.Rev, "deleted": true})
		}
		_, err = fmt.Fprintf(stdout, "deleted, revision %d\n", result.Rev)
		return err
	})
}

// isTerminal tells whether somebody is looking at the output.
func isTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
