package hosttest

import (
	"bytes"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
)

// ReadFile returns the whole content of a file.
func (h *Host) ReadFile(name string) ([]byte, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p, err := h.existing("read", name, true)
	if err == nil && p.at.isDir() {
		err = syscall.EISDIR
	}
	if err != nil {
		return nil, pathError("read", name, err)
	}
	return bytes.Clone(p.at.data), nil
}

// WriteFile replaces a file as a whole. A link is replaced, not followed, as the real one does.
func (h *Host) WriteFile(name string, data []byte, mode fs.FileMode) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	p, err := h.vacancy("write", name)
	if err == nil && p.at != nil && p.at.isDir() {
		err = syscall.EISDIR
	}
	if err != nil {
		return pathError("write", name, err)
	}
	h.put(p, &node{mode: mode.Perm(), modified: h.now, data: append([]byte{}, data...)})
	return nil
}

// MkdirAll makes a directory and its parents; a directory that exists is left as it is.
func (h *Host) MkdirAll(name string, mode fs.FileMode) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.allow("mkdir", name); err != nil {
		return pathError("mkdir", name, err)
	}
	return pathError("mkdir", name, h.mkdirAll(name, mode))
}

func (h *Host) mkdirAll(name string, mode fs.FileMode) error {
	if !path.IsAbs(name) {
		return fs.ErrInvalid
	}
	name = path.Clean(name)
	if name != "/" {
		if err := h.mkdirAll(path.Dir(name), mode); err != nil {
			return err
		}
	}
	p, err := h.find(name, true)
	switch {
	case err != nil:
		return err
	case p.at == nil:
		h.put(p, h.newDir(mode))
	case !p.at.isDir():
		return syscall.ENOTDIR
	}
	return nil
}

// Remove removes a file, a link or an empty directory.
func (h *Host) Remove(name string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	p, err := h.existing("remove", name, false)
	switch {
	case err != nil:
	case p.dir == nil:
		err = syscall.EBUSY
	case len(p.at.children) > 0:
		err = syscall.ENOTEMPTY
	default:
		h.drop(p)
	}
	return pathError("remove", name, err)
}

// RemoveAll removes a tree; one that does not exist is no error.
func (h *Host) RemoveAll(name string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	p, err := h.vacancy("remove", name)
	switch {
	case isNotExist(err):
		return nil
	case err != nil:
		return pathError("remove", name, err)
	case p.at != nil:
		h.drop(p)
	}
	return nil
}

// Rename moves a file, over an existing one if need be.
func (h *Host) Rename(from, to string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.rename(from, to); err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}

func (h *Host) rename(from, to string) error {
	src, err := h.existing("rename", from, false)
	if err != nil {
		return err
	}
	dst, err := h.find(to, false)
	switch {
	case err != nil:
		return err
	case src.dir == nil || dst.dir == nil:
		return syscall.EBUSY
	case src.path == dst.path:
		return nil
	case src.at.isDir() && strings.HasPrefix(dst.path, src.path+"/"):
		return fs.ErrInvalid
	case dst.at != nil && dst.at.isDir():
		// The real machine's os.Rename refuses every directory that is in the way of a rename.
		return fs.ErrExist
	case dst.at != nil && src.at.isDir():
		return syscall.ENOTDIR
	}
	h.drop(src)
	h.put(dst, src.at)
	return nil
}

// Symlink makes link point to target, replacing a link that is there.
func (h *Host) Symlink(target, link string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	p, err := h.vacancy("symlink", link)
	switch {
	case err != nil:
	case target == "":
		err = fs.ErrNotExist
	case p.at != nil && p.at.target == "":
		err = fs.ErrExist
	}
	if err != nil {
		return &os.LinkError{Op: "symlink", Old: target, New: link, Err: err}
	}
	h.put(p, &node{mode: fs.ModeSymlink | 0o777, modified: h.now, target: target})
	return nil
}

// Stat describes a file, following links.
func (h *Host) Stat(name string) (fs.FileInfo, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p, err := h.existing("stat", name, true)
	if err != nil {
		return nil, pathError("stat", name, err)
	}
	return describe(path.Base(name), p.at), nil
}

// ReadDir lists a directory by name.
func (h *Host) ReadDir(name string) ([]fs.DirEntry, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p, err := h.existing("readdir", name, true)
	if err == nil && !p.at.isDir() {
		err = syscall.ENOTDIR
	}
	if err != nil {
		return nil, pathError("open", name, err)
	}
	entries := make([]fs.DirEntry, 0, len(p.at.children))
	for child, n := range p.at.children {
		entries = append(entries, fs.FileInfoToDirEntry(describe(child, n)))
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, nil
}

// existing asks the hook, then finds what must be there.
func (h *Host) existing(op, name string, follow bool) (place, error) {
	if err := h.allow(op, name); err != nil {
		return place{}, err
	}
	p, err := h.find(name, follow)
	if err == nil && p.at == nil {
		err = fs.ErrNotExist
	}
	return p, err
}

// vacancy asks the hook, then finds where something may be put; the root is taken.
func (h *Host) vacancy(op, name string) (place, error) {
	if err := h.allow(op, name); err != nil {
		return place{}, err
	}
	p, err := h.find(name, false)
	if err == nil && p.dir == nil {
		err = syscall.EBUSY
	}
	if err == nil && !p.dir.isDir() {
		err = syscall.ENOTDIR
	}
	return p, err
}
