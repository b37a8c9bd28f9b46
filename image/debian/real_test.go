package debian_test

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/slipway-dev/slipway/image/debian"
)

// TestRealArchive resolves, fetches and unpacks from the archive that this host uses. It needs the network and is asked
// for by SLIPWAY_TEST_NETWORK=1.
func TestRealArchive(t *testing.T) {
	if os.Getenv("SLIPWAY_TEST_NETWORK") == "" {
		t.Skip("needs the network: set SLIPWAY_TEST_NETWORK=1")
	}
	begin := time.Now()
	lap := func(what string) { t.Log(what, time.Since(begin)); begin = time.Now() }
	sources, reason, err := debian.HostSources("/")
	if err != nil {
		t.Fatal(err)
	}
	t.Log(sources, "from", reason)
	client := debian.NewClient(t.TempDir(), debian.HostApt(t.Context()))
	lock, err := client.Lock(t.Context(), sources, "amd64", map[string]debian.Request{
		"tools": {Packages: []string{"bash", "coreutils", "nftables", "base-files", "base-passwd"}, Without: []string{"debconf", "init-system-helpers"}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	lap("resolved")
	for _, p := range lock.Packages {
		t.Log(p.Name, p.Version, p.Size)
	}
	paths, err := client.Fetch(t.Context(), lock, lock.Packages, nil)
	if err != nil {
		t.Fatal(err)
	}
	lap("fetched")
	root := t.TempDir()
	keep := func(name string) bool { return !debian.Unneeded(name) }
	if err := debian.Unpack(t.Context(), lock.Packages, paths, root, keep, nil); err != nil {
		t.Fatal(err)
	}
	if err := debian.Configure(root); err != nil {
		t.Fatal(err)
	}
	lap("unpacked")
	out, err := exec.Command("chroot", root, "/bin/bash", "-c", "nft --version; ls -l /bin/sh; id root").CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatal(err)
	}
}
