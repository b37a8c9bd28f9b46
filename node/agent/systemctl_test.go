package agent

import (
	"bytes"
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
)

func TestSystemctlSpeaksAsKubeadmExpects(t *testing.T) {
	dir := t.TempDir()
	socket := filepath.Join(dir, "s")
	l, err := listenControl(socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	running := &fakeProcess{pid: 42, done: make(chan struct{})}
	c := &control{
		enabled: enablement{dir: filepath.Join(dir, "disabled")}, bootstrap: func() Bootstrap { return Bootstrap{State: "waiting"} },
		log: slog.New(slog.DiscardHandler), problems: []string{"no /dev/kmsg"},
	}
	for _, name := range []string{"containerd", "kubelet"} {
		s := &service{name: name, log: c.log, orders: make(chan order), launch: func() (process, error) { return running, nil }}
		c.services = append(c.services, s)
		go s.run(ctx)
	}
	go c.serve(ctx, l)
	defer l.Close()

	for _, test := range []struct {
		args string
		code int
		out  string
	}{
		{"status kubelet", 3, "Active: inactive (dead)"},
		{"status firewalld", 4, "Unit firewalld.service could not be found."},
		{"is-active firewalld", 4, "inactive\n"},
		{"is-enabled firewalld", 4, "not-found\n"},
		{"show -p LoadState firewalld", 0, "LoadState=not-found\n"},
		{"start kubelet.service", 0, ""},
		{"status kubelet --no-pager -l", 0, "Main PID: 42 (kubelet)"},
		{"status kubelet", 0, "Loaded: loaded (slipway agent; enabled)"},
		{"is-active containerd kubelet", 3, "inactive\nactive\n"},
		{"disable kubelet", 0, ""},
		{"is-enabled kubelet", 1, "disabled\n"},
		{"enable kubelet", 0, ""},
		{"is-enabled kubelet", 0, "enabled\n"},
		{"show kubelet", 0, "ActiveState=active\nSubState=running\nMainPID=42\n"},
		{"show --property=MainPID,Id --value kubelet", 0, "kubelet.service\n42\n"},
		{"is-system-running", 1, "degraded\n"},
		{"daemon-reload", 0, ""},
		{"--version", 0, "slipway"},
		{"mask kubelet", 1, `"mask" is not supported here`},
		{"start --wait kubelet", 1, `option "--wait" is not supported`},
		{"start", 1, "needs the name of a service"},
		{"", 1, "an order is missing"},
	} {
		t.Run(test.args, func(t *testing.T) {
			var out bytes.Buffer
			s := systemctl{ctx: t.Context(), socket: socket, out: &out, err: &out}
			if code := s.run(strings.Fields(test.args)); code != test.code || !strings.Contains(out.String(), test.out) {
				t.Errorf("code %d, want %d; output %q, want %q", code, test.code, out.String(), test.out)
			}
		})
	}
}

func TestSystemctlWithoutAnAgentSaysSo(t *testing.T) {
	var out bytes.Buffer
	s := systemctl{ctx: t.Context(), socket: filepath.Join(t.TempDir(), "none"), out: &out, err: &out}
	if code := s.run([]string{"start", "kubelet"}); code != 1 || !strings.Contains(out.String(), "connecting to the machine's agent") {
		t.Errorf("%d %s", code, out.String())
	}
}
