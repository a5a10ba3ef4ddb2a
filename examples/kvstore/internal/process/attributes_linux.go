package process

import "syscall"

// diesWithParent has the kernel kill a child when the thread that started it ends, and keeps the terminal's signals from it.
func diesWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
