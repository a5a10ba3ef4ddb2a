//go:build unix

package demo

import (
	"os"
	"syscall"
)

// suspend stops a process, or lets it go on.
func suspend(process *os.Process, stop bool) error {
	if stop {
		return process.Signal(syscall.SIGSTOP)
	}
	return process.Signal(syscall.SIGCONT)
}
