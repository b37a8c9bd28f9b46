package hosttest

import (
	"errors"
	"io/fs"
	"time"
)

// info describes a node as it was when it was asked for.
type info struct {
	name     string
	size     int64
	mode     fs.FileMode
	modified time.Time
}

func describe(name string, n *node) info {
	size := int64(len(n.data))
	if n.target != "" {
		size = int64(len(n.target))
	}
	return info{name: name, size: size, mode: n.mode, modified: n.modified}
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.size }
func (i info) Mode() fs.FileMode  { return i.mode }
func (i info) ModTime() time.Time { return i.modified }
func (i info) IsDir() bool        { return i.mode.IsDir() }
func (i info) Sys() any           { return nil }

// pathError wraps an error as the os package does, and nothing as nothing.
func pathError(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}

func isNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }
