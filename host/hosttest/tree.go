package hosttest

import (
	"io/fs"
	"path"
	"strings"
	"syscall"
	"time"
)

// node is a file, a directory (children is not nil) or a symbolic link (target is not empty).
type node struct {
	mode     fs.FileMode
	modified time.Time
	data     []byte
	target   string
	children map[string]*node
}

func (h *Host) newDir(mode fs.FileMode) *node {
	return &node{mode: fs.ModeDir | mode.Perm(), modified: h.now, children: map[string]*node{}}
}

func (n *node) isDir() bool { return n.children != nil }

// place is where a path leads: a name in a directory, and what is there now, or nil.
type place struct {
	dir  *node
	name string
	at   *node
	path string // with the links followed
}

// maxLinks is how many links Linux follows in one path.
const maxLinks = 40

// find follows a path; its last element too, if follow is set and it is a link. Whatever leads to the last element must exist.
func (h *Host) find(name string, follow bool) (place, error) {
	if !path.IsAbs(name) {
		return place{}, fs.ErrInvalid
	}
	here := place{at: h.root, path: "/"}
	rest := strings.Split(name, "/")
	for links := 0; len(rest) > 0; {
		element := rest[0]
		rest = rest[1:]
		if element == "" || element == "." {
			continue
		}
		if here.at == nil {
			return place{}, fs.ErrNotExist
		}
		if !here.at.isDir() {
			return place{}, syscall.ENOTDIR
		}
		if element == ".." {
			// Links were followed to get here, so the path above is the real one.
			rest = append(strings.Split(path.Dir(here.path), "/"), rest...)
			here = place{at: h.root, path: "/"}
			continue
		}
		next := place{dir: here.at, name: element, at: here.at.children[element], path: path.Join(here.path, element)}
		if next.at == nil || next.at.target == "" || (!follow && !more(rest)) {
			here = next
			continue
		}
		if links++; links > maxLinks {
			return place{}, syscall.ELOOP
		}
		rest = append(strings.Split(next.at.target, "/"), rest...)
		if path.IsAbs(next.at.target) {
			here = place{at: h.root, path: "/"}
		}
	}
	return here, nil
}

// more says whether any element is left that leads somewhere.
func more(rest []string) bool {
	for _, element := range rest {
		if element != "" && element != "." {
			return true
		}
	}
	return false
}

// put places a node in its directory.
func (h *Host) put(p place, n *node) {
	p.dir.children[p.name] = n
	p.dir.modified = h.now
}

// drop takes a node out of its directory.
func (h *Host) drop(p place) {
	delete(p.dir.children, p.name)
	p.dir.modified = h.now
}
