//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestBadDays is what goes wrong before a cluster is there: each gets one line with what and why, a hint, status 1, and leaves
// nothing half-made.
func TestBadDays(t *testing.T) {
	must(t, "release", "build")
	must(t, "image", "build")
	before := observeHost(t)
	refused := func(t *testing.T, r result, want ...string) {
		t.Helper()
		if r.status != 1 {
			t.Errorf("status %d, want 1\n%s%s", r.status, r.stdout, r.stderr)
		}
		for _, w := range append(want, "error: ", "hint: ") {
			if !strings.Contains(r.stderr, w) {
				t.Errorf("%q does not mention %q", r.stderr, w)
			}
		}
	}

	t.Run("a port in use", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		check(t, err, "listening")
		defer l.Close()
		port := fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
		refused(t, run(t, "up", "e2e-port", "--api-port", port), port, "in use", "--api-port")
		if list := must(t, "list", "-o", "json"); strings.Contains(list, "e2e-port") {
			t.Errorf("a cluster is half made: %s", list)
		}
	})
	t.Run("not root", func(t *testing.T) {
		public := filepath.Join(t.TempDir(), "slipway") // a directory that others can enter
		check(t, os.Chmod(filepath.Dir(public), 0o755), "opening the directory")
		check(t, os.Chmod(filepath.Dir(filepath.Dir(public)), 0o755), "opening the directory")
		data, err := os.ReadFile(slipway)
		check(t, err, "reading slipway")
		check(t, os.WriteFile(public, data, 0o755), "copying slipway")
		out, err := exec.Command("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", public, "up").CombinedOutput()
		if err == nil {
			t.Error("up succeeded")
		}
		for _, want := range []string{"error: not root", "hint:  sudo"} {
			if !strings.Contains(string(out), want) {
				t.Errorf("%q does not mention %q", out, want)
			}
		}
	})
	t.Run("an unreachable mirror", func(t *testing.T) {
		started := time.Now()
		refused(t, run(t, "image", "build", "--update", "--mirror", "http://127.0.0.1:9/debian bookworm"), "127.0.0.1:9")
		if took := time.Since(started); took > 20*time.Second {
			t.Errorf("it took %v to say so", took)
		}
	})
	t.Run("a corrupt store entry is rebuilt", func(t *testing.T) {
		pause := strings.TrimSpace(must(t, "release", "path", "pause"))
		good, err := os.ReadFile(pause)
		check(t, err, "reading pause")
		// The store's files are links to one inode, so damage is done the way disks do it: in place.
		check(t, os.WriteFile(pause, good[:len(good)/2], 0o755), "damaging pause")
		r := run(t, "release", "build")
		if r.status != 0 {
			t.Fatalf("status %d: %s%s", r.status, r.stdout, r.stderr)
		}
		mended, err := os.ReadFile(strings.TrimSpace(must(t, "release", "path", "pause")))
		check(t, err, "reading pause")
		if string(mended) != string(good) {
			t.Error("the program is not as it was")
		}
	})
	t.Run("a bundle carries a release to a machine without network, and a damaged one is refused", func(t *testing.T) {
		dir := t.TempDir()
		bundle, home := filepath.Join(dir, "bundle.tar"), filepath.Join(dir, "home")
		must(t, "release", "export", "--file", bundle)
		must(t, "release", "import", bundle, "--home", home)
		var here, there struct{ Releases []json.RawMessage }
		check(t, json.Unmarshal([]byte(must(t, "release", "list", "-o", "json")), &here), "reading the list")
		check(t, json.Unmarshal([]byte(must(t, "release", "list", "-o", "json", "--home", home)), &there), "reading the list")
		if len(there.Releases) != 1 || len(here.Releases) != 1 {
			t.Fatalf("%d and %d releases, want one in each store", len(here.Releases), len(there.Releases))
		}

		f, err := os.OpenFile(bundle, os.O_RDWR, 0)
		check(t, err, "opening the bundle")
		_, err = f.WriteAt([]byte("damage"), 200<<20)
		check(t, err, "damaging the bundle")
		check(t, f.Close(), "closing the bundle")
		refused(t, run(t, "release", "import", bundle, "--home", filepath.Join(dir, "other")), "sha256:")
	})
	t.Run("nothing is left", func(t *testing.T) {
		eventually(t, 10*time.Second, "the host is as it was", func() error { return before.compare(observeHost(t)) })
	})
}

// TestDoctorFindsThisHostGood says in which way a host that runs the other tests is not.
func TestDoctorFindsThisHostGood(t *testing.T) {
	if r := run(t, "doctor"); r.status != 0 || !strings.Contains(r.stdout, "cgroups") {
		t.Errorf("status %d\n%s%s", r.status, r.stdout, r.stderr)
	}
}
