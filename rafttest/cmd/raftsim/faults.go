package main

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode"

	"github.com/seed695671cb/raft/rafttest"
)

// parseFaults reads a list such as "none,loss=100,late-reports=0": names are those of the fields of rafttest.Faults in
// small letters. "none" sets all to zero but for the healing of partitions.
func parseFaults(list string) (func(rafttest.Faults) rafttest.Faults, error) {
	if list == "" {
		return nil, nil
	}
	type change struct {
		field, value int
	}
	var changes []change
	none := false
	for _, item := range strings.Split(list, ",") {
		if item == "none" {
			none = true
			continue
		}
		name, text, _ := strings.Cut(item, "=")
		value, err := strconv.Atoi(text)
		field := faultField(name)
		if err != nil || field < 0 || value < 0 || value > 100000 {
			return nil, fmt.Errorf("-faults %q: want none, or one of %s, with a number of at most 100000", item,
				strings.Join(faultNames(), ", "))
		}
		changes = append(changes, change{field: field, value: value})
	}
	return func(f rafttest.Faults) rafttest.Faults {
		if none {
			f = rafttest.Faults{Heal: 100, Interval: 1000}
		}
		v := reflect.ValueOf(&f).Elem()
		for _, c := range changes {
			v.Field(c.field).SetInt(int64(c.value))
		}
		return f
	}, nil
}

// faultNames are the names of all faults.
func faultNames() (names []string) {
	t := reflect.TypeOf(rafttest.Faults{})
	for i := range t.NumField() {
		var b strings.Builder
		for k, r := range t.Field(i).Name {
			if k > 0 && unicode.IsUpper(r) {
				b.WriteByte('-')
			}
			b.WriteRune(unicode.ToLower(r))
		}
		names = append(names, b.String())
	}
	return names
}

func faultField(name string) int {
	for i, n := range faultNames() {
		if n == name {
			return i
		}
	}
	return -1
}
