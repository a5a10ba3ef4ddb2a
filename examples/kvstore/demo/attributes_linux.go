package demo

import "syscall"

// attributes has a child killed when the demo dies, and keeps the terminal's signals from it: the demo passes on what is
// to be passed on.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
