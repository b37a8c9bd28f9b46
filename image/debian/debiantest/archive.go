// Package debiantest makes small Debian archives, signed and complete, for tests of what reads them.
package debiantest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// Package is a package to put into an archive. Files maps paths to contents; a content that begins with "-> " is a symbolic
// link, one that begins with "=> " a hard link.
type Package struct {
	Name, Version string
	Fields        map[string]string
	Files         map[string]string
}

// Archive is a directory that a web server can serve as an archive with the suite "testing" and the component "main".
type Archive struct {
	Dir string
	// Keyring is the path of the key that signs it.
	Keyring string
	// ValidUntil goes into the release file unless it is zero.
	ValidUntil time.Time
	key        *openpgp.Entity
	t          testing.TB
}

// Date is when all archives were made.
var Date = time.Date(2024, 7, 1, 12, 0, 0, 0, time.UTC)

// New makes an archive of the packages for amd64.
func New(t testing.TB, packages ...Package) *Archive {
	t.Helper()
	a := &Archive{Dir: t.TempDir(), t: t}
	a.newKey()
	a.Publish(packages...)
	return a
}

// newKey makes the archive's key, as old as the archive.
func (a *Archive) newKey() {
	config := &packet.Config{Algorithm: packet.PubKeyAlgoEdDSA, Time: func() time.Time { return Date.Add(-time.Hour) }}
	key, err := openpgp.NewEntity("Archive", "test", "archive@example.org", config)
	a.check(err)
	a.key = key
	var public bytes.Buffer
	a.check(key.Serialize(&public))
	a.Keyring = filepath.Join(a.t.TempDir(), "archive.gpg")
	a.check(os.WriteFile(a.Keyring, public.Bytes(), 0o600))
}

// Publish replaces the archive's content.
func (a *Archive) Publish(packages ...Package) {
	a.t.Helper()
	var index strings.Builder
	for _, p := range packages {
		deb := Deb(a.t, p)
		name := fmt.Sprintf("pool/%s_%s_amd64.deb", p.Name, strings.ReplaceAll(p.Version, ":", "%3a"))
		a.write(name, deb)
		fmt.Fprintf(&index, "Package: %s\nVersion: %s\nArchitecture: amd64\nFilename: %s\nSHA256: %s\nSize: %d\n",
			p.Name, p.Version, name, sum(deb), len(deb))
		for _, field := range slices.Sorted(maps.Keys(p.Fields)) {
			fmt.Fprintf(&index, "%s: %s\n", field, p.Fields[field])
		}
		index.WriteString("Description: a test\n of several lines\n\n")
	}
	packed := pack(a.t, []byte(index.String()))
	a.write("dists/testing/main/binary-amd64/Packages.gz", packed)
	release := fmt.Sprintf("Suite: testing\nCodename: testing\nDate: %s\nSHA256:\n %s %d main/binary-amd64/Packages.gz\n",
		Date.Format(time.RFC1123), sum(packed), len(packed))
	if !a.ValidUntil.IsZero() {
		release = fmt.Sprintf("Valid-Until: %s\n", a.ValidUntil.UTC().Format(time.RFC1123)) + release
	}
	a.write("dists/testing/InRelease", a.Sign(release))
}

// Sign signs a text with the archive's key.
func (a *Archive) Sign(text string) []byte {
	var signed bytes.Buffer
	w, err := clearsign.Encode(&signed, a.key.PrivateKey, &packet.Config{Time: func() time.Time { return Date }})
	a.check(err)
	_, err = w.Write([]byte(text))
	a.check(err)
	a.check(w.Close())
	return signed.Bytes()
}

func (a *Archive) write(name string, data []byte) {
	path := filepath.Join(a.Dir, name)
	a.check(os.MkdirAll(filepath.Dir(path), 0o755))
	a.check(os.WriteFile(path, data, 0o644))
}

func (a *Archive) check(err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatal(err)
	}
}

// Deb returns a package's file.
func Deb(t testing.TB, p Package) []byte {
	t.Helper()
	var data bytes.Buffer
	w := tar.NewWriter(&data)
	for _, name := range slices.Sorted(maps.Keys(p.Files)) {
		if err := writeFile(w, name, p.Files[name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return Ar("debian-binary", []byte("2.0\n"), "control.tar.gz", pack(t, nil), "data.tar.gz", pack(t, data.Bytes()))
}

func writeFile(w *tar.Writer, name, content string) error {
	h := &tar.Header{Name: "./" + name, Mode: 0o644, ModTime: Date, Typeflag: tar.TypeReg}
	switch {
	case strings.HasSuffix(name, "/"):
		h.Typeflag, h.Mode = tar.TypeDir, 0o755
	case strings.HasPrefix(content, "-> "):
		h.Typeflag, h.Linkname = tar.TypeSymlink, content[3:]
	case strings.HasPrefix(content, "=> "):
		h.Typeflag, h.Linkname = tar.TypeLink, content[3:]
	default:
		h.Size = int64(len(content))
		if strings.HasPrefix(content, "#!") {
			h.Mode = 0o755
		}
	}
	if err := w.WriteHeader(h); err != nil || h.Size == 0 {
		return err
	}
	_, err := w.Write([]byte(content))
	return err
}

// Ar returns an ar archive of members, given as a name and a content each.
func Ar(members ...any) []byte {
	var out bytes.Buffer
	out.WriteString("!<arch>\n")
	for i := 0; i < len(members); i += 2 {
		data := members[i+1].([]byte)
		fmt.Fprintf(&out, "%-16s%-12d%-6d%-6d%-8s%-10d`\n", members[i], 0, 0, 0, "100644", len(data))
		out.Write(data)
		if len(data)%2 == 1 {
			out.WriteByte('\n')
		}
	}
	return out.Bytes()
}

func pack(t testing.TB, data []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}
