package engine

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// These tests build real networks and machines. They need root and runc.

// testEngine is an engine on directories of its own, or a loud skip.
func testEngine(t *testing.T) *Engine {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: running machines needs root")
	}
	runc := os.Getenv("SLIPWAY_TEST_RUNC")
	if runc == "" {
		runc, _ = exec.LookPath("runc")
	}
	if runc == "" {
		found, _ := filepath.Glob("/var/lib/slipway/store/layers/*/usr/bin/runc")
		if len(found) > 0 {
			runc = found[0]
		}
	}
	if runc == "" {
		t.Skip("SKIPPED: running machines needs runc: name it in SLIPWAY_TEST_RUNC")
	}
	e := &Engine{Home: filepath.Join(t.TempDir(), "home"), Run: filepath.Join(t.TempDir(), "run"), Runc: runc}
	e.KeeperCommand, e.GatewayCommand = daemonCommands(e)
	e.Warn = func(message string) { t.Log("warning: " + message) }
	e.Clone = func(_ context.Context, from, to string) error { return os.CopyFS(to, os.DirFS(from)) }
	return e
}

// testCluster is a name that no other run of the tests uses, and the promise that nothing of it is left at the end.
func testCluster(t *testing.T, e *Engine, suffix string) string {
	t.Helper()
	name := fmt.Sprintf("t%d%s", os.Getpid(), suffix)
	t.Cleanup(func() {
		if t.Failed() {
			for _, daemon := range []string{keeperName, gatewayName} {
				log, _ := os.ReadFile(e.DaemonLogPath(name, daemon))
				t.Logf("%s.log:\n%s", daemon, log)
			}
		}
		if err := e.DeleteCluster(context.Background(), name); err != nil {
			t.Errorf("cleaning up: %v", err)
		}
	})
	return name
}

// testRoot is a root file system with nothing but the test's init in it.
func testRoot(t *testing.T) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "lower")
	for _, dir := range []string{"etc", "var", "proc", "sys", "dev", "run", "tmp"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.Command("go", "build", "-o", filepath.Join(root, "init"), "./testdata/init")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the machine's init: %v\n%s", err, out)
	}
	return root
}

func testMachine(cluster, name, root string) MachineSpec {
	return MachineSpec{
		Cluster: cluster, Name: name, Image: "sha256:test", LowerDirs: []string{root}, ControlPlane: true, Args: []string{"/init"},
	}
}

// bring makes a cluster of one machine with its gateway, and returns the endpoint.
func bring(t *testing.T, e *Engine, cluster string, specs ...MachineSpec) (endpoint string) {
	t.Helper()
	if _, err := e.EnsureNetwork(t.Context(), cluster); err != nil {
		t.Fatal(err)
	}
	for _, s := range specs {
		if _, err := e.EnsureMachine(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	cfg, _, err := e.EnsureGateway(t.Context(), cluster, 0, 6443)
	if err != nil {
		t.Fatal(err)
	}
	return cfg.Address()
}

// ask connects to the endpoint and returns who answers.
func ask(endpoint string) (string, error) {
	c, err := net.DialTimeout("tcp4", endpoint, time.Second)
	if err != nil {
		return "", err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return "", err
	}
	data, err := io.ReadAll(c)
	if err == nil && len(data) == 0 {
		err = errors.New("closed without an answer")
	}
	return string(data), err
}

// eventually tries until it works or the test has waited long enough.
func eventually(t *testing.T, what string, try func() error) {
	t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %v", what, err)
		}
		_ = sleep(t.Context(), 10*time.Millisecond)
	}
}

func run(t *testing.T, e *Engine, cluster, machine string, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	err := e.Exec(t.Context(), cluster, machine, ExecOptions{Args: append([]string{"/init"}, args...), Stdout: &out, Stderr: &errs})
	if err != nil {
		t.Fatalf("running %v: %v: %s", args, err, errs.String())
	}
	return out.String()
}

