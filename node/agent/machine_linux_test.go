package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The tests of this file run the agent as process 1 of new process and mount namespaces, with a /run, /etc and /var of its own
// and programs that this test binary plays. roleVariable says what a run of the binary is to be.
const (
	roleVariable = "SLIPWAY_AGENT_TEST_ROLE"
	dirVariable  = "SLIPWAY_AGENT_TEST_DIR"
)

func TestMain(m *testing.M) {
	role := map[string]func(dir string) error{
		"machine": playMachine, "containerd": playContainerd, "kubelet": playKubelet, "shim": playShim,
	}[os.Getenv(roleVariable)]
	if role == nil {
		os.Exit(m.Run())
	}
	if err := role(os.Getenv(dirVariable)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func playMachine(dir string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	for _, f := range []filesystem{{"/proc", "proc", 0, ""}, {"/run", "tmpfs", 0, ""}, {"/etc", "tmpfs", 0, ""}} {
		if err := f.mount(); err != nil {
			return err
		}
	}
	if err := unix.Mount(filepath.Join(dir, "var"), "/var", "", unix.MS_BIND, ""); err != nil {
		return err
	}
	for file, content := range map[string]string{"passwd": "root:x:0:0::/root:/bin/sh\netcd:x:123:124::/:/bin/sh\n", "group": "root:x:0:\netcd:x:124:\n"} {
		if err := os.WriteFile(filepath.Join("/etc", file), []byte(content), 0o644); err != nil {
			return err
		}
	}
	a := agent{
		options: Options{Path: filepath.Join(dir, "bin") + ":" + DefaultPath, StopTimeout: 2 * time.Second, Log: os.Stderr}.withDefaults(),
		prepare: func() []error { return nil },
	}
	if err := errors.Join(makeDirectories(), unix.Sethostname([]byte("cp-1"))); err != nil {
		return err
	}
	return a.run(context.Background())
}

// playContainerd leaves a shim behind that is an orphan, as containerd does, says that it is ready, and waits for its end.
func playContainerd(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, "shim")); err != nil {
		cmd := exec.Command("/bin/sh", "-c", fmt.Sprintf("%s=shim setsid %q >/dev/null 2>&1 &", roleVariable, os.Args[0]))
		if err := cmd.Run(); err != nil {
			return err
		}
	}
	conn, err := net.Dial("unixgram", os.Getenv("NOTIFY_SOCKET"))
	if err != nil {
		return err
	}
	if _, err := io.WriteString(conn, "READY=1\n"); err != nil {
		return err
	}
	return untilStopped(dir, "containerd")
}

func playShim(dir string) error {
	if err := os.WriteFile(filepath.Join(dir, "shim"), fmt.Appendf(nil, "%d", os.Getpid()), 0o600); err != nil {
		return err
	}
	return untilStopped(dir, "shim")
}

func playKubelet(dir string) error {
	note(dir, "kubelet args "+strings.Join(os.Args[1:], " "))
	return untilStopped(dir, "kubelet")
}

func untilStopped(dir, name string) error {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	note(dir, name+" up")
	fmt.Println(name, "says hello")
	<-stop
	note(dir, name+" down")
	return nil
}

