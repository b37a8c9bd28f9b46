// Package hosttest is a machine in memory, for tests of whatever works through host.Host, and the conformance suite that it
// and the real machine both pass. Its files behave as files do (links, modes, directories that must exist), its programs are
// Go functions that see and change the same machine, its clock moves only when told to, and its randomness repeats.
package hosttest

import (
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/slipway-dev/slipway/host"
)

// Host is a machine in memory. It is safe for concurrent use.
type Host struct {
	mu        sync.Mutex
	hostname  string
	now       time.Time
	random    *rand.ChaCha8
	root      *node
	programs  map[string]Program
	listening map[int]bool
	calls     []Call
	before    func(Op) error
}

var _ host.Host = (*Host)(nil)

// Epoch is what a new machine's clock shows.
var Epoch = time.Date(2026, time.January, 2, 3, 4, 5, 0, time.UTC)

// New returns a machine named "node-1" with the directories that every Linux machine has and no programs.
func New() *Host {
	h := &Host{
		hostname:  "node-1",
		now:       Epoch,
		random:    rand.NewChaCha8([32]byte{1}),
		programs:  map[string]Program{},
		listening: map[int]bool{},
	}
	h.root = h.newDir(0o755)
	for _, dir := range []string{"/etc", "/root", "/run", "/tmp", "/usr/bin", "/usr/local/bin", "/usr/sbin", "/var/lib", "/var/log"} {
		if err := h.MkdirAll(dir, 0o755); err != nil {
			panic(err) // an empty tree has nothing that could be in the way
		}
	}
	return h
}

// Hostname returns the machine's name.
func (h *Host) Hostname() (string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.hostname, nil
}

// SetHostname names the machine.
func (h *Host) SetHostname(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.hostname = name
}

// Now is the machine's clock. It stands still between calls of Advance.
func (h *Host) Now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

// Advance moves the clock.
func (h *Host) Advance(by time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(by)
}

// Rand gives the same bytes in every run. Most of crypto takes no notice of it since Go 1.26: there,
// testing/cryptotest.SetGlobalRandom makes keys repeat.
func (h *Host) Rand() io.Reader { return random{h} }

type random struct{ h *Host }

func (r random) Read(p []byte) (int, error) {
	r.h.mu.Lock()
	defer r.h.mu.Unlock()
	return r.h.random.Read(p)
}

// Listening reports whether Listen was called for the port.
func (h *Host) Listening(port int) (bool, error) {
	if port < 1 || port > 65535 {
		return false, fmt.Errorf("asking for listeners on port %d: a port is a number from 1 to 65535", port)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.listening[port], nil
}

// Listen makes something listen on the ports.
func (h *Host) Listen(ports ...int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, port := range ports {
		h.listening[port] = true
	}
}

// Unlisten makes nothing listen on the ports.
func (h *Host) Unlisten(ports ...int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	maps.DeleteFunc(h.listening, func(port int, _ bool) bool { return slices.Contains(ports, port) })
}
