package release

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/opencontainers/go-digest"
)

// Writing to the store. All of it is done by whoever holds the lock.

// put makes r a release of the store, after looking that all its files are there.
func (s Store) put(r Release) error {
	if err := r.validate(); err != nil {
		return err
	}
	if err := s.Verify(r, false); err != nil {
		return err
	}
	return s.writeJSON(s.releasePath(r.Name()), r.sorted())
}

// add copies a file into the store. With a digest given, other content is a *DigestError and is not kept.
func (s Store) add(name string, from io.Reader, want digest.Digest) (digest.Digest, int64, error) {
	f, err := s.temp(name)
	if err != nil {
		return "", 0, err
	}
	defer os.Remove(f.Name()) // is not there any more when all went well
	hash := digest.SHA256.Digester()
	_, err = io.Copy(io.MultiWriter(f, hash.Hash()), io.LimitReader(from, maxBlob+1))
	if err := errors.Join(err, f.Close()); err != nil {
		return "", 0, fmt.Errorf("storing %s: %w", name, err)
	}
	if want != "" && hash.Digest() != want {
		return "", 0, &DigestError{Name: name, Want: want, Got: hash.Digest()}
	}
	info, err := os.Stat(f.Name())
	if err != nil {
		return "", 0, err
	}
	return hash.Digest(), info.Size(), s.place(f.Name(), hash.Digest(), info.Size())
}

// adopt moves a file that was written under tmp to the place that its content gives it.
func (s Store) adopt(path string) (digest.Digest, int64, error) {
	d, err := digestOf(path)
	if err != nil {
		return "", 0, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", 0, err
	}
	return d, info.Size(), s.place(path, d, info.Size())
}

// place gives a finished file its name. The disk has its bytes before, so that not even a power failure leaves a release
// with a file of zeros.
func (s Store) place(path string, d digest.Digest, size int64) error {
	if size > maxBlob {
		return fmt.Errorf("storing %q: it is larger than %d bytes", filepath.Base(path), maxBlob)
	}
	if had, err := digestOf(s.Path(d)); err == nil && had == d {
		return os.Remove(path) // keep the file that others may have linked
	}
	if err := os.Chmod(path, 0o755); err != nil {
		return err
	}
	if err := flush(path); err != nil {
		return fmt.Errorf("storing %q: %w", filepath.Base(path), err)
	}
	if mended, err := mend(path, s.Path(d)); mended || err != nil {
		return err
	}
	return rename(path, s.Path(d))
}

// mend writes the content of a finished file into a damaged one of that name, instead of taking its place: machine images and
// machines have links to it, and a new file would leave the damage with them. It begins by emptying the file, so that an
// interruption leaves one whose size is wrong, which is seen. Where there is none, or where it is being executed and the kernel
// lets nobody write to it, nothing is done.
func mend(path, damaged string) (done bool, err error) {
	to, err := os.OpenFile(damaged, os.O_WRONLY|os.O_TRUNC, 0)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ETXTBSY) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("mending %q: %w", damaged, err)
	}
	from, err := os.Open(path)
	if err != nil {
		return false, errors.Join(err, to.Close())
	}
	_, err = io.Copy(to, from)
	if err := errors.Join(err, to.Chmod(0o755), to.Sync(), to.Close(), from.Close()); err != nil {
		return false, fmt.Errorf("mending %q: %w", damaged, err)
	}
	return true, os.Remove(path)
}

// temp makes a file under tmp.
func (s Store) temp(name string) (*os.File, error) {
	dir, err := s.tempDir()
	if err != nil {
		return nil, err
	}
	return os.CreateTemp(dir, filepath.Base(name)+".*")
}

// tempDir returns the directory of unfinished work, which is on the file system of the blobs.
func (s Store) tempDir() (string, error) {
	dir := filepath.Join(s.Root, "tmp")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("making the store: %w", err)
	}
	return dir, nil
}

// sweep empties tmp: with the lock held, all that is in it was left by work that did not end.
func (s Store) sweep() error { return os.RemoveAll(filepath.Join(s.Root, "tmp")) }

func (s Store) writeJSON(path string, value any) error {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	f, err := s.temp(filepath.Base(path))
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(append(data, '\n'))
	if err := errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("writing %q: %w", path, err)
	}
	return rename(f.Name(), path)
}

// rename puts a finished file in place and makes the directory for it.
func rename(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return fmt.Errorf("making the store: %w", err)
	}
	return os.Rename(from, to)
}

func flush(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// DigestError says that bytes are not those that were promised, and names both.
type DigestError struct {
	Name      string
	Want, Got digest.Digest
}

func (e *DigestError) Error() string {
	return fmt.Sprintf("%s has digest %s, but %s was promised: it is refused", e.Name, e.Got, e.Want)
}
