package hosttest

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
)

// Put writes a file and makes the directories above it. It is for setting a scene, so it asks no hook and panics where a
// file is in the way of a directory.
func (h *Host) Put(name, content string, mode fs.FileMode) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.mkdirAll(path.Dir(name), 0o755); err != nil {
		panic(pathError("mkdir", path.Dir(name), err))
	}
	p, err := h.find(name, false)
	if err != nil || p.dir == nil || (p.at != nil && p.at.isDir()) {
		panic(fmt.Sprintf("hosttest: there can be no file %q (%v)", name, err))
	}
	h.put(p, &node{mode: mode.Perm(), modified: h.now, data: []byte(content)})
}

// Get returns what a file holds, or "" when there is none.
func (h *Host) Get(name string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	p, err := h.find(name, true)
	if err != nil || p.at == nil {
		return ""
	}
	return string(p.at.data)
}

// Tree lists what is below a directory, one line each in the order of paths, for golden files:
//
//	drwx------ /etc/kubernetes/pki
//	-rw------- /etc/kubernetes/pki/ca.key
//	Lrwxrwxrwx /etc/mtab -> /proc/mounts
func (h *Host) Tree(dir string) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	p, err := h.find(dir, true)
	if err != nil || p.at == nil {
		return nil
	}
	return list(nil, path.Clean(dir), p.at)
}

func list(lines []string, dir string, n *node) []string {
	for _, name := range slices.Sorted(maps.Keys(n.children)) {
		child, full := n.children[name], path.Join(dir, name)
		line := fmt.Sprintf("%v %s", child.mode, full)
		if child.target != "" {
			line += " -> " + child.target
		}
		lines = list(append(lines, line), full, child)
	}
	return lines
}
