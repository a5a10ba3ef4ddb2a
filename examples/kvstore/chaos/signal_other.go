//go:build !unix

package chaos

import (
	"errors"
	"os"
	"syscall"
)

// errNoFreeze is returned where the operating system has no signal that stops a process.
var errNoFreeze = errors.New("this operating system cannot pause a process: leave pause out of -faults")

func attributes() *syscall.SysProcAttr { return nil }

func freeze(*os.Process, bool) error { return errNoFreeze }
