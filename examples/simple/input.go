package main

// Reading the input line by line.

import (
	"bufio"
	"errors"
	"io"
)

// line is a line of the input, or the error that ends it.
type line struct {
	number int
	text   string
	err    error
}

// readLines sends every line of the input, and closes the channel at its end. It is a goroutine of its own, so that
// answers appear while a person is still thinking about the next line.
func readLines(input io.Reader, lines chan<- line) {
	defer close(lines)
	in := bufio.NewReaderSize(input, 64<<10)
	for number := 1; ; number++ {
		text, err := in.ReadString('\n')
		if errors.Is(err, io.EOF) {
			if text != "" {
				lines <- line{number: number, text: text}
			}
			return
		}
		lines <- line{number: number, text: text, err: err}
		if err != nil {
			return
		}
	}
}
