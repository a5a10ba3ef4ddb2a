//go:build !unix

package demo

import (
	"errors"
	"os"
	"syscall"
)

// errNoSuspend is returned where the operating system has no signal that stops a process.
var errNoSuspend = errors.New("this operating system cannot pause a process")

func attributes() *syscall.SysProcAttr { return nil }

func suspend(*os.Process, bool) error { return errNoSuspend }
