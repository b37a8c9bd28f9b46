package hosttest

// Op is something that is about to happen to the machine.
type Op struct {
	// Name is "read", "write", "mkdir", "remove", "rename", "symlink", "stat", "readdir" or "exec".
	Name string
	// Path is the file, or the program as the caller named it.
	Path string
}

// Before calls f before every operation; an error that f returns is the operation's, and nothing happens. So a test makes a
// disk full, or kills an init between any two of its steps. nil takes the hook away. f must not use the Host.
func (h *Host) Before(f func(Op) error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.before = f
}

// allow asks the hook. The lock is held.
func (h *Host) allow(name, path string) error {
	if h.before == nil {
		return nil
	}
	return h.before(Op{Name: name, Path: path})
}
