package chaos

import (
	"fmt"
	"hash/fnv"
	"strings"
)

// Values are a unique name, a colon and padding whose length follows from the name: most are short, some have
// kilobytes. Histories hold names alone; a value that comes back with other padding is not the one that was sent.

// textOf returns the value that is sent for a name.
func textOf(name string) string { return name + ":" + strings.Repeat("x", padding(name)) }

// nameOf returns the name of a value that came back, or a description of the damage, which is nobody's name.
func nameOf(text string) string {
	name, pad, ok := strings.Cut(text, ":")
	if ok && len(pad) == padding(name) && strings.Trim(pad, "x") == "" {
		return name
	}
	return fmt.Sprintf("damaged value of %d bytes, %.60q", len(text), text)
}

func padding(name string) int {
	h := fnv.New32a()
	h.Write([]byte(name))
	n := int(h.Sum32())
	if n%16 == 0 {
		return n / 16 % 4096
	}
	return n % 24
}
