//go:build unix && !linux

package process

import "syscall"

// diesWithParent only keeps the terminal's signals from a child: a parent that is killed leaves its children behind.
func diesWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
