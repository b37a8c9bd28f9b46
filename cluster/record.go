package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/slipway-dev/slipway/host"
)

// Record is what Slipway remembers of a cluster, in clusters/<name>/cluster.json. It holds what was decided once and must
// stay: everything that can be observed is observed instead.
type Record struct {
	Name       string    `json:"name"`
	Kubernetes string    `json:"kubernetes"`
	Created    time.Time `json:"created"`
	// Image is the digest of the machine image that its machines were made from.
	Image string `json:"image,omitempty"`
	// APIPort is the port on 127.0.0.1 at which this host reaches the control plane.
	APIPort int `json:"apiPort,omitempty"`
	// Addons is the digest of the addons that were applied and became healthy.
	Addons string `json:"addons,omitempty"`
}

// NotFoundError says that there is no cluster of that name on this host.
type NotFoundError struct {
	Name  string
	Known []string
}

func (e *NotFoundError) Error() string { return fmt.Sprintf("no cluster %q on this machine", e.Name) }

// Hint names the clusters that there are.
func (e *NotFoundError) Hint() string {
	switch len(e.Known) {
	case 0:
		return "slipway up makes one"
	case 1:
		return fmt.Sprintf("there is %q", e.Known[0])
	default:
		return fmt.Sprintf("there are %q", e.Known)
	}
}

// InvalidNameError says why a name cannot be a cluster's.
type InvalidNameError struct{ Name, Why string }

func (e *InvalidNameError) Error() string {
	return fmt.Sprintf("%q cannot be a cluster's name: %s", e.Name, e.Why)
}

// Hint gives an example.
func (e *InvalidNameError) Hint() string {
	return `a name is a DNS label of at most 40 characters, such as "dev" or "team-a"`
}

// maxName leaves room in a DNS label of 63 for "-control-plane-" and a number.
const maxName = 40

// ValidateName refuses names that cannot be part of a machine's host name.
func ValidateName(name string) error {
	if problems := validation.IsDNS1123Label(name); len(problems) > 0 {
		return &InvalidNameError{name, problems[0]}
	}
	if len(name) > maxName {
		return &InvalidNameError{name, fmt.Sprintf("it has %d characters, more than %d", len(name), maxName)}
	}
	return nil
}

func (l *Local) dir(name string) string        { return filepath.Join(l.Home, "clusters", name) }
func (l *Local) recordPath(name string) string { return filepath.Join(l.dir(name), "cluster.json") }

// Record returns what is remembered of the named cluster, or a *NotFoundError.
func (l *Local) Record(name string) (Record, error) {
	data, err := os.ReadFile(l.recordPath(name))
	if errors.Is(err, fs.ErrNotExist) {
		return Record{}, &NotFoundError{Name: name, Known: l.names()}
	}
	if err != nil {
		return Record{}, fmt.Errorf("reading the record of cluster %q: %w", name, err)
	}
	var r Record
	if err := json.Unmarshal(data, &r); err != nil {
		return Record{}, fmt.Errorf("reading the record of cluster %q: %w", name, err)
	}
	return r, nil
}

// names returns the clusters that have a directory, whole or half-made.
func (l *Local) names() []string {
	entries, err := os.ReadDir(filepath.Join(l.Home, "clusters"))
	if err != nil {
		return nil // no directory, no clusters; another trouble shows when one is read
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}

// writeRecord replaces the record as a whole.
func (l *Local) writeRecord(r Record) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(l.recordPath(r.Name), append(data, '\n'), 0o644)
}

// writeFile replaces a file below a cluster's directory, which only root may enter.
func writeFile(path string, data []byte, mode fs.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return host.Local{}.WriteFile(path, data, mode)
}
