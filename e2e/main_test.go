//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// slipway is the program under test, built by make.
var slipway string

func TestMain(m *testing.M) {
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		fmt.Println("SKIPPED ALL OF e2e: real clusters need Linux and root; run `make e2e` as root on a Linux machine")
		os.Exit(0)
	}
	path, err := filepath.Abs("../bin/slipway")
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		fmt.Println("bin/slipway is missing, run `make build` first:", err)
		os.Exit(1)
	}
	slipway = path
	os.Exit(m.Run())
}

// result is how a command ended.
type result struct {
	stdout, stderr string
	status         int
	took           time.Duration
}

// run runs slipway and fails the test when it cannot be started at all.
func run(t *testing.T, args ...string) result {
	t.Helper()
	return runInput(t, nil, args...)
}

func runInput(t *testing.T, stdin []byte, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 40*time.Minute) // a cold compile takes most of it
	defer cancel()
	cmd := exec.CommandContext(ctx, slipway, args...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stdin), &out, &errs
	started := time.Now()
	err := cmd.Run()
	if cmd.ProcessState == nil {
		t.Fatalf("slipway %s: %v", strings.Join(args, " "), err)
	}
	return result{out.String(), errs.String(), cmd.ProcessState.ExitCode(), time.Since(started)}
}

// must runs slipway, fails the test unless it succeeds, and returns its standard output.
func must(t *testing.T, args ...string) string {
	t.Helper()
	r := run(t, args...)
	if r.status != 0 {
		t.Fatalf("slipway %s: status %d\n%s%s", strings.Join(args, " "), r.status, r.stdout, r.stderr)
	}
	return r.stdout
}

// kubectl runs kubectl against a cluster and returns its standard output.
func kubectl(t *testing.T, cluster string, args ...string) string {
	t.Helper()
	return must(t, append([]string{"kubectl", "--cluster", cluster}, args...)...)
}

// apply applies a manifest.
func apply(t *testing.T, cluster, manifest string) {
	t.Helper()
	r := runInput(t, []byte(manifest), "kubectl", "--cluster", cluster, "apply", "-f", "-")
	if r.status != 0 {
		t.Fatalf("applying: %s%s", r.stdout, r.stderr)
	}
}

// eventually runs check until it returns nil, and fails the test with its last error when that takes longer than limit.
func eventually(t *testing.T, limit time.Duration, what string, check func() error) {
	t.Helper()
	deadline := time.Now().Add(limit)
	tick := time.NewTicker(200 * time.Millisecond) // other processes' doings: there is no event to wait for
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v: %v", what, limit, err)
		}
		<-tick.C
	}
}

// up makes a cluster and removes it when the test has ended.
func up(t *testing.T, cluster string) result {
	t.Helper()
	t.Cleanup(func() { remove(t, cluster) })
	r := run(t, "up", cluster)
	if r.status != 0 {
		t.Fatalf("slipway up %s: status %d\n%s%s", cluster, r.status, r.stdout, r.stderr)
	}
	t.Logf("slipway up %s took %v\n%s", cluster, r.took.Round(10*time.Millisecond), r.stderr)
	return r
}

func remove(t *testing.T, cluster string) {
	if t.Failed() && os.Getenv("SLIPWAY_E2E_KEEP") != "" {
		t.Logf("cluster %s is kept", cluster)
		return
	}
	if r := run(t, "down", cluster); r.status != 0 {
		t.Errorf("slipway down %s: %s%s", cluster, r.stdout, r.stderr)
	}
}
