//go:build !unix

package chaos

import (
	"errors"
	"os"
)

// errNoFreeze is returned where the operating system has no signal that stops a process.
var errNoFreeze = errors.New("this operating system cannot pause a process: leave pause out of -faults")

func freeze(*os.Process, bool) error { return errNoFreeze }