func note(dir, line string) {
	f, err := os.OpenFile(filepath.Join(dir, "events"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err == nil {
		_, err = fmt.Fprintln(f, line)
	}
	if err != nil {
		panic(err)
	}
}

// testMachine is a machine that runs beside the test.
type testMachine struct {
	t   *testing.T
	dir string
	cmd *exec.Cmd
	log bytes.Buffer
}

func newMachine(t *testing.T) *testMachine {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: the agent runs as process 1 of new namespaces")
	}
	m := &testMachine{t: t, dir: t.TempDir()}
	for _, dir := range []string{"bin", "var/log", "var/lib", "var/tmp"} {
		if err := os.MkdirAll(filepath.Join(m.dir, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"containerd", "kubelet"} {
		script := fmt.Sprintf("#!/bin/sh\n%s=%s %s=%q exec %q \"$@\"\n", roleVariable, name, dirVariable, m.dir, os.Args[0])
		if err := os.WriteFile(filepath.Join(m.dir, "bin", name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	m.boot()
	t.Cleanup(func() {
		if m.cmd != nil {
			_ = m.cmd.Process.Kill()
			_ = m.cmd.Wait()
		}
		if t.Failed() {
			t.Logf("the machine's log:\n%s\nevents: %v", m.log.String(), m.events())
		}
	})
	return m
}

func (m *testMachine) boot() {
	m.t.Helper()
	m.cmd = exec.Command(os.Args[0])
	m.cmd.Env = append(os.Environ(), roleVariable+"=machine", dirVariable+"="+m.dir)
	m.cmd.Stderr = &m.log
	m.cmd.WaitDelay = time.Second
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWUTS}
	if err := m.cmd.Start(); err != nil {
		m.t.Skipf("namespaces cannot be made here: %v", err)
	}
	m.eventually("containerd runs", func() bool { return m.service("containerd").State == Active })
}

// halt stops the machine with a signal and returns how it ended.
func (m *testMachine) halt(s os.Signal) error {
	m.t.Helper()
	if err := m.cmd.Process.Signal(s); err != nil {
		m.t.Fatal(err)
	}
	err := m.cmd.Wait()
	m.cmd = nil
	return err
}

// path is where the test sees a file of the machine.
func (m *testMachine) path(file string) string {
	return filepath.Join("/proc", fmt.Sprint(m.cmd.Process.Pid), "root", file)
}

func (m *testMachine) read(file string) string {
	data, err := os.ReadFile(m.path(file))
	if err != nil {
		return ""
	}
	return string(data)
}

func (m *testMachine) report() Report {
	r, _ := call(m.t.Context(), m.path(Socket), request{Verb: verbReport}) // nothing is a report too, while it boots
	return r
}

func (m *testMachine) service(name string) Status {
	for _, s := range m.report().Services {
		if s.Name == name {
			return s
		}
	}
	return Status{}
}

// seed gives the machine its user data as whoever makes machines does.
func (m *testMachine) seed(data string) {
	m.t.Helper()
	next := m.path(UserData + ".next")
	err := os.WriteFile(next, []byte(data), 0o600)
	if err == nil {
		err = os.Rename(next, m.path(UserData))
	}
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *testMachine) systemctl(args ...string) (code int, out string) {
	var stdout, stderr bytes.Buffer
	s := systemctl{ctx: m.t.Context(), socket: m.path(Socket), out: &stdout, err: &stderr}
	code = s.run(args)
	return code, stdout.String() + stderr.String()
}

func (m *testMachine) events() []string {
	data, err := os.ReadFile(filepath.Join(m.dir, "events"))
	if err != nil {
		return nil
	}
	return strings.Split(strings.TrimSpace(string(data)), "\n")
}

func (m *testMachine) eventually(what string, is func() bool) {
	m.t.Helper()
	look, give := time.NewTicker(5*time.Millisecond), time.After(10*time.Second)
	defer look.Stop()
	for !is() {
		select {
		case <-look.C:
		case <-give:
			m.t.Fatalf("never happened: %s", what)
		}
	}
}

func TestMachineGoesDownInOrder(t *testing.T) {
	m := newMachine(t)
	if code, out := m.systemctl("start", "kubelet"); code != 0 {
		t.Fatalf("systemctl start kubelet: %d %s", code, out)
	}
	m.eventually("all run", func() bool { e := m.events(); return slices.Contains(e, "kubelet up") && slices.Contains(e, "shim up") })
	if err := m.halt(poweroff); err != nil {
		t.Errorf("the machine ended with %v", err)
	}
	events := m.events()
	var down []string
	for _, e := range events {
		if strings.HasSuffix(e, " down") {
			down = append(down, e)
		}
	}
	if got := strings.Join(down, ", "); got != "kubelet down, containerd down, shim down" {
		t.Errorf("order: %s", got)
	}
}

func TestServiceThatDiesIsStartedAgainAndItsShimsLive(t *testing.T) {
	m := newMachine(t)
	m.eventually("the shim runs", func() bool { return slices.Contains(m.events(), "shim up") })
	shim := m.pidOf("shim")
	m.kill("containerd")
	m.eventually("containerd runs again", func() bool { s := m.service("containerd"); return s.State == Active && s.Restarts == 1 })
	if last := m.service("containerd").Last; last != "signal: killed" {
		t.Errorf("last end %q", last)
	}
	if m.pidOf("shim") != shim {
		t.Error("the shim was replaced")
	}
	if log := m.read(LogDir + "/containerd.log"); !strings.Contains(log, "containerd says hello") {
		t.Errorf("containerd's log: %q", log)
	}
	if info, err := os.Stat(m.path(Socket)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("control socket: %v %v", info, err)
	}
}

// kill kills a role's process.
func (m *testMachine) kill(role string) {
	m.t.Helper()
	pid, err := strconv.Atoi(m.pidOf(role))
	if err == nil {
		err = unix.Kill(pid, unix.SIGKILL)
	}
	if err != nil {
		m.t.Fatalf("killing %s: %v", role, err)
	}
}

// pidOf finds a role's process among those of the host.
func (m *testMachine) pidOf(role string) string {
	processes, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		m.t.Fatal(err)
	}
	for _, file := range processes {
		env, err := os.ReadFile(file)
		if err == nil && bytes.Contains(env, []byte(roleVariable+"="+role+"\x00")) && bytes.Contains(env, []byte(dirVariable+"="+m.dir+"\x00")) {
			return filepath.Base(filepath.Dir(file))
		}
	}
	return ""
}

func TestOrphansAreBuried(t *testing.T) {
	m := newMachine(t)
	// Orphans die while the agent's own commands do: neither may be taken for the other.
	m.seed("#cloud-config\nruncmd:\n" + strings.Repeat("- (sh -c 'exit 3' &)\n- ['true']\n", 100) +
		"- for i in 1 2 3 4 5 6 7 8 9 10; do (setsid sh -c 'sleep 0.05; exit 3' &) ; done\n- sleep 0.3\n")
	m.eventually("the bootstrap is done", func() bool { return m.report().Bootstrap.State == bootstrapDone })
	if m.service("containerd").Restarts != 0 {
		t.Error("containerd was taken for dead")
	}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range stats {
		data, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
		if fields[0] == "Z" && fields[1] == fmt.Sprint(m.cmd.Process.Pid) {
			t.Errorf("a child is dead and not buried: %s", data)
		}
	}
}

func TestBootstrapRunsOnceInTheLifeOfAMachine(t *testing.T) {
	m := newMachine(t)
	m.seed(`## template: jinja
#cloud-config
write_files:
- path: /var/tmp/made/secret
  owner: etcd:etcd
  permissions: '0600'
  content: "{{ ds.meta_data.hostname }}"
runcmd:
- echo "$HOME ran" >> /var/tmp/runs
- [ sh, -c, "echo out; echo err >&2" ]
`)
	done := func() bool { return m.report().Bootstrap.State == bootstrapDone }
	m.eventually("the bootstrap is done", done)
	if got := m.read(Sentinel); got != "success\n" {
		t.Errorf("sentinel %q", got)
	}
	if got := m.read("/var/log/slipway/bootstrap.log"); got != "out\nerr\n" {
		t.Errorf("log %q", got)
	}
	if link, err := os.Readlink(m.path(cloudInitLog)); link != bootstrapLog {
		t.Errorf("cloud-init's log is %q, %v", link, err)
	}
	var st unix.Stat_t
	if err := unix.Stat(m.path("/var/tmp/made/secret"), &st); err != nil || st.Uid != 123 || st.Gid != 124 || st.Mode&0o7777 != 0o600 {
		t.Errorf("secret: %v %d:%d %o", err, st.Uid, st.Gid, st.Mode)
	}
	if _, err := os.Stat(m.path(UserData)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the user data, which holds keys, is still there: %v", err)
	}
	if err := m.halt(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	m.boot()
	m.eventually("the sentinel is there again", func() bool { return done() && m.read(Sentinel) == "success\n" })
	if got := m.read("/var/tmp/runs"); got != "/root ran\n" {
		t.Errorf("runs: %q", got)
	}
}

func TestBootstrapThatFailsLeavesItsReasonAndTheMachineUp(t *testing.T) {
	m := newMachine(t)
	m.seed("#cloud-config\nruncmd:\n- 'true'\n- exit 7 # --token=secret\n- touch /var/tmp/never\n")
	m.eventually("the bootstrap fails", func() bool { return m.read(FailureFile) != "" })
	want := "running command 2 of 3 (user data line 4): exit status 7; its output is in /var/log/slipway/bootstrap.log\n"
	if got := m.read(FailureFile); got != want {
		t.Errorf("reason %q", got)
	}
	if b := m.report().Bootstrap; b.State != bootstrapFailed || b.Reason+"\n" != want {
		t.Errorf("report %+v", b)
	}
	if m.read(Sentinel) != "" || m.read(DoneFile) != "" || m.read("/var/tmp/never") != "" {
		t.Error("it went on")
	}
	m.seed("#cloud-config\nusers: []\n")
	m.eventually("it fails for another reason", func() bool {
		return strings.Contains(m.read(FailureFile), `line 2: "users" is not supported`)
	})
	m.seed("#cloud-config\nruncmd: ['true']\n")
	m.eventually("it is done", func() bool { return m.report().Bootstrap.State == bootstrapDone && m.read(FailureFile) == "" })
}

func TestBootstrapThatWasCutShortRunsAgain(t *testing.T) {
	m := newMachine(t)
	m.seed("#cloud-config\nruncmd:\n- echo ran >> /var/tmp/runs; test -e /var/tmp/second || { touch /var/tmp/second; sleep 60; }\n")
	m.eventually("the command runs", func() bool { return m.read("/var/tmp/runs") != "" })
	if err := m.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = m.cmd.Wait() // killed
	m.boot()
	m.eventually("the bootstrap is done", func() bool { return m.report().Bootstrap.State == bootstrapDone })
	if got := m.read("/var/tmp/runs"); got != "ran\nran\n" {
		t.Errorf("runs: %q", got)
	}
}

func TestKubeletStartsWithAMachineThatIsANode(t *testing.T) {
	m := newMachine(t)
	for _, order := range []struct {
		args string
		code int
		out  string
	}{
		{"is-active kubelet", exitInactive, "inactive\n"},
		{"is-enabled kubelet.service", exitOK, "enabled\n"},
		{"is-active containerd", exitOK, "active\n"},
		{"daemon-reload", exitOK, ""},
		{"start kubelet", exitOK, ""},
		{"is-active --quiet kubelet", exitOK, ""},
		{"restart kubelet", exitOK, ""},
		{"restart containerd", exitOK, ""},
		{"is-active containerd", exitOK, "active\n"},
		{"stop kubelet", exitOK, ""},
		{"is-active kubelet", exitInactive, "inactive\n"},
		{"disable kubelet", exitOK, ""},
		{"is-enabled kubelet", exitFailure, "disabled\n"},
		{"enable --now kubelet", exitOK, ""},
		{"show -p ActiveState --value kubelet", exitOK, "active\n"},
		{"start docker", exitNotLoaded, "Failed to start docker.service: Unit docker.service not found.\n"},
	} {
		if code, out := m.systemctl(strings.Fields(order.args)...); code != order.code || out != order.out {
			t.Errorf("systemctl %s: %d %q, want %d %q", order.args, code, out, order.code, order.out)
		}
	}
	for file, content := range map[string]string{kubeletConfig: "kind: KubeletConfiguration\n", kubeadmFlagsFile: "KUBELET_KUBEADM_ARGS=\"--node-ip=10.0.0.1 --v=2\"\n"} {
		if err := os.WriteFile(m.path(file), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.halt(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	m.boot()
	m.eventually("the kubelet runs", func() bool { return m.service("kubelet").State == Active })
	m.eventually("it has its arguments", func() bool {
		return slices.Contains(m.events(), "kubelet args --bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf "+
			"--kubeconfig=/etc/kubernetes/kubelet.conf --config=/var/lib/kubelet/config.yaml --node-ip=10.0.0.1 --v=2")
	})
}
