//go:build linux

package host_test

import (
	"net"
	"path/filepath"
	"testing"

	"github.com/slipway-dev/slipway/host"
	"github.com/slipway-dev/slipway/host/hosttest"
)

const probe = `#!/bin/sh
what=$1; shift
case $what in
args) for word; do printf '%s\n' "$word"; done ;;
env) eval "printf '%s\n' \"\$$1\"" ;;
dir) pwd ;;
cat) cat ;;
fail) echo half; echo bad luck >&2; exit "$1" ;;
hang) sleep 60 & wait ;;
esac
`

func TestRealMachineConforms(t *testing.T) {
	hosttest.Conformance(t, func(t *testing.T) hosttest.Subject {
		dir, err := filepath.EvalSymlinks(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		program := filepath.Join(t.TempDir(), "probe")
		if err := (host.Local{}).WriteFile(program, []byte(probe), 0o755); err != nil {
			t.Fatal(err)
		}
		return hosttest.Subject{Host: host.Local{}, Dir: dir, Probe: program, Listen: listen}
	})
}

func listen(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l.Addr().(*net.TCPAddr).Port
}
