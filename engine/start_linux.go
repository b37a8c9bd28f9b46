package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	runc "github.com/containerd/go-runc"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/slipway-dev/slipway/engine/network"
	"golang.org/x/sys/unix"
)

// maxLog is when a machine's log is put aside as console.log.1 at a start; the first process says little.
const maxLog = 8 << 20

// start starts the machine, or only mends the link of one that runs, and says whether anything had to be done. The caller holds the machine's lock. The machine gets fresh namespaces, cgroups
// and tmpfs, as after a boot, on top of the files that it has.
func (e *Engine) start(ctx context.Context, r *record) (started bool, err error) {
	p := e.machine(r.Cluster, r.Name)
	proc, err := firstProcess(p)
	if err != nil {
		return false, err
	}
	if proc != nil {
		proc.close()
		return e.replug(ctx, *r, p)
	}
	if err := e.checkCluster(r.Cluster); err != nil {
		return false, err
	}
	if err := e.startFresh(ctx, r, p); err != nil {
		// Half a machine would keep its image's layers busy and look alive to a glance. Cleaning up has to work although ctx
		// may be what ended the start.
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		return false, errors.Join(fmt.Errorf("starting machine %q: %w", r.Name, err), e.clear(clean, p, r.Address))
	}
	if r.Started == nil {
		now := e.now()
		r.Started = &now
		return true, writeJSON(p.record(), r)
	}
	return true, nil
}

// replug mends the link of a running machine whose cluster's network had to be made anew.
func (e *Engine) replug(ctx context.Context, r record, p machinePaths) (bool, error) {
	cfg, err := e.networkOf(r.Cluster)
	if err != nil {
		return false, err
	}
	made, err := e.applyNetwork(ctx, cfg)
	if err != nil {
		return false, err
	}
	plugged, err := network.Replug(ctx, cfg, e.clusterNS(r.Cluster), network.Endpoint{Machine: r.Name, Address: r.Address}, p.netns)
	return made || plugged, err
}

func (e *Engine) startFresh(ctx context.Context, r *record, p machinePaths) error {
	if err := e.clear(ctx, p, r.Address); err != nil {
		return err
	}
	cfg, err := e.networkOf(r.Cluster)
	if err != nil {
		return err
	}
	if _, err := e.applyNetwork(ctx, cfg); err != nil {
		return err
	}
	if err := network.Attach(ctx, cfg, e.clusterNS(r.Cluster), network.Endpoint{Machine: r.Name, Address: r.Address}, p.netns); err != nil {
		return err
	}
	if err := e.writeIdentity(*r, p, cfg); err != nil {
		return err
	}
	if err := mountRoot(p, r.LowerDirs); err != nil {
		return err
	}
	facts, err := lookAtHost()
	if err != nil {
		return err
	}
	if err := writeBundle(p, renderSpec(*r, p, facts)); err != nil {
		return err
	}
	return e.launch(ctx, p)
}

// writeBundle writes what runc reads. It is made anew at every start, so it needs not survive a crash.
func writeBundle(p machinePaths, spec *specs.Spec) error {
	data, err := json.MarshalIndent(spec, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding %q: %w", p.config(), err)
	}
	if err := os.WriteFile(p.config(), data, 0o600); err != nil {
		return fmt.Errorf("writing its configuration: %w", err)
	}
	return nil
}

// writeIdentity puts the files into the machine's own layer that make it this machine. It is called while nothing is
// mounted. What the machine has written itself since is kept; only the name servers follow the host.
func (e *Engine) writeIdentity(r record, p machinePaths, cfg network.Config) error {
	root, err := os.OpenRoot(p.upper())
	if err != nil {
		return fmt.Errorf("opening its own layer: %w", err)
	}
	defer root.Close()
	resolver, warning := cfg.MachineResolver(os.ReadFile)
	if warning != "" {
		e.warn(warning)
	}
	for name, content := range map[string]string{"machine-id": r.MachineID + "\n", "hostname": r.Hostname + "\n", "hosts": r.hosts()} {
		name = filepath.Join("etc", name)
		if _, err := root.Lstat(name); err == nil {
			continue
		}
		if err := replaceIn(root, name, []byte(content), 0o644); err != nil {
			return err
		}
	}
	return replaceIn(root, "etc/resolv.conf", []byte(resolver.String()), 0o644)
}

