package debian

import (
	"os"
	"path/filepath"
	"testing"
)

func TestConfigureDoesWhatScriptsWould(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"usr/share/base-passwd/passwd.master":       "root:*:0:0:root:/root:/bin/bash\n",
		"usr/share/base-passwd/group.master":        "root:*:0:\n",
		"usr/share/ca-certificates/mozilla/B.crt":   "B",
		"usr/share/ca-certificates/mozilla/A.crt":   "A\n",
		"usr/share/ca-certificates/mozilla/LICENSE": "no",
		"usr/bin/dash": "", "usr/bin/bash": "", "usr/bin/mawk": "",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // it is safe to repeat
		if err := Configure(dir); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{
		"etc/passwd": "root:*:0:0:root:/root:/bin/bash\n", "etc/group": "root:*:0:\n", "etc/machine-id": "", certificateBundle: "A\nB\n",
	} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
			t.Errorf("%s is %q, %v; want %q", name, got, err, want)
		}
	}
	for name, want := range map[string]string{"usr/bin/sh": "dash", "usr/bin/awk": "mawk", "var/run": "../run"} {
		if got, err := os.Readlink(filepath.Join(dir, name)); err != nil || got != want {
			t.Errorf("%s points to %q, %v; want %q", name, got, err, want)
		}
	}
	if info, err := os.Stat(filepath.Join(dir, "tmp")); err != nil || info.Mode()&os.ModeSticky == 0 || info.Mode().Perm() != 0o777 {
		t.Errorf("/tmp is %v, %v", info.Mode(), err)
	}
}
