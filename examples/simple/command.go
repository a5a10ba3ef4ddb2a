package main

// What a line of the input says.

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// command is a line of the input, parsed. Which fields are set depends on the name.
type command struct {
	name  string
	key   string // put, get, del
	value string // put
	id    uint64 // the commands that name a replica
}

// errNothing says that a line is blank or a comment.
var errNothing = errors.New("nothing to do")

// parse returns the command that the line holds, errNothing if it holds none, or an error that says what is wrong.
// Words are separated by blanks; a value goes on to the end of the line, and may hold blanks itself.
func parse(text string) (command, error) {
	text = strings.TrimSpace(text)
	if text == "" || text[0] == '#' {
		return command{}, errNothing
	}
	name, rest := cutWord(text)
	c := command{name: name}
	switch name {
	case "put":
		c.key, c.value = cutWord(rest)
		if c.value == "" {
			return command{}, errors.New("put wants a key and a value: put K V")
		}
	case "get", "del":
		c.key, rest = cutWord(rest)
		if c.key == "" || rest != "" {
			return command{}, fmt.Errorf("%s wants one key: %s K", name, name)
		}
	case "members", "heal", "status":
		if rest != "" {
			return command{}, fmt.Errorf("%s stands alone: remove %q", name, rest)
		}
	case "add", "remove", "transfer", "crash", "restart", "partition":
		id, err := strconv.ParseUint(rest, 10, 32)
		if err != nil || id == 0 {
			return command{}, fmt.Errorf("%s wants the number of a replica, 1 or more: %s N", name, name)
		}
		c.id = id
	default:
		return command{}, fmt.Errorf("unknown command %q: want put, get, del, members, add, remove, transfer, crash, "+
			"restart, partition, heal or status", name)
	}
	return c, nil
}

// cutWord returns the first word of s, and what follows the blanks after it.
func cutWord(s string) (word, rest string) {
	end := strings.IndexAny(s, " \t")
	if end < 0 {
		return s, ""
	}
	return s[:end], strings.TrimLeft(s[end:], " \t")
}
