package debian

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-dev/slipway/image/debian/debiantest"
)

func TestASourceIsSignedByTheKeysThatItNamesOnly(t *testing.T) {
	var ring []byte
	for range 2 {
		data, err := os.ReadFile(debiantest.New(t).Keyring)
		if err != nil {
			t.Fatal(err)
		}
		ring = append(ring, data...)
	}
	root := t.TempDir()
	file := filepath.Join(root, "usr/share/keyrings/debian-archive-keyring.gpg")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, ring, 0o600); err != nil {
		t.Fatal(err)
	}
	all, err := keyringFor(root, Source{})
	if err != nil || len(all) != 2 {
		t.Fatalf("%d keys, %v", len(all), err)
	}
	second := strings.ToUpper(hex.EncodeToString(all[1].PrimaryKey.Fingerprint))
	for _, named := range []string{second, second + "!", strings.ToLower(second)} {
		keys, err := keyringFor(root, Source{SignedBy: named})
		if err != nil || len(keys) != 1 || keys[0].PrimaryKey.KeyId != all[1].PrimaryKey.KeyId {
			t.Errorf("%s: %d keys, %v", named, len(keys), err)
		}
	}
	unknown := strings.Repeat("0", len(second))
	if _, err := keyringFor(root, Source{SignedBy: unknown}); err == nil || !strings.Contains(err.Error(), unknown) {
		t.Errorf("a key that is in no keyring: %v", err)
	}
}
