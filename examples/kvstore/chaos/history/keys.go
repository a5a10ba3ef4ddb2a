package history

import (
	"fmt"
	"strconv"
	"strings"
)

// Keys come in groups of GroupSize, which transactions and lists span. Everything that is checked is below Prefix.
const (
	GroupSize = 2
	Prefix    = "c/"
)

// GroupPrefix is what all keys of a group begin with, and no others.
func GroupPrefix(group int) string { return fmt.Sprintf("%s%06d/", Prefix, group) }

// Key returns the key of a group that stands in the given slot, from 0 to GroupSize-1.
func Key(group, slot int) string { return GroupPrefix(group) + string(rune('a'+slot)) }

// ParseKey returns the group and the slot of a key that Key made.
func ParseKey(key string) (group, slot int, ok bool) {
	rest, found := strings.CutPrefix(key, Prefix)
	number, name, cut := strings.Cut(rest, "/")
	group, err := strconv.Atoi(number)
	if !found || !cut || err != nil || len(name) != 1 {
		return 0, 0, false
	}
	slot = int(name[0]) - 'a'
	return group, slot, slot >= 0 && slot < GroupSize
}
