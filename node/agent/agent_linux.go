package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"sync"
	"syscall"

	"github.com/slipway-dev/slipway/host"
)

// poweroff is what stops a machine that runs systemd, so that engines may treat all machines alike: SIGRTMIN+3.
const poweroff = syscall.Signal(34 + 3)

// agent is a machine's first process.
type agent struct {
	options    Options
	log        *slog.Logger
	reaper     *reaper
	containerd *service
	kubelet    *service
	bootstrap  *bootstrapper
	// prepare makes the machine ready; tests run on machines that are not theirs.
	prepare func() []error
}

// Run is the life of a machine: it returns when the machine is down, after a signal (SIGTERM, SIGINT, SIGRTMIN+3) or the end of
// ctx. A second signal skips the rest of an orderly shutdown. It returns an error only if the machine cannot be run at all;
// what is lacking otherwise is logged and in the Report.
func Run(ctx context.Context, o Options) error {
	return (&agent{options: o.withDefaults(), prepare: prepare}).run(ctx)
}

func (a *agent) run(ctx context.Context) error {
	debug.SetGCPercent(50) // a few MB live for months; garbage is worth collecting
	died, stop := make(chan os.Signal, 1), make(chan os.Signal, 2)
	signal.Notify(died, syscall.SIGCHLD)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT, poweroff)
	defer signal.Stop(died)
	defer signal.Stop(stop)

	problems := a.prepare()
	logs := &logFile{path: filepath.Join(LogDir, "agent.log"), limit: logSize / 10}
	a.log = slog.New(slog.NewJSONHandler(tee{a.options.Log, logs}, nil))
	a.log.Info("machine starts", "pid", os.Getpid())
	for _, p := range problems {
		a.log.Error("preparing the machine", "error", p)
	}

	life, end := context.WithCancel(context.WithoutCancel(ctx))
	var background sync.WaitGroup
	defer end()
	a.reaper = newReaper()
	background.Go(func() { a.reaper.serve(life, died, a.log) })
	if err := a.start(life, &background, problems); err != nil {
		a.log.Error("machine cannot run", "error", err)
		return errors.Join(err, logs.Close())
	}
	debug.FreeOSMemory()
	if inOrder := a.live(ctx, stop); inOrder {
		end()
		background.Wait()
	}
	return logs.Close()
}

// live runs the bootstrap, waits for the end, and says whether that came in order.
func (a *agent) live(ctx context.Context, stop <-chan os.Signal) (inOrder bool) {
	bootstrap, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := a.bootstrap.run(bootstrap); err != nil {
			a.bootstrap.failed(err)
		}
		debug.FreeOSMemory()
	}()
	select {
	case <-ctx.Done():
		a.log.Info("machine stops", "why", context.Cause(ctx))
	case s := <-stop:
		a.log.Info("machine stops", "signal", s)
	}
	cancel()
	<-ended
	down := make(chan struct{})
	go func() {
		defer close(down)
		a.shutdown(context.WithoutCancel(ctx))
	}()
	select {
	case <-down:
		return true
	case s := <-stop:
		a.log.Warn("machine stops at once", "signal", s)
		return false
	}
}

// start sets everything up: services, sockets, and containerd running.
func (a *agent) start(life context.Context, background *sync.WaitGroup, problems []error) error {
	a.bootstrap = &bootstrapper{path: a.options.Path, reaper: a.reaper, log: a.log}
	a.bootstrap.set(bootstrapWaiting, nil)
	if err := a.writeContainerdConfig(); err != nil {
		a.log.Error("preparing the machine", "error", err)
		problems = append(problems, err)
	}
	ready := newGate()
	notify, err := listenNotify(notifySocket, ready, a.log)
	if err != nil {
		return err
	}
	context.AfterFunc(life, func() { closeQuietly(notify, a.log) })
	if err := a.makeServices(life, background, ready); err != nil {
		return err
	}
	enabled := enablement{dir: disabledDir}
	control := &control{
		services: []*service{a.containerd, a.kubelet}, enabled: enabled,
		bootstrap: a.bootstrap.status, problems: texts(problems), log: a.log,
	}
	socket, err := listenControl(Socket)
	if err != nil {
		return err
	}
	context.AfterFunc(life, func() { closeQuietly(socket, a.log) })
	background.Go(func() { control.serve(life, socket) })
	a.startServices(life, enabled)
	return nil
}

