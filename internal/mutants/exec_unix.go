//go:build unix

package mutants

// On Unix a command gets a process group of its own, so that its children can be killed with it.

import (
	"os/exec"
	"syscall"
)

func killWithChildren(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
