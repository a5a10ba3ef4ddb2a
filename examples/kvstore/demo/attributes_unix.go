//go:build unix && !linux

package demo

import "syscall"

// attributes keeps the terminal's signals from a child: the demo passes on what is to be passed on.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
