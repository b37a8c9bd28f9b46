// Package cloudconfig reads and applies the subset of cloud-init's cloud-config that Cluster API's kubeadm bootstrap provider
// emits: files to write, commands to run, the host's name. It refuses everything else by name and line rather than leaving it
// out: a machine that silently lacks its disks or users is worse than one that says so.
package cloudconfig

import (
	"fmt"
	"io/fs"
)

// Limits on what is accepted. A kubeadm control plane's user data is about 30 KiB; clouds allow 16 KiB to 1 MiB.
const (
	maxSize    = 4 << 20
	maxFile    = 8 << 20
	maxContent = 32 << 20
	maxEntries = 1000
)

// Config is what a machine has to do once.
type Config struct {
	// Hostname is the name to take, or "" to keep the present one.
	Hostname string
	Files    []File
	Commands []Command
}

// File is a file to write. Its content may be a secret.
type File struct {
	Path string
	// User and Group are names or numbers; "" is root.
	User, Group string
	Mode        fs.FileMode
	Content     []byte
	// Append adds to a file that exists instead of replacing it.
	Append bool
	// Line is where the user data speaks of it.
	Line int
}

// Command is a command to run: a line for the shell, or words. Either may carry a secret.
type Command struct {
	Shell string
	Words []string
	// Line is where the user data speaks of it.
	Line int
}

// Instance is what a template may refer to.
type Instance struct {
	Hostname string
	ID       string
}

// UnsupportedError is user data that asks for something that is not done here.
type UnsupportedError struct {
	Key  string
	Line int
}

// Error names the key and the line.
func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("line %d: %q is not supported in user data (supported: write_files, runcmd, hostname, fqdn)", e.Line, e.Key)
}

// SyntaxError is user data that makes no sense. It never carries content, which may be secret.
type SyntaxError struct {
	Line   int
	Reason string
}

// Error gives line and reason.
func (e *SyntaxError) Error() string {
	if e.Line == 0 {
		return "user data: " + e.Reason
	}
	return fmt.Sprintf("user data line %d: %s", e.Line, e.Reason)
}

func syntax(line int, format string, args ...any) error {
	return &SyntaxError{Line: line, Reason: fmt.Sprintf(format, args...)}
}
