package engine

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/slipway-dev/slipway/engine/network"
)

// EnsureMachine makes the machine and starts it, or starts it again with the files it has, and says whether anything had to be
// done. The cluster's network must have been made. A machine that exists keeps its image, host name and address: asking for
// others is a *ConflictError.
func (e *Engine) EnsureMachine(ctx context.Context, spec MachineSpec) (changed bool, err error) {
	spec.defaults()
	if err := spec.validate(); err != nil {
		return false, err
	}
	if err := e.checkCluster(spec.Cluster); err != nil {
		return false, err
	}
	p := e.machine(spec.Cluster, spec.Name)
	unlock, err := lockFile(ctx, p.lock())
	if err != nil {
		return false, err
	}
	defer unlock()
	if err := e.checkCluster(spec.Cluster); err != nil { // its deletion may have begun while we waited
		return false, err
	}
	r, changed, err := e.reserve(ctx, spec)
	if err != nil {
		return false, fmt.Errorf("making machine %q: %w", spec.Name, err)
	}
	if !r.Whole {
		if err := e.prepare(ctx, &r); err != nil {
			return changed, fmt.Errorf("making machine %q: %w", spec.Name, err)
		}
	}
	if err := e.syncGateway(ctx, spec.Cluster); err != nil {
		return changed, err
	}
	if r.Started == nil {
		if err := writeSeed(p, spec.UserData); err != nil {
			return changed, fmt.Errorf("making machine %q: %w", spec.Name, err)
		}
	}
	started, err := e.start(ctx, &r)
	return changed || started, err
}

// reserve reads or writes the machine's record.
func (e *Engine) reserve(ctx context.Context, spec MachineSpec) (r record, changed bool, err error) {
	cfg, err := e.networkOf(spec.Cluster)
	if err != nil {
		return r, false, err
	}
	unlock, err := lockFile(ctx, filepath.Join(e.runDir(spec.Cluster), "machines.lock"))
	if err != nil {
		return r, false, err
	}
	defer unlock()
	p := e.machine(spec.Cluster, spec.Name)
	old, err := e.load(p)
	switch {
	case err != nil && !errors.Is(err, ErrNotFound):
		return r, false, err
	case err == nil && old.Whole:
		r = old
		if changed, err = r.update(spec); err != nil {
			return r, false, err
		}
		changed = changed || r.Wanted != WantRunning
	default:
		changed = true
		if r, err = e.newRecord(spec, cfg); err != nil {
			return r, false, err
		}
	}
	if !changed {
		return r, false, nil
	}
	r.Wanted = WantRunning
	if err := os.MkdirAll(p.dir, 0o700); err != nil {
		return r, false, fmt.Errorf("making its directory: %w", err)
	}
	return r, true, writeJSON(p.record(), r)
}

func (e *Engine) newRecord(spec MachineSpec, cfg network.Config) (record, error) {
	r := record{MachineSpec: spec, MachineID: newMachineID(), Created: e.now()}
	others, err := e.records(spec.Cluster)
	if err != nil {
		return r, err
	}
	return r, place(&r, others, cfg)
}

// newMachineID draws an identifier as systemd would: a random UUID (version 4) without its hyphens.
func newMachineID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails: it ends the program instead
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return hex.EncodeToString(id[:])
}

// prepare makes the machine's directories. Whatever an interrupted attempt has left is thrown away first.
func (e *Engine) prepare(ctx context.Context, r *record) error {
	p := e.machine(r.Cluster, r.Name)
	if err := e.clear(ctx, p, r.Address); err != nil {
		return err
	}
	for _, dir := range []string{p.varDir(), p.upper(), p.work()} {
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("removing leftovers: %w", err)
		}
	}
	if err := e.makeVar(ctx, r.StateDir, p.varDir()); err != nil {
		return err
	}
	for _, dir := range []string{p.upper(), filepath.Join(p.upper(), "etc")} {
		if err := openDir(dir); err != nil {
			return fmt.Errorf("making its own layer: %w", err)
		}
	}
	r.Whole = true
	return writeJSON(p.record(), r)
}

// makeVar clones the image's state, or makes the few directories that programs expect of an empty /var.
func (e *Engine) makeVar(ctx context.Context, from, to string) error {
	if from != "" {
		if e.Clone == nil {
			return errors.New("cloning the image's state: the engine was given no way to clone")
		}
		if err := e.Clone(ctx, from, to); err != nil {
			return fmt.Errorf("cloning the image's state: %w", err)
		}
		return nil
	}
	for _, dir := range []string{"", "lib", "log", "cache"} {
		if err := openDir(filepath.Join(to, dir)); err != nil {
			return fmt.Errorf("making an empty state: %w", err)
		}
	}
	if err := errors.Join(os.Mkdir(filepath.Join(to, "tmp"), 0o755), os.Chmod(filepath.Join(to, "tmp"), 0o777|fs.ModeSticky),
		os.Symlink("/run", filepath.Join(to, "run"))); err != nil {
		return fmt.Errorf("making an empty state: %w", err)
	}
	return nil
}

// writeSeed puts the user data where the machine looks for it. The tree is entered through a root handle: links in it lead
// inside, as they do in the machine.
func writeSeed(p machinePaths, data []byte) error {
	if data == nil {
		return nil
	}
	root, err := os.OpenRoot(p.varDir())
	if err != nil {
		return fmt.Errorf("opening its state: %w", err)
	}
	defer root.Close()
	inVar, err := filepath.Rel("/var", SeedPath)
	if err != nil {
		return fmt.Errorf("placing its user data: %w", err)
	}
	if err := root.MkdirAll(filepath.Dir(inVar), 0o700); err != nil {
		return fmt.Errorf("placing its user data: %w", err)
	}
	return replaceIn(root, inVar, data, 0o600)
}

// replaceIn replaces a file as a whole in a tree that is not trusted.
func replaceIn(root *os.Root, name string, data []byte, mode fs.FileMode) error {
	temp := name + ".new"
	if err := root.RemoveAll(temp); err != nil {
		return fmt.Errorf("writing %q: %w", name, err)
	}
	f, err := root.OpenFile(temp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return fmt.Errorf("writing %q: %w", name, err)
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Chmod(mode), f.Close()); err != nil {
		return fmt.Errorf("writing %q: %w", name, err)
	}
	if err := root.Rename(temp, name); err != nil {
		return fmt.Errorf("writing %q: %w", name, err)
	}
	return nil
}
