package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// enablement remembers which services are not to be started with the machine: a file for each in a directory. All are until
// somebody disables them.
type enablement struct{ dir string }

func (e enablement) enabled(name string) bool {
	_, err := os.Lstat(filepath.Join(e.dir, name))
	return errors.Is(err, fs.ErrNotExist)
}

func (e enablement) enable(name string) error {
	if err := os.Remove(filepath.Join(e.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("enabling %q: %w", name, err)
	}
	return nil
}

func (e enablement) disable(name string) error {
	err := os.MkdirAll(e.dir, 0o755)
	if err == nil {
		err = os.WriteFile(filepath.Join(e.dir, name), nil, 0o600)
	}
	if err != nil {
		return fmt.Errorf("disabling %q: %w", name, err)
	}
	return nil
}