func TestAMachineStartsWithItsIdentityAndSeed(t *testing.T) {
	e := testEngine(t)
	c := testCluster(t, e, "a")
	state := filepath.Join(t.TempDir(), "state")
	if err := os.MkdirAll(filepath.Join(state, "lib", "containerd"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(state, "lib", "containerd", "db"), []byte("images"), 0o600); err != nil {
		t.Fatal(err)
	}
	extra := t.TempDir()
	if err := os.WriteFile(filepath.Join(extra, "file"), []byte("from the host"), 0o644); err != nil {
		t.Fatal(err)
	}
	spec := testMachine(c, "m1", testRoot(t))
	spec.StateDir, spec.UserData = state, []byte("#cloud-config\n")
	spec.Mounts = []Mount{{Source: extra, Target: "/extra", ReadOnly: true}}
	if changed, err := e.EnsureNetwork(t.Context(), c); err != nil || !changed {
		t.Fatal(changed, err)
	}
	if changed, err := e.EnsureNetwork(t.Context(), c); err != nil || changed {
		t.Errorf("the network is there, yet ensuring it again changed something: %v %v", changed, err)
	}
	before := time.Now()
	changed, err := e.EnsureMachine(t.Context(), spec)
	if err != nil || !changed {
		t.Fatal(changed, err)
	}
	t.Logf("started in %s", time.Since(before))
	if changed, err := e.EnsureMachine(t.Context(), spec); err != nil || changed {
		t.Errorf("the machine runs, yet ensuring it again changed something: %v %v", changed, err)
	}
	for path, want := range map[string]string{
		"/etc/hostname": "m1\n", "/proc/sys/kernel/hostname": "m1\n", SeedPath: "#cloud-config\n",
		"/var/lib/containerd/db": "images", "/extra/file": "from the host", "/proc/sys/net/ipv4/ip_forward": "1\n",
	} {
		if got := run(t, e, c, "m1", "cat", path); got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
	if got := run(t, e, c, "m1", "mode", SeedPath); got != "-rw-------" {
		t.Errorf("the seed's mode is %s", got)
	}
	if got := run(t, e, c, "m1", "mode", "/dev/kmsg"); !strings.HasPrefix(got, "Dc") {
		t.Errorf("/dev/kmsg is %s, want a device", got)
	}
	if id := run(t, e, c, "m1", "cat", "/etc/machine-id"); len(id) != 33 {
		t.Errorf("the machine id is %q", id)
	}
	if got := run(t, e, c, "m1", "cat", "/etc/resolv.conf"); !strings.HasPrefix(got, "nameserver ") {
		t.Errorf("resolv.conf is %q", got)
	}
	// The machine may make cgroups of its own, as a kubelet does.
	dir := "/sys/fs/cgroup/memory/kubelet"
	if unified() {
		dir = "/sys/fs/cgroup/kubelet"
	}
	run(t, e, c, "m1", "mkcgroup", dir)
	log, err := os.ReadFile(e.LogPath(c, "m1"))
	if err != nil || !strings.Contains(string(log), "machine is up") {
		t.Errorf("the log is %q, %v", log, err)
	}
	all, err := e.Machines(t.Context(), c)
	if err != nil || len(all) != 1 || all[0].Status != Running || all[0].PID == 0 || all[0].Address != netip.MustParseAddr("10.213.0.11") {
		t.Errorf("machines are %+v, %v", all, err)
	}
}

func TestExecCarriesStreamsAndStatus(t *testing.T) {
	e := testEngine(t)
	c := testCluster(t, e, "x")
	bring(t, e, c, testMachine(c, "m1", testRoot(t)))
	var out bytes.Buffer
	if err := e.Exec(t.Context(), c, "m1", ExecOptions{Args: []string{"/init", "echo"}, Stdin: strings.NewReader("hello"), Stdout: &out}); err != nil || out.String() != "hello" {
		t.Errorf("got %q, %v", out.String(), err)
	}
	var exit *ExitError
	if err := e.Exec(t.Context(), c, "m1", ExecOptions{Args: []string{"/init", "exit", "7"}}); !errors.As(err, &exit) || exit.Status != 7 {
		t.Errorf("got %v, want exit status 7", err)
	}
	if err := e.Exec(t.Context(), c, "m2", ExecOptions{Args: []string{"/init"}}); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
}

func TestAProgramThatCannotBeStartedHasTheStatusThatShellsGiveIt(t *testing.T) {
	e := testEngine(t)
	c := testCluster(t, e, "z")
	bring(t, e, c, testMachine(c, "m1", testRoot(t)))
	for program, want := range map[string]int{"nosuch": 127, "/nosuch": 127, "/etc/hostname": 126} {
		var said bytes.Buffer
		var exit *ExitError
		err := e.Exec(t.Context(), c, "m1", ExecOptions{Args: []string{program}, Stderr: &said})
		if !errors.As(err, &exit) || exit.Status != want {
			t.Errorf("%s: got %v, want exit status %d", program, err, want)
		}
		if !strings.Contains(said.String(), program) || strings.Contains(said.String(), "level=") {
			t.Errorf("%s: said %q", program, said.String())
		}
	}
	if left, _ := filepath.Glob(filepath.Join(e.machine(c, "m1").run, ".exec-*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestExecGivesATerminal(t *testing.T) {
	e := testEngine(t)
	c := testCluster(t, e, "y")
	bring(t, e, c, testMachine(c, "m1", testRoot(t)))
	master, slave := terminal(t)
	out := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(master).ReadString('\n')
		out <- strings.TrimSpace(line)
	}()
	err := e.Exec(t.Context(), c, "m1", ExecOptions{Args: []string{"/init", "tty"}, TTY: true, Stdin: slave, Stdout: slave, Stderr: slave})
	if err != nil {
		t.Fatal(err)
	}
	if got := <-out; got != "terminal: true" {
		t.Errorf("got %q", got)
	}
}

// terminal makes a pseudo terminal as a person would sit at.
func terminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close() })
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	if slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { slave.Close() })
	return master, slave
}

