package debian

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ProtonMail/go-crypto/openpgp"
)

// keyringFor returns the keys that may sign a source: those its Signed-By names, in any of apt's ways, or else all that the
// host trusts.
func keyringFor(root string, s Source) (openpgp.EntityList, error) {
	switch {
	case strings.Contains(s.SignedBy, "-----BEGIN"):
		keys, err := readKeys([]byte(s.SignedBy))
		if err != nil {
			return nil, fmt.Errorf("reading the key that %q is signed by: %w", s, err)
		}
		return keys, nil
	case strings.HasPrefix(s.SignedBy, "/"):
		var keys openpgp.EntityList
		for path := range strings.FieldsFuncSeq(s.SignedBy, func(r rune) bool { return r == ',' || r == ' ' }) {
			more, err := readKeyFile(filepath.Join(root, path))
			if err != nil {
				return nil, err
			}
			keys = append(keys, more...)
		}
		return keys, nil
	}
	keys, err := trustedKeys(root, s)
	if err != nil || s.SignedBy == "" {
		return keys, err
	}
	return withFingerprints(keys, s)
}

// withFingerprints picks the keys that a source names by their fingerprints. apt's mark for "and no subkeys", a "!" behind one,
// takes nothing from the check that follows, which asks for the key itself.
func withFingerprints(keys openpgp.EntityList, s Source) (openpgp.EntityList, error) {
	var named openpgp.EntityList
	for word := range strings.FieldsFuncSeq(s.SignedBy, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' }) {
		wanted := strings.TrimSuffix(word, "!")
		i := slices.IndexFunc(keys, func(k *openpgp.Entity) bool {
			return strings.EqualFold(hex.EncodeToString(k.PrimaryKey.Fingerprint), wanted)
		})
		if i < 0 {
			return nil, fmt.Errorf("the key %s that %q is signed by is in none of this host's keyrings", wanted, s)
		}
		named = append(named, keys[i])
	}
	return named, nil
}

// trustedKeys reads apt's trusted keys and the distributions' own keyrings.
func trustedKeys(root string, s Source) (openpgp.EntityList, error) {
	var keys openpgp.EntityList
	for _, pattern := range []string{
		"usr/share/keyrings/debian-archive-keyring.*", "usr/share/keyrings/ubuntu-archive-keyring.*", "etc/apt/trusted.gpg.d/*",
	} {
		paths, _ := filepath.Glob(filepath.Join(root, pattern)) // the only error is a bad pattern
		slices.Sort(paths)
		for _, path := range paths {
			if ext := filepath.Ext(path); ext != ".gpg" && ext != ".pgp" && ext != ".asc" {
				continue
			}
			more, err := readKeyFile(path)
			if err != nil && !errors.Is(err, fs.ErrNotExist) { // links to a removed keyring are left behind at times
				return nil, err
			}
			keys = append(keys, more...)
		}
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("no key to check %q with: this host has no archive keyring "+
			"(install the package debian-archive-keyring, or name the key with signed-by in apt's sources)", s)
	}
	return keys, nil
}

func readKeyFile(path string) (openpgp.EntityList, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the archive's keyring: %w", err)
	}
	keys, err := readKeys(data)
	if err != nil {
		return nil, fmt.Errorf("reading the archive's keyring %q: %w", path, err)
	}
	return keys, nil
}

// readKeys takes a keyring in either form, binary or armored.
func readKeys(data []byte) (openpgp.EntityList, error) {
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("-----BEGIN")) {
		return openpgp.ReadArmoredKeyRing(bytes.NewReader(data))
	}
	return openpgp.ReadKeyRing(bytes.NewReader(data))
}
