package cloudconfig

import (
	"context"
	"errors"
	"path"
	"strings"
	"testing"

	"github.com/slipway-dev/slipway/host"
	"github.com/slipway-dev/slipway/host/hosttest"
)

// machine applies to a machine in memory.
type machine struct{ *hosttest.Host }

func (m machine) SetHostname(name string) error {
	m.Host.SetHostname(name)
	return nil
}

func (m machine) PutFile(f File) error {
	if err := m.MkdirAll(path.Dir(f.Path), 0o755); err != nil {
		return err
	}
	return m.WriteFile(f.Path, f.Content, f.Mode)
}

func (m machine) Run(ctx context.Context, c Command) error {
	_, err := m.Exec(ctx, host.Command{Path: "sh", Args: []string{"-c", c.Shell}})
	return err
}

func TestApplyingGoesInOrderAndStopsAtTheFirstFailure(t *testing.T) {
	h := hosttest.New()
	h.Install("sh", func(_ context.Context, p *hosttest.Process) int {
		if p.Args[1] == "bad --token=abc" {
			return 7
		}
		return 0
	})
	c := &Config{
		Hostname: "cp-1",
		Files:    []File{{Path: "/run/kubeadm/kubeadm.yaml", Content: []byte("x"), Mode: 0o640}},
		Commands: []Command{{Shell: "good", Line: 3}, {Shell: "bad --token=abc", Line: 4}, {Shell: "never", Line: 5}},
	}
	err := c.Apply(t.Context(), machine{h})
	var exit *host.ExitError
	if !errors.As(err, &exit) || !strings.HasPrefix(err.Error(), "running command 2 of 3 (user data line 4): ") || strings.Contains(err.Error(), "token") {
		t.Errorf("got %v", err)
	}
	if calls := h.Calls(); len(calls) != 2 {
		t.Errorf("ran %v", calls)
	}
	if name, _ := h.Hostname(); name != "cp-1" || h.Get("/run/kubeadm/kubeadm.yaml") != "x" {
		t.Errorf("hostname %q, tree %v", name, h.Tree("/run"))
	}
}

func TestApplyingStopsBetweenCommandsWhenCancelled(t *testing.T) {
	h := hosttest.New()
	ctx, cancel := context.WithCancel(t.Context())
	h.Install("sh", func(context.Context, *hosttest.Process) int { cancel(); return 0 })
	err := (&Config{Commands: []Command{{Shell: "a"}, {Shell: "b"}}}).Apply(ctx, machine{h})
	if !errors.Is(err, context.Canceled) || len(h.Calls()) != 1 {
		t.Errorf("got %v after %v", err, h.Calls())
	}
}
