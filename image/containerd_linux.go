package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/slipway-dev/slipway/image/oci"
)

// containerd is a private one that runs while a state is made. It has mounts of its own, which vanish with it, and it dies
// with the process that started it.
type containerd struct {
	ctr    string
	dir    string // its socket and the like
	log    string
	ended  chan struct{}
	result error // of the process, once ended is closed
	signal func(os.Signal) error
}

// disabledPlugins are all that importing images does not need, above all what would touch the host.
const disabledPlugins = `
  "io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime", "io.containerd.grpc.v1.cri", "io.containerd.nri.v1.nri",
  "io.containerd.internal.v1.opt", "io.containerd.internal.v1.restart", "io.containerd.internal.v1.tracing",
  "io.containerd.runtime.v2.task", "io.containerd.podsandbox.controller.v1.podsandbox", "io.containerd.sandbox.controller.v1.shim",
  "io.containerd.snapshotter.v1.blockfile", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.erofs", "io.containerd.snapshotter.v1.native", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.tracing.processor.v1.otlp"`

const containerdConfig = `version = 3
root = %q
state = %q
disabled_plugins = [%s]
[grpc]
address = %q
[debug]
level = "warn"
`

func startContainerd(ctx context.Context, program, ctr, root string) (c *containerd, err error) {
	dir, err := runDir(filepath.Join(filepath.Dir(root), "run"))
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	c = &containerd{ctr: ctr, dir: dir, log: filepath.Join(dir, "log"), ended: make(chan struct{})}
	config := filepath.Join(dir, "config.toml")
	text := fmt.Sprintf(containerdConfig, root, filepath.Join(dir, "run"), disabledPlugins, c.socket())
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	if err := c.start(program, config); err != nil {
		return nil, fmt.Errorf("starting containerd: %w", err)
	}
	if err := c.wait(ctx); err != nil {
		return nil, errors.Join(err, c.stop())
	}
	return c, nil
}

// runDir makes the directory at path, or a temporary one where the path is too long for sockets in it: the kernel allows 107
// bytes, of which containerd adds the last few.
func runDir(path string) (string, error) {
	if len(path)+len("/sock.ttrpc") > 107 {
		return os.MkdirTemp("", "slipway-")
	}
	return path, os.Mkdir(path, 0o700)
}

func (c *containerd) socket() string { return filepath.Join(c.dir, "sock") }

// start runs the process from a thread that stays as long as it does: the kernel ties a process to the thread of its parent.
func (c *containerd) start(program, config string) error {
	log, err := os.OpenFile(c.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	// The shell sets the umask: containerd makes the roots of images with it, and containers of other users than root must
	// be able to enter them. Go could set it only for all of this process.
	cmd := exec.Command("/bin/sh", "-c", `umask 022 && exec "$0" --config "$1"`, program, config)
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TMPDIR=" + c.dir}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL, Unshareflags: syscall.CLONE_NEWNS}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			c.result = cmd.Wait()
			close(c.ended)
		}
	}()
	if err := <-started; err != nil {
		return err
	}
	c.signal = cmd.Process.Signal
	return nil
}

// wait returns when containerd takes connections.
func (c *containerd) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 30*time.Second, errors.New("it did not answer within 30 s"))
	defer cancel()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		if conn, err := net.Dial("unix", c.socket()); err == nil {
			return conn.Close()
		}
		select {
		case <-again.C:
		case <-c.ended:
			return fmt.Errorf("containerd ended at once: %w%s", c.result, c.lastLine())
		case <-ctx.Done():
			return fmt.Errorf("waiting for containerd: %w%s", context.Cause(ctx), c.lastLine())
		}
	}
}

// lastLine is the last that containerd said, where it tells why.
func (c *containerd) lastLine() string {
	data, err := os.ReadFile(c.log)
	if err != nil || len(data) == 0 {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	return ": " + lines[len(lines)-1]
}

// stop ends containerd so that its databases are whole, or fails if it had to be killed.
func (c *containerd) stop() error {
	err := c.signal(syscall.SIGTERM)
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	select {
	case <-c.ended:
	case <-time.After(20 * time.Second):
		err = errors.Join(errors.New("stopping containerd: it did not end within 20 s"), c.signal(syscall.SIGKILL))
		<-c.ended
	}
	return errors.Join(err, os.RemoveAll(c.dir))
}

// load imports and unpacks images and gives all of them the labels.
func (c *containerd) load(ctx context.Context, images []oci.Named, labels ...string) error {
	r, w := io.Pipe()
	written := make(chan error, 1)
	go func() {
		err := oci.WriteArchive(w, images)
		w.CloseWithError(err)
		written <- err
	}()
	args := []string{"images", "import", "--local", "--discard-unpacked-layers", "--snapshotter", "overlayfs"}
	for _, label := range labels {
		args = append(args, "--label", label)
	}
	err := c.run(ctx, r, append(args, "-")...)
	r.CloseWithError(io.ErrClosedPipe) // when ctr ended early, the writer has to hear of it
	if werr := <-written; werr != nil && !errors.Is(werr, io.ErrClosedPipe) {
		err = errors.Join(err, werr)
	}
	if err != nil {
		return fmt.Errorf("importing the container images: %w", err)
	}
	return nil
}

func (c *containerd) label(ctx context.Context, reference string, labels ...string) error {
	if err := c.run(ctx, nil, append([]string{"images", "label", reference}, labels...)...); err != nil {
		return fmt.Errorf("labelling container image %q: %w", reference, err)
	}
	return nil
}

// dropLayers removes the packed layers, of which nothing is needed once they are unpacked: the images would take their
// size twice. Removing a lease synchronously is how one asks containerd for a garbage collection and waits for it.
func (c *containerd) dropLayers(ctx context.Context) error {
	if err := c.run(ctx, nil, "leases", "create", "--id", "collect"); err != nil {
		return fmt.Errorf("removing packed layers: %w", err)
	}
	if err := c.run(ctx, nil, "leases", "rm", "--sync", "collect"); err != nil {
		return fmt.Errorf("removing packed layers: %w", err)
	}
	return nil
}

// namespace is where the kubelet's containers and images are.
const namespace = "k8s.io"

// run runs ctr, which would wait for ever for a containerd that is gone: it ends with containerd and with this process.
func (c *containerd) run(ctx context.Context, stdin io.Reader, args ...string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-c.ended:
			cancel()
		case <-ctx.Done():
		}
	}()
	cmd := exec.CommandContext(ctx, c.ctr, append([]string{"--address", c.socket(), "--namespace", namespace}, args...)...)
	cmd.Args[0] = "ctr"
	cmd.Env = []string{"TMPDIR=" + c.dir}
	cmd.Stdin = stdin
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = io.Discard, &said
	runtime.LockOSThread() // the kernel ties a process to the thread of its parent
	defer runtime.UnlockOSThread()
	err := cmd.Run()
	select {
	case <-c.ended:
		return errors.Join(fmt.Errorf("containerd ended meanwhile: %w%s", c.result, c.lastLine()), err)
	default:
	}
	if err != nil {
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(said.Bytes()))
	}
	return nil
}
