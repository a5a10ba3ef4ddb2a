//go:build unix && !linux

package chaos

import "syscall"

// attributes keeps the terminal's signals from a member.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
