package image

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// fileID is what tells, without reading it, whether a file is still the one that was hashed.
type fileID struct {
	Path    string `json:"path"`
	Size    int64  `json:"size"`
	ModTime int64  `json:"modTime"` // nanoseconds
	Inode   uint64 `json:"inode"`
	Digest  string `json:"digest"`
}

// digestCache remembers the digests of large files, so that looking whether an image is there need not read them. It is a
// file that may vanish or be spoilt at any time; then files are read again.
type digestCache struct{ path string }

// of returns the digest of the file at path.
func (c digestCache) of(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	id, err := identify(path)
	if err != nil {
		return "", err
	}
	known := c.read()
	if had, ok := known[path]; ok {
		id.Digest = had.Digest
		if had == id && validDigest(had.Digest) {
			return had.Digest, nil
		}
	}
	if id.Digest, err = hashFile(path); err != nil {
		return "", err
	}
	if after, err := identify(path); err != nil || after.Size != id.Size || after.ModTime != id.ModTime || after.Inode != id.Inode {
		return "", fmt.Errorf("reading %q: it was changed meanwhile", path)
	}
	known[path] = id
	c.write(known)
	return id.Digest, nil
}

// write remembers the digests for the next time. It is no error if it cannot, as for a user who only looks at another's
// store: the file is read again then. A store that is not there is not made for it.
func (c digestCache) write(known map[string]fileID) {
	if isDir(filepath.Dir(c.path)) {
		_ = writeJSON(c.path, known)
	}
}

func (c digestCache) read() map[string]fileID {
	known := map[string]fileID{}
	if data, err := os.ReadFile(c.path); err != nil || json.Unmarshal(data, &known) != nil {
		return map[string]fileID{}
	}
	return known
}

func identify(path string) (fileID, error) {
	info, err := os.Stat(path)
	if err != nil {
		return fileID{}, err
	}
	if !info.Mode().IsRegular() {
		return fileID{}, fmt.Errorf("%q is not a file", path)
	}
	return fileID{Path: path, Size: info.Size(), ModTime: info.ModTime().UnixNano(), Inode: inodeOf(info)}, nil
}

// hashFile returns the digest of a file, as "sha256:…".
func hashFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("reading %q: %w", path, err)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), nil
}
