package hosttest_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/slipway-dev/slipway/host"
	"github.com/slipway-dev/slipway/host/hosttest"
)

func TestMachineInMemoryConforms(t *testing.T) {
	hosttest.Conformance(t, func(t *testing.T) hosttest.Subject {
		h := hosttest.New()
		h.Install("/test/probe", probe)
		if err := h.MkdirAll("/test/dir", 0o755); err != nil {
			t.Fatal(err)
		}
		return hosttest.Subject{Host: h, Dir: "/test/dir", Probe: "/test/probe", Listen: func(*testing.T) int {
			h.Listen(6443)
			return 6443
		}}
	})
}

func probe(ctx context.Context, p *hosttest.Process) int {
	switch p.Args[0] {
	case "args":
		for _, word := range p.Args[1:] {
			fmt.Fprintln(p.Stdout, word)
		}
	case "env":
		for _, env := range p.Env {
			if name, value, _ := strings.Cut(env, "="); name == p.Args[1] {
				fmt.Fprintln(p.Stdout, value)
			}
		}
	case "dir":
		fmt.Fprintln(p.Stdout, p.Dir)
	case "cat":
		if _, err := bufio.NewReader(p.Stdin).WriteTo(p.Stdout); err != nil {
			return 1
		}
	case "fail":
		fmt.Fprintln(p.Stdout, "half")
		fmt.Fprintln(p.Stderr, "bad luck")
		status, _ := strconv.Atoi(p.Args[1])
		return status
	case "hang":
		<-ctx.Done()
		return 137
	}
	return 0
}

func TestProgramsWorkOnTheirMachine(t *testing.T) {
	h := hosttest.New()
	h.Install("touch", func(_ context.Context, p *hosttest.Process) int {
		if err := p.Host.WriteFile(p.Args[0], nil, 0o644); err != nil {
			fmt.Fprintln(p.Stderr, err)
			return 1
		}
		return 0
	})
	if _, err := h.Exec(t.Context(), host.Command{Path: "touch", Args: []string{"/etc/new"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Stat("/etc/new"); err != nil {
		t.Error(err)
	}
	if got := h.Calls()[0].String(); got != "touch /etc/new" {
		t.Errorf("call noted as %q", got)
	}
	if err := h.Remove("/usr/bin/touch"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Exec(t.Context(), host.Command{Path: "touch"}); err == nil {
		t.Error("a program ran whose file was removed")
	}
}

func TestHookStopsOperationsBeforeTheyHappen(t *testing.T) {
	full := errors.New("disk full")
	h := hosttest.New()
	h.Put("/etc/file", "old", 0o600)
	h.Before(func(op hosttest.Op) error {
		if op == (hosttest.Op{Name: "write", Path: "/etc/file"}) {
			return full
		}
		return nil
	})
	if err := h.WriteFile("/etc/file", []byte("new"), 0o600); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
	if got := h.Get("/etc/file"); got != "old" {
		t.Errorf("file holds %q", got)
	}
	h.Before(nil)
	if err := h.WriteFile("/etc/file", []byte("new"), 0o600); err != nil {
		t.Error(err)
	}
}

func TestTreeListsForGoldenFiles(t *testing.T) {
	h := hosttest.New()
	h.Put("/etc/kubernetes/pki/ca.key", "secret", 0o600)
	if err := h.Symlink("pki", "/etc/kubernetes/link"); err != nil {
		t.Fatal(err)
	}
	want := "Lrwxrwxrwx /etc/kubernetes/link -> pki\ndrwxr-xr-x /etc/kubernetes/pki\n-rw------- /etc/kubernetes/pki/ca.key"
	if got := strings.Join(h.Tree("/etc/kubernetes"), "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestRunsRepeat(t *testing.T) {
	draw := func() string {
		h := hosttest.New()
		h.Advance(time.Hour)
		p := make([]byte, 8)
		if _, err := io.ReadFull(h.Rand(), p); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%x %v", p, h.Now())
	}
	if a, b := draw(), draw(); a != b {
		t.Errorf("%s, then %s", a, b)
	}
}