func TestTwoClustersHaveEqualAddressesAndGatewaysOfTheirOwn(t *testing.T) {
	e := testEngine(t)
	root := testRoot(t)
	a, b := testCluster(t, e, "a"), testCluster(t, e, "b")
	for c, name := range map[string]string{a: "first", b: "second"} {
		endpoint := bring(t, e, c, testMachine(c, name, root))
		eventually(t, "asking "+c, func() error {
			got, err := ask(endpoint)
			if err == nil && got != name {
				t.Fatalf("cluster %q answered as %q, want %q", c, got, name)
			}
			return err
		})
		all, err := e.Machines(t.Context(), c)
		if err != nil || all[0].Address != netip.MustParseAddr("10.213.0.11") {
			t.Errorf("%+v, %v", all, err)
		}
	}
	if err := e.DeleteCluster(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	cfg, _, err := e.EnsureGateway(t.Context(), b, 0, 6443)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ask(cfg.Address()); got != "second" {
		t.Errorf("after the other cluster went: %q, %v", got, err)
	}
}

func TestMachinesReachEachOtherAndTheHostThroughTheUplink(t *testing.T) {
	e := testEngine(t)
	root := testRoot(t)
	c := testCluster(t, e, "n")
	bring(t, e, c, testMachine(c, "m1", root), testMachine(c, "m2", root))
	eventually(t, "from machine to machine", func() error {
		var out bytes.Buffer
		err := e.Exec(t.Context(), c, "m1", ExecOptions{Args: []string{"/init", "dial", "10.213.0.12:6443"}, Stdout: &out})
		if err == nil && out.String() != "m2" {
			return fmt.Errorf("answered as %q", out.String())
		}
		return err
	})
	// A listener on the host, addressed by an address that is not the uplink's, is as far outside as a test can rely on.
	outside := hostAddress(t)
	l, err := net.Listen("tcp4", net.JoinHostPort(outside, "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	from := make(chan string, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		from <- conn.RemoteAddr().(*net.TCPAddr).IP.String()
		_, _ = io.WriteString(conn, "outside")
		conn.Close()
	}()
	if got := run(t, e, c, "m1", "dial", l.Addr().String()); got != "outside" {
		t.Errorf("got %q", got)
	}
	cfg, err := e.networkOf(c)
	if err != nil {
		t.Fatal(err)
	}
	if got := <-from; got != cfg.ClusterAddress().Addr().String() {
		t.Errorf("the connection came from %s, want the uplink's %s", got, cfg.ClusterAddress())
	}
}

func hostAddress(t *testing.T) string {
	t.Helper()
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		n := a.(*net.IPNet)
		if n.IP.To4() != nil && !n.IP.IsLoopback() && !strings.HasPrefix(n.IP.String(), "10.213.") {
			return n.IP.String()
		}
	}
	t.Skip("SKIPPED: the host has no address but loopback")
	return ""
}

func TestAStoppedMachineStartsAgainWithItsFiles(t *testing.T) {
	e := testEngine(t)
	c := testCluster(t, e, "s")
	spec := testMachine(c, "m1", testRoot(t))
	bring(t, e, c, spec)
	run(t, e, c, "m1", "write", "/etc/kept", "upper")
	run(t, e, c, "m1", "write", "/var/kept", "var")
	id := run(t, e, c, "m1", "cat", "/etc/machine-id")
	if err := e.StopMachine(t.Context(), c, "m1", 5*time.Second); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(filepath.Join(e.MachineVar(c, "m1"), "ended")); err != nil {
		t.Errorf("the machine was not asked to end: %s %v", data, err)
	}
	_ = sleep(t.Context(), 200*time.Millisecond) // time for the keeper to do what it must not
	all, err := e.Machines(t.Context(), c)
	if err != nil || all[0].Status != Stopped {
		t.Fatalf("%+v, %v", all, err)
	}
	if _, err := e.EnsureMachine(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"/etc/kept": "upper", "/var/kept": "var", "/etc/machine-id": id} {
		if got := run(t, e, c, "m1", "cat", path); got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
	other := spec
	other.Image = "sha256:other"
	var conflict *ConflictError
	if _, err := e.EnsureMachine(t.Context(), other); !errors.As(err, &conflict) {
		t.Errorf("got %v, want a conflict", err)
	}
}

func TestWhatIsKilledComesBack(t *testing.T) {
	e := testEngine(t)
	c := testCluster(t, e, "k")
	endpoint := bring(t, e, c, testMachine(c, "m1", testRoot(t)))
	pids := func() (keeper, gateway, machine int) {
		d, err := e.Cluster(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		return d.KeeperPID, d.GatewayPID, d.Machines[0].PID
	}
	healed := func(what string) {
		t.Helper()
		eventually(t, what, func() error {
			if k, g, m := pids(); k == 0 || g == 0 || m == 0 {
				return fmt.Errorf("keeper %d, gateway %d, machine %d", k, g, m)
			}
			_, err := ask(endpoint)
			return err
		})
	}
	healed("at first")
	for _, who := range []string{"machine", "gateway", "keeper", "machine", "gateway"} {
		keeper, gateway, machine := pids()
		victim := map[string]int{"machine": machine, "gateway": gateway, "keeper": keeper}[who]
		if err := unix.Kill(victim, unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
		eventually(t, "a new "+who, func() error {
			keeper, gateway, machine := pids()
			if now := map[string]int{"machine": machine, "gateway": gateway, "keeper": keeper}[who]; now == victim || now == 0 {
				return fmt.Errorf("it is %d", now)
			}
			return nil
		})
		healed("after the death of the " + who)
	}
}

func TestASuspendedGatewayGoesOn(t *testing.T) {
	e := testEngine(t)
	c := testCluster(t, e, "s")
	endpoint := bring(t, e, c, testMachine(c, "m1", testRoot(t)))
	d, err := e.Cluster(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Kill(d.GatewayPID, unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if _, changed, err := e.EnsureGateway(t.Context(), c, 0, 6443); err != nil || changed {
		t.Errorf("changed %v, %v", changed, err)
	}
	eventually(t, "the gateway", func() error { _, err := ask(endpoint); return err })
}

func TestTheUmaskOfWhoeverMakesAMachineDoesNotReachIt(t *testing.T) {
	e := testEngine(t)
	c := testCluster(t, e, "u")
	spec := testMachine(c, "m1", testRoot(t))
	old := unix.Umask(0o077)
	defer unix.Umask(old)
	bring(t, e, c, spec)
	unix.Umask(old)
	for path, want := range map[string]string{"/": "drwxr-xr-x", "/etc": "drwxr-xr-x", "/etc/resolv.conf": "-rw-r--r--", "/var": "drwxr-xr-x", "/var/lib": "drwxr-xr-x"} {
		if got := run(t, e, c, "m1", "mode", path); got != want {
			t.Errorf("the mode of %s is %s, want %s", path, got, want)
		}
	}
}

func TestAPortThatIsNoneIsRefused(t *testing.T) {
	e := &Engine{Home: t.TempDir(), Run: t.TempDir()}
	for _, port := range []int{-1, 65536} {
		var invalid *InvalidError
		if _, _, err := e.EnsureGateway(t.Context(), "c", port, 6443); !errors.As(err, &invalid) {
			t.Errorf("port %d: got %v, want that it is not valid", port, err)
		}
	}
}

func TestARequestedPortInUseIsRefused(t *testing.T) {
	e := testEngine(t)
	c := testCluster(t, e, "p")
	if _, err := e.EnsureNetwork(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	var used *PortInUseError
	if _, _, err := e.EnsureGateway(t.Context(), c, port, 6443); !errors.As(err, &used) || used.Port != port {
		t.Errorf("got %v, want the port in use", err)
	}
	l.Close()
	cfg, changed, err := e.EnsureGateway(t.Context(), c, port, 6443)
	if err != nil || !changed || cfg.Port != port {
		t.Errorf("got %+v %v %v", cfg, changed, err)
	}
	if cfg, changed, err = e.EnsureGateway(t.Context(), c, port, 6443); err != nil || changed || cfg.Port != port {
		t.Errorf("the second time: %+v %v %v", cfg, changed, err)
	}
}

func TestAMachineThatCannotStartLeavesNothingRunning(t *testing.T) {
	e := testEngine(t)
	c := testCluster(t, e, "f")
	if _, err := e.EnsureNetwork(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	spec := testMachine(c, "m1", testRoot(t))
	spec.Args = []string{"/no/such/program"}
	_, err := e.EnsureMachine(t.Context(), spec)
	if err == nil || !strings.Contains(err.Error(), "/no/such/program") {
		t.Errorf("the error does not say what is missing: %v", err)
	}
	spec.Args = []string{"/init"}
	if _, err := e.EnsureMachine(t.Context(), spec); err != nil {
		t.Errorf("after the mistake is mended: %v", err)
	}
}

func TestALostNetworkIsMendedUnderARunningMachine(t *testing.T) {
	e := testEngine(t)
	c := testCluster(t, e, "l")
	spec := testMachine(c, "m1", testRoot(t))
	endpoint := bring(t, e, c, spec)
	eventually(t, "at first", func() error { _, err := ask(endpoint); return err })
	before, err := e.Machines(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Unmount(e.clusterNS(c), unix.MNT_DETACH); err != nil {
		t.Fatal(err)
	}
	bring(t, e, c, spec)
	eventually(t, "after the network was lost", func() error { _, err := ask(endpoint); return err })
	after, err := e.Machines(t.Context(), c)
	if err != nil || before[0].PID != after[0].PID {
		t.Errorf("the machine was started again: %+v, %v", after, err)
	}
	eventually(t, "the endpoint inside", func() error {
		var out bytes.Buffer
		err := e.Exec(t.Context(), c, "m1", ExecOptions{Args: []string{"/init", "dial", "10.213.0.1:6443"}, Stdout: &out})
		if err == nil && out.String() != "m1" {
			return fmt.Errorf("answered as %q", out.String())
		}
		return err
	})
}

// footprint is what a cluster could leave behind on this host.
func footprint(t *testing.T, e *Engine, mark string) []string {
	t.Helper()
	var all []string
	add := func(kind string, names ...string) {
		for _, n := range names {
			all = append(all, kind+" "+n)
		}
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	add("mount", mountsBelow(mounts, e.Home)...)
	add("mount", mountsBelow(mounts, e.Run)...)
	for _, root := range hierarchies(mounts) {
		_ = walkCgroup(filepath.Join(root.point, cgroupRoot), func(dir string) error {
			if strings.Contains(dir, mark) {
				add("cgroup", dir)
			}
			return nil
		})
	}
	links, err := netlink.LinkList()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		if strings.Contains(l.Attrs().Alias, mark) {
			add("link", l.Attrs().Name+" "+l.Attrs().Alias)
		}
	}
	conn, err := nftables.New()
	if err != nil {
		t.Fatal(err)
	}
	tables, err := conn.ListTables()
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		if strings.Contains(table.Name, mark) {
			add("table", table.Name)
		}
	}
	procs, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, p := range procs {
		if data, _ := os.ReadFile(p); bytes.Contains(data, []byte(e.Run)) {
			add("process", string(bytes.ReplaceAll(data, []byte{0}, []byte{' '})))
		}
	}
	for _, dir := range []string{e.clustersDir(), e.Run} {
		names, _ := subdirectories(dir)
		for _, n := range names {
			add("directory", filepath.Join(dir, n))
		}
	}
	return all
}

func TestDeletingAClusterLeavesNothing(t *testing.T) {
	e := testEngine(t)
	root := testRoot(t)
	c := testCluster(t, e, "d")
	before := footprint(t, e, c)
	bring(t, e, c, testMachine(c, "m1", root), testMachine(c, "m2", root))
	if during := footprint(t, e, c); len(during) < len(before)+8 {
		t.Fatalf("the test does not see what a cluster has: %q", during)
	}
	start := time.Now()
	if err := e.DeleteCluster(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	t.Logf("deleted in %s", time.Since(start))
	if after := footprint(t, e, c); !slices.Equal(before, after) {
		t.Errorf("left behind:\n%s", strings.Join(after, "\n"))
	}
	if err := e.DeleteCluster(t.Context(), c); err != nil {
		t.Errorf("deleting it again: %v", err)
	}
}

func TestDeletingEndsProcessesThatAreFrozen(t *testing.T) {
	e := testEngine(t)
	c := testCluster(t, e, "z")
	bring(t, e, c, testMachine(c, "m1", testRoot(t)))
	root, file, frozen := filepath.Join(cgroupMount, "freezer"), "freezer.state", "FROZEN"
	if unified() {
		root, file, frozen = cgroupMount, "cgroup.freeze", "1"
	}
	machine := filepath.Join(root, e.machine(c, "m1").cgroup())
	pids, err := processesIn(machine)
	if err != nil || len(pids) < 2 {
		t.Fatal(pids, err)
	}
	paused := filepath.Join(machine, "pods", "paused")
	if err := errors.Join(os.MkdirAll(paused, 0o755),
		os.WriteFile(filepath.Join(paused, "cgroup.procs"), fmt.Append(nil, slices.Max(pids)), 0o644),
		os.WriteFile(filepath.Join(paused, file), []byte(frozen), 0o644)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := e.DeleteCluster(ctx, c); err != nil {
		t.Fatal(err)
	}
}

func TestDeletingWorksWithHalfOfTheStateLost(t *testing.T) {
	e := testEngine(t)
	root := testRoot(t)
	for name, lose := range map[string]func(c string) error{
		"home is lost":           func(c string) error { return os.RemoveAll(e.clusterDir(c)) },
		"records are lost":       func(c string) error { return os.Remove(e.machine(c, "m1").record()) },
		"records are broken":     func(c string) error { return os.WriteFile(e.machine(c, "m1").record(), []byte("{"), 0o600) },
		"network.json is lost":   func(c string) error { return os.Remove(e.networkFile(c)) },
		"deletion was begun":     func(c string) error { return e.intendDeletion(t.Context(), c) },
		"the namespace unbound":  func(c string) error { return unix.Unmount(e.clusterNS(c), unix.MNT_DETACH) },
		"runc's notes are lost":  func(c string) error { return os.RemoveAll(e.runcRoot(c)) },
		"the pid file is broken": func(c string) error { return os.WriteFile(e.machine(c, "m1").pidFile(), []byte("1"), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			c := testCluster(t, e, "h")
			before := footprint(t, e, c)
			bring(t, e, c, testMachine(c, "m1", root))
			if err := lose(c); err != nil {
				t.Fatal(err)
			}
			if err := e.DeleteCluster(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			if after := footprint(t, e, c); !slices.Equal(before, after) {
				t.Errorf("left behind:\n%s", strings.Join(after, "\n"))
			}
		})
	}
}

func TestAClusterComesBackAfterAReboot(t *testing.T) {
	e := testEngine(t)
	c := testCluster(t, e, "r")
	spec := testMachine(c, "m1", testRoot(t))
	endpoint := bring(t, e, c, spec)
	run(t, e, c, "m1", "write", "/var/kept", "data")
	reboot(t, e, c)
	if again := bring(t, e, c, spec); again != endpoint {
		t.Errorf("the endpoint moved from %s to %s", endpoint, again)
	}
	if got := run(t, e, c, "m1", "cat", "/var/kept"); got != "data" {
		t.Errorf("the data is %q", got)
	}
	eventually(t, "the endpoint", func() error { _, err := ask(endpoint); return err })
}

// reboot takes away what a reboot takes: processes, mounts, namespaces, links, rules and the runtime files.
func reboot(t *testing.T, e *Engine, c string) {
	t.Helper()
	d, err := e.Cluster(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	for _, pid := range []int{d.KeeperPID, d.GatewayPID} { // stopped first, or one would start the other
		_ = unix.Kill(pid, unix.SIGSTOP)
	}
	for _, pid := range []int{d.KeeperPID, d.GatewayPID, d.Machines[0].PID} {
		_ = unix.Kill(pid, unix.SIGKILL)
	}
	if err := errors.Join(clearCgroup(t.Context(), clusterCgroup(c)), unmountBelow(e.machine(c, "m1").run),
		e.deleteNetwork(t.Context(), c), os.RemoveAll(e.runDir(c))); err != nil {
		t.Fatal(err)
	}
}

// An interrupted caller is a process of its own that is killed after some milliseconds of making a cluster.
func TestAPidFileThatAKilledStartHasLeftIsNoObstacle(t *testing.T) {
	e := testEngine(t)
	c := testCluster(t, e, "p")
	machine := testMachine(c, "m1", testRoot(t))
	endpoint := bring(t, e, c, machine)
	if err := e.StopMachine(t.Context(), c, machine.Name, time.Second); err != nil {
		t.Fatal(err)
	}
	p := e.machine(c, machine.Name)
	if err := os.MkdirAll(p.run, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(p.run, ".pid"), nil, 0o600); err != nil { // runc writes here first
		t.Fatal(err)
	}
	if _, err := e.EnsureMachine(t.Context(), machine); err != nil {
		t.Fatal(err)
	}
	eventually(t, "asking", func() error { _, err := ask(endpoint); return err })
}

func TestWhatIsInterruptedCanBeFinishedOrDeleted(t *testing.T) {
	e := testEngine(t)
	root := testRoot(t)
	for _, after := range []time.Duration{3, 8, 15, 25, 40, 60, 90, 130} {
		for _, then := range []string{"finish", "delete"} {
			t.Run(fmt.Sprintf("%s after %d ms", then, after), func(t *testing.T) {
				c := testCluster(t, e, "i")
				before := footprint(t, e, c)
				up := exec.Command("/proc/self/exe", "test-up", e.Home, e.Run, e.Runc, c, root)
				if err := up.Start(); err != nil {
					t.Fatal(err)
				}
				// The program needs a while to start itself.
				_ = sleep(t.Context(), 10*time.Millisecond+after*time.Millisecond)
				_ = up.Process.Kill()
				_ = up.Wait()
				if then == "finish" {
					endpoint := bring(t, e, c, testMachine(c, "m1", root))
					eventually(t, "asking", func() error { _, err := ask(endpoint); return err })
				}
				if err := e.DeleteCluster(t.Context(), c); err != nil {
					t.Fatal(err)
				}
				if left := footprint(t, e, c); !slices.Equal(before, left) {
					t.Errorf("left behind:\n%s", strings.Join(left, "\n"))
				}
			})
		}
	}
}
