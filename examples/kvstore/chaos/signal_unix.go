//go:build unix

package chaos

import (
	"os"
	"syscall"
)

// freeze stops a process in its tracks, or lets it go on.
func freeze(process *os.Process, stop bool) error {
	if stop {
		return process.Signal(syscall.SIGSTOP)
	}
	return process.Signal(syscall.SIGCONT)
}