// startServices starts those that belong to the machine as it is: the kubelet only of one that is a node. A service that does
// not start has logged why, and is tried again.
func (a *agent) startServices(ctx context.Context, enabled enablement) {
	if enabled.enabled(a.containerd.name) {
		_ = a.containerd.Start(ctx)
	}
	if _, err := os.Stat(kubeletConfig); err == nil && enabled.enabled(a.kubelet.name) {
		_ = a.kubelet.Start(ctx)
	}
}

func (a *agent) makeServices(life context.Context, background *sync.WaitGroup, ready *gate) error {
	containerd, err := a.service(life, background, "containerd", func() ([]string, []string, error) {
		return []string{"--config", containerdConfig}, append([]string{"NOTIFY_SOCKET=" + notifySocket}, a.options.ContainerdEnv...), nil
	})
	if err != nil {
		return err
	}
	kubelet, err := a.service(life, background, "kubelet", func() ([]string, []string, error) {
		args, env, err := kubeletCommand(os.ReadFile)
		return args, append(env, a.options.KubeletEnv...), err
	})
	if err != nil {
		return err
	}
	containerd.ready, kubelet.after = ready, ready.wait
	a.containerd, a.kubelet = containerd, kubelet
	for _, s := range []*service{containerd, kubelet} {
		background.Go(func() { s.run(life) })
	}
	return nil
}

// service makes a service with a log of its own.
func (a *agent) service(life context.Context, background *sync.WaitGroup, name string, command func() ([]string, []string, error)) (*service, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("making a pipe for the log of %q: %w", name, err)
	}
	output := &logFile{path: filepath.Join(LogDir, name+".log"), limit: logSize}
	background.Go(func() {
		logOutput(read, output, a.log)
		closeQuietly(output, a.log)
	})
	context.AfterFunc(life, func() {
		closeQuietly(write, a.log)
		closeQuietly(read, a.log) // somebody may still have the other end
	})
	p := &program{name: name, path: a.options.Path, reaper: a.reaper, output: write, command: command}
	return &service{
		name: name, launch: p.launch, stopTimeout: a.options.StopTimeout, log: a.log, orders: make(chan order),
	}, nil
}

func (a *agent) writeContainerdConfig() error {
	image := a.options.PauseImage
	if image == "" {
		var err error
		if image, err = pauseImage(os.ReadFile); err != nil {
			return err
		}
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return fmt.Errorf("reading the machine's capabilities: %w", err)
	}
	data, err := runtimeConfig{PauseImage: image, RestrictOOMScore: !canRaise(string(status))}.render()
	if err == nil {
		err = host.Local{}.WriteFile(containerdConfig, data, 0o644)
	}
	if err != nil {
		return fmt.Errorf("writing containerd's configuration: %w", err)
	}
	return nil
}

// tee writes to all, whoever fails.
type tee []io.Writer

func (t tee) Write(p []byte) (int, error) {
	var errs []error
	for _, w := range t {
		_, err := w.Write(p)
		errs = append(errs, err)
	}
	return len(p), errors.Join(errs...)
}

func closeQuietly(c io.Closer, log *slog.Logger) {
	if err := c.Close(); err != nil && !errors.Is(err, net.ErrClosed) && !errors.Is(err, os.ErrClosed) {
		log.Debug("closing", "error", err)
	}
}

func texts(errs []error) []string {
	var out []string
	for _, err := range errs {
		out = append(out, err.Error())
	}
	return out
}
