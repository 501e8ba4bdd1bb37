//go:build unix

package nightly

import (
	"os"
	"syscall"
)

// locksFiles says that flock keeps others out.
const locksFiles = true

// flock takes an exclusive lock that ends with the file's descriptor.
func flock(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }
