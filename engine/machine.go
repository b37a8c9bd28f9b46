package engine

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// MachineSpec says what a machine shall be. Cluster, Name and LowerDirs are required.
type MachineSpec struct {
	Cluster string `json:"cluster"`
	Name    string `json:"name"`
	// Hostname is Name unless given.
	Hostname string `json:"hostname"`
	// Address is in the machines' range; the zero value takes the lowest free one. It never changes.
	Address netip.Addr `json:"address"`
	// ControlPlane machines are what the gateway balances over.
	ControlPlane bool `json:"controlPlane"`
	// Image names the image for people, by its digest.
	Image string `json:"image"`
	// LowerDirs are the image's layers, topmost first. They are never written to.
	LowerDirs []string `json:"lowerDirs"`
	// StateDir is the tree from which /var is cloned when the machine is made; empty means an empty /var.
	StateDir string `json:"stateDir,omitempty"`
	// UserData is the cloud-config for the first start, put at /var/lib/slipway/seed/user-data. It holds secrets and is
	// written nowhere else.
	UserData []byte `json:"-"`
	// Mounts are additional bind mounts.
	Mounts []Mount `json:"mounts,omitempty"`
	// Args is the command line of the first process; the default is the agent.
	Args []string `json:"args"`
	// Env is its environment, in addition to PATH.
	Env []string `json:"env,omitempty"`
}

// Mount binds a directory or file of the host into the machine.
type Mount struct {
	Source   string `json:"source"`
	Target   string `json:"target"`
	ReadOnly bool   `json:"readOnly,omitempty"`
}

// SeedPath is where a machine finds its user data, and SeedMode keeps others from reading the secrets in it.
const SeedPath = "/var/lib/slipway/seed/user-data"

// Wanted is the state that a machine shall be in, as the last caller has asked.
type Wanted string

// The states that can be asked for.
const (
	WantRunning Wanted = "running"
	WantStopped Wanted = "stopped"
)

// record is machine.json. It is written first, which reserves the machine's address, and again with Whole set once
// everything else in the machine's directory is there. What is not whole is made anew or deleted, never used.
type record struct {
	MachineSpec
	Whole bool `json:"whole"`
	// MachineID is the content of /etc/machine-id, drawn once.
	MachineID string    `json:"machineID"`
	Wanted    Wanted    `json:"wanted"`
	Created   time.Time `json:"created"`
	// Started is the first start; until then the user data may still be exchanged.
	Started *time.Time `json:"started,omitempty"`
}

// defaults fills in what may be left out.
func (s *MachineSpec) defaults() {
	if s.Hostname == "" {
		s.Hostname = s.Name
	}
	if len(s.Args) == 0 {
		s.Args = []string{"/usr/bin/slipway", "agent"}
	}
}

// validate refuses what no machine can be made of.
func (s MachineSpec) validate() error {
	if err := CheckName("cluster name", s.Cluster); err != nil {
		return err
	}
	if err := CheckName("machine name", s.Name); err != nil {
		return err
	}
	if err := CheckName("host name", s.Hostname); err != nil {
		return err
	}
	if len(s.LowerDirs) == 0 {
		return &InvalidError{Field: "image", Value: s.Image, Reason: "it has no layers"}
	}
	for _, m := range s.Mounts {
		if !filepath.IsAbs(m.Source) || !filepath.IsAbs(m.Target) {
			return &InvalidError{Field: "mount", Value: m.Source + ":" + m.Target, Reason: "its paths are not absolute"}
		}
	}
	return nil
}

// update takes over what may change about an existing machine, to be used from its next start on, and refuses what may not.
func (r *record) update(s MachineSpec) (changed bool, err error) {
	conflict := func(field string, have, want any) error {
		return &ConflictError{Machine: s.Name, Field: field, Have: fmt.Sprint(have), Want: fmt.Sprint(want)}
	}
	switch {
	case s.Image != r.Image:
		return false, conflict("image", strconv.Quote(r.Image), strconv.Quote(s.Image))
	case s.Hostname != r.Hostname:
		return false, conflict("host name", strconv.Quote(r.Hostname), strconv.Quote(s.Hostname))
	case s.Address.IsValid() && s.Address != r.Address:
		return false, conflict("address", r.Address, s.Address)
	}
	changed = s.ControlPlane != r.ControlPlane || !slices.Equal(s.LowerDirs, r.LowerDirs) || !slices.Equal(s.Mounts, r.Mounts) ||
		!slices.Equal(s.Args, r.Args) || !slices.Equal(s.Env, r.Env)
	r.ControlPlane, r.LowerDirs, r.Mounts, r.Args, r.Env = s.ControlPlane, s.LowerDirs, s.Mounts, s.Args, s.Env
	return changed, nil
}

// hosts renders the machine's /etc/hosts.
func (r record) hosts() string {
	var b strings.Builder
	b.WriteString("127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n")
	fmt.Fprintf(&b, "%s %s\n", r.Address, r.Hostname)
	return b.String()
}

// Status is what a machine is doing.
type Status string

// The states a machine is found in.
const (
	Running Status = "running"
	Stopped Status = "stopped"
	// Unfinished machines were being made or deleted when that was interrupted.
	Unfinished Status = "unfinished"
)

// Machine is a machine as it is.
type Machine struct {
	Cluster      string     `json:"cluster"`
	Name         string     `json:"name"`
	Hostname     string     `json:"hostname,omitempty"`
	Address      netip.Addr `json:"address,omitzero"`
	ControlPlane bool       `json:"controlPlane"`
	Image        string     `json:"image,omitempty"`
	Wanted       Wanted     `json:"wanted,omitempty"`
	Status       Status     `json:"status"`
	// PID is the first process as the host sees it, 0 when the machine does not run.
	PID     int       `json:"pid,omitempty"`
	Created time.Time `json:"created,omitzero"`
}
