package main

import (
	"fmt"
	"io"
	"log"

	"github.com/lni/dragonboat/v4/logger"
)

// silence keeps the library from logging. Its log store writes to the standard logger, and does so often: the file
// system in memory cannot say how much room is left, which the store asks for, reports and lives without. The library
// allows this once in a process.
func silence() {
	logger.SetLoggerFactory(newSilent)
	log.SetOutput(io.Discard)
}

// silent is a logger that says nothing, and panics when it is told to.
type silent struct{}

func newSilent(string) logger.ILogger { return silent{} }

func (silent) SetLevel(logger.LogLevel)       {}
func (silent) Debugf(string, ...any)          {}
func (silent) Infof(string, ...any)           {}
func (silent) Warningf(string, ...any)        {}
func (silent) Errorf(string, ...any)          {}
func (silent) Panicf(format string, a ...any) { panic(fmt.Sprintf(format, a...)) }
