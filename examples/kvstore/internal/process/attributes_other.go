//go:build !unix

package process

import "syscall"

// diesWithParent can do nothing here: a parent that is killed leaves its children behind.
func diesWithParent() *syscall.SysProcAttr { return nil }
