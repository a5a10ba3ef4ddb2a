package restore

// What is to be run, and sizes as people write them.

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Config says what to run. Zero values stand for the defaults that are given.
type Config struct {
	// Program is the executable of kvstore.
	Program string
	// Dir is where the members keep their data and logs. It has to exist, and needs room for about ten times Size.
	Dir string
	// Size is how many bytes of values the members are filled with.
	Size int64
	// MinValue and MaxValue bound the size of a value. 64 KiB and 1 MiB.
	MinValue, MaxValue int
	// Fillers is how many clients fill the data set. 8.
	Fillers int
	// Writers is how many clients write while the new member is being restored, and Rate how many writes they make in a
	// second, all together. 4 and 20.
	Writers int
	Rate    float64
	// Resume has the new member killed in the middle, and started again.
	Resume bool
	// MemoryBound is what a member's resident memory must not exceed during the restore, in bytes. 768 MiB.
	MemoryBound int64
	// Seed is what keys, sizes and values are drawn from.
	Seed uint64
	// Log is told how far it is. Nothing is told if it is nil.
	Log io.Writer
}

func (c *Config) complete() error {
	setDefault(&c.MinValue, 64<<10)
	setDefault(&c.MaxValue, 1<<20)
	setDefault(&c.Fillers, 8)
	setDefault(&c.Writers, 4)
	setDefault(&c.Rate, 20)
	setDefault(&c.MemoryBound, 768<<20)
	if c.Log == nil {
		c.Log = io.Discard
	}
	switch {
	case c.Program == "" || c.Dir == "":
		return errors.New("the program and the directory have to be named")
	case c.MinValue < 1 || c.MaxValue < c.MinValue || c.MaxValue > 4<<20:
		return fmt.Errorf("values of %d to %d bytes: they have to have 1 byte to 4 MiB", c.MinValue, c.MaxValue)
	case c.Size < int64(c.MaxValue):
		return fmt.Errorf("the size, %d bytes, has to be that of one value at least, %d", c.Size, c.MaxValue)
	case c.Fillers < 1 || c.Writers < 1 || c.Rate <= 0:
		return errors.New("the number of clients and their rate have to be positive")
	}
	return nil
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// ParseSize reads a number of bytes as "2GB" (powers of 1000) or "512MiB" (powers of 1024).
func ParseSize(text string) (int64, error) {
	number := strings.TrimRight(text, "BKMGiT")
	units := map[string]float64{
		"": 1, "B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30,
	}
	unit, known := units[text[len(number):]]
	value, err := strconv.ParseFloat(number, 64)
	if err != nil || !known || !(value >= 0 && value*unit <= 1<<50) {
		return 0, fmt.Errorf("%q is not a size: write it like 2GB or 512MiB", text)
	}
	return int64(value * unit), nil
}
