//go:build unix

package main

import "syscall"

// What is not secret is readable, whatever the caller's umask: machines are made of these files. Secrets name their mode.
func init() { syscall.Umask(0o022) }
