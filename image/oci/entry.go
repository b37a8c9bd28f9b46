package oci

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Entry is one file of a layer. It belongs to root.
type Entry struct {
	// Path is relative to the root, like "usr/bin/kubelet".
	Path string
	// Mode holds the permissions and, for a directory or a symbolic link, fs.ModeDir or fs.ModeSymlink.
	Mode fs.FileMode
	// Target is where a symbolic link points to or, for a regular file, the path of an earlier entry it is a hard link to.
	Target string
	// Source is the file on this host that holds a regular file's content; without one Data is the content.
	Source string
	Data   []byte
}

// Program returns entries for one program that is called by several names: the first holds it, the others are hard links.
func Program(source, dir string, names ...string) []Entry {
	var entries []Entry
	for i, name := range names {
		e := Entry{Path: path.Join(dir, name), Mode: 0o755, Source: source}
		if i > 0 {
			e.Source, e.Target = "", path.Join(dir, names[0])
		}
		entries = append(entries, e)
	}
	return entries
}

// Tree returns an entry for each file below dir. Hard links within the tree become copies, devices are refused.
func Tree(dir string) ([]Entry, error) {
	var entries []Entry
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == dir {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		e := Entry{Path: filepath.ToSlash(rel), Mode: info.Mode()}
		switch info.Mode().Type() {
		case 0:
			e.Source = name
		case fs.ModeDir:
		case fs.ModeSymlink:
			if e.Target, err = os.Readlink(name); err != nil {
				return err
			}
		default:
			return fmt.Errorf("%q is neither a file, a directory nor a link", name)
		}
		entries = append(entries, e)
		return nil
	})
	return entries, err
}

// arrange adds the directories that no entry names, and sorts: every directory comes before what it holds, and every hard
// link after what it links to.
func arrange(entries []Entry) ([]Entry, error) {
	all := map[string]Entry{}
	for _, e := range entries {
		if e.Path != path.Clean(e.Path) || !fs.ValidPath(e.Path) || e.Path == "." {
			return nil, fmt.Errorf("layer: %q is not a path below the root", e.Path)
		}
		if _, twice := all[e.Path]; twice {
			return nil, fmt.Errorf("layer: %q is there twice", e.Path)
		}
		all[e.Path] = e
	}
	for _, e := range entries {
		for dir := path.Dir(e.Path); dir != "."; dir = path.Dir(dir) {
			if _, ok := all[dir]; !ok {
				all[dir] = Entry{Path: dir, Mode: fs.ModeDir | 0o755}
			}
		}
	}
	sorted := make([]Entry, 0, len(all))
	for _, e := range all {
		sorted = append(sorted, e)
	}
	slices.SortFunc(sorted, func(a, b Entry) int {
		if la, lb := isLink(a), isLink(b); la != lb {
			if la {
				return 1
			}
			return -1
		}
		return strings.Compare(a.Path, b.Path)
	})
	return sorted, checkLinks(all)
}

func checkLinks(all map[string]Entry) error {
	var problems []error
	for _, e := range all {
		if !isLink(e) {
			continue
		}
		if to, ok := all[e.Target]; !ok || !to.Mode.IsRegular() || isLink(to) {
			problems = append(problems, fmt.Errorf("layer: %q is a hard link to %q, which is no file of the layer", e.Path, e.Target))
		}
	}
	return errors.Join(problems...)
}

// isLink reports whether the entry is a hard link.
func isLink(e Entry) bool { return e.Mode.IsRegular() && e.Target != "" }
