package image

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patientContainerd is one whose ctr writes its process number to the returned pipe and then waits for ever, as the real one
// does when containerd is gone.
func patientContainerd(t *testing.T) (c *containerd, said *bufio.Reader) {
	t.Helper()
	dir := t.TempDir()
	fifo := filepath.Join(dir, "said")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	ctr := filepath.Join(dir, "ctr")
	if err := os.WriteFile(ctr, []byte("#!/bin/sh\nexec 9>"+fifo+"\necho $$ >&9\nexec /bin/sleep 1000\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	// For writing too, so that opening it does not wait for ctr.
	f, err := os.OpenFile(fifo, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return &containerd{ctr: ctr, dir: dir, log: filepath.Join(dir, "log"), ended: make(chan struct{})}, bufio.NewReader(f)
}

func TestImportingEndsWhenContainerdDies(t *testing.T) {
	c, said := patientContainerd(t)
	c.result = errors.New("signal: killed")
	result := make(chan error, 1)
	go func() { result <- c.run(t.Context(), nil, "images", "import") }()
	if _, err := said.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	close(c.ended)
	if err := <-result; err == nil || !strings.Contains(err.Error(), "containerd ended") {
		t.Errorf("got %v, want that containerd ended", err)
	}
}

// dyingEnv makes the test binary the process that is killed while it imports.
const dyingEnv = "SLIPWAY_TEST_CTR"

func TestImportingEndsWithTheProcessThatAskedForIt(t *testing.T) {
	if ctr := os.Getenv(dyingEnv); ctr != "" {
		c := &containerd{ctr: ctr, dir: filepath.Dir(ctr), ended: make(chan struct{})}
		t.Fatal(c.run(t.Context(), nil, "images", "import"))
	}
	c, said := patientContainerd(t)
	self := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	self.Env = append(os.Environ(), dyingEnv+"="+c.ctr)
	if err := self.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := said.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	if err := self.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = self.Wait() // it was killed
	running := filepath.Join("/proc", strings.TrimSpace(line), "cmdline")
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		if command, err := os.ReadFile(running); err != nil || len(command) == 0 { // an ended one that nobody has reaped has none
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("ctr is still there")
		}
	}
}