// launch has runc start the container described by the machine's config.json.
func (e *Engine) launch(ctx context.Context, p machinePaths) error {
	unlock, err := lockCgroups(ctx, unix.LOCK_SH)
	if err != nil {
		return err
	}
	defer unlock()
	if unified() {
		if err := enableControllers(cgroupMount, p.cgroup()); err != nil {
			return err
		}
	}
	log, err := openLog(p.logDir(), "console.log")
	if err != nil {
		return err
	}
	defer log.Close()
	if err := p.forgetPID(); err != nil {
		return err
	}
	r := e.runcFor(p.cluster)
	r.Log, r.LogFormat = p.runcLog(), runc.JSON
	// A runc that outlives its caller would make a machine that nobody asked for any more; and Ctrl-C is for the caller.
	r.PdeathSignal, r.Setpgid = unix.SIGKILL, true
	_, err = r.Run(ctx, p.name, p.run, &runc.CreateOpts{IO: logIO{log}, PidFile: p.pidFile(), Detach: true})
	if err != nil {
		if reason := lastError(p.runcLog()); reason != "" {
			return fmt.Errorf("running runc: %s", reason)
		}
		return fmt.Errorf("running runc: %w", err)
	}
	return awaitProgram(ctx, p)
}

// forgetPID removes what an earlier start has left of its pid file. runc writes to the same name with a dot first and does not go on
// when that is there, as it is after runc was killed between writing and renaming.
func (p machinePaths) forgetPID() error {
	dir, name := filepath.Split(p.pidFile())
	for _, path := range []string{p.pidFile(), filepath.Join(dir, "."+name)} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("clearing up after an earlier start: %w", err)
		}
	}
	return nil
}

// awaitProgram waits until the first process has become the machine's own program: runc returns a moment before, and until
// then the machine would look to others as if its start had been interrupted. A process that has ended already is for the
// keeper to deal with.
func awaitProgram(ctx context.Context, p machinePaths) error {
	for {
		proc, becoming, err := lookAtFirst(p)
		proc.close()
		if !becoming || err != nil {
			return err
		}
		if err := sleep(ctx, 200*time.Microsecond); err != nil {
			return err
		}
	}
}

func (e *Engine) runcFor(cluster string) *runc.Runc {
	return &runc.Runc{Command: e.Runc, Root: e.runcRoot(cluster)}
}

// openLog opens a log to append to, after putting one that has grown aside.
func openLog(dir, name string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("opening a log: %w", err)
	}
	path := filepath.Join(dir, name)
	if info, err := os.Stat(path); err == nil && info.Size() > maxLog {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, fmt.Errorf("putting a log aside: %w", err)
		}
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening a log: %w", err)
	}
	return f, nil
}

// logIO gives a container a file for its output and nothing for its input.
type logIO struct{ log *os.File }

func (l logIO) Set(c *exec.Cmd)       { c.Stdout, c.Stderr = l.log, l.log }
func (l logIO) Stdin() io.WriteCloser { return nil }
func (l logIO) Stdout() io.ReadCloser { return nil }
func (l logIO) Stderr() io.ReadCloser { return nil }
func (l logIO) Close() error          { return nil } // the file belongs to the caller

// lastError returns the last error that runc has written to its log, which says more than its exit status.
func lastError(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return "" // the exit status has to do
	}
	last := ""
	for line := range strings.Lines(string(data)) {
		var entry struct{ Level, Msg string }
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Level == "error" {
			last = entry.Msg
		}
	}
	return last
}
