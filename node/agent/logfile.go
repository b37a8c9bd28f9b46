package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
)

// logSize is how large a log grows before it becomes the old one; there is one old one.
const logSize = 10 << 20

// logFile is a log that never takes more than twice its limit.
type logFile struct {
	path  string
	limit int64

	mu   sync.Mutex
	file *os.File
	size int64
}

// Write appends, in a new file if the present one is full. A file that cannot be written is tried again by the next Write.
func (l *logFile) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.ready(int64(len(p))); err != nil {
		return 0, err
	}
	n, err := l.file.Write(p)
	l.size += int64(n)
	return n, err
}

// ready opens the file, and turns it over when it has no room.
func (l *logFile) ready(room int64) error {
	if l.file == nil {
		if err := l.open(); err != nil {
			return err
		}
	}
	if l.size == 0 || l.size+room <= l.limit {
		return nil
	}
	err := errors.Join(l.file.Close(), os.Rename(l.path, l.path+".1"))
	l.file = nil
	if err != nil {
		return fmt.Errorf("turning over the log %q: %w", l.path, err)
	}
	return l.open()
}

func (l *logFile) open() error {
	f, err := os.OpenFile(l.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	var info fs.FileInfo
	if info, err = f.Stat(); err != nil {
		return errors.Join(err, f.Close())
	}
	l.file, l.size = f, info.Size()
	return nil
}

// Close closes the file; a later Write opens it again.
func (l *logFile) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file = nil
	return err
}
