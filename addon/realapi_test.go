package addon_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"k8s.io/client-go/rest"
)

// realAPI starts etcd and a kube-apiserver for the test and returns at once: the server answers seconds later. The programs are
// named by SLIPWAY_TEST_KUBE (called with kube-apiserver as its first argument) and SLIPWAY_TEST_ETCD.
func realAPI(t *testing.T) *rest.Config {
	t.Helper()
	kube, etcd := os.Getenv("SLIPWAY_TEST_KUBE"), os.Getenv("SLIPWAY_TEST_ETCD")
	if kube == "" || etcd == "" {
		t.Skip("SKIPPED: SLIPWAY_TEST_KUBE and SLIPWAY_TEST_ETCD do not name the programs for a real API server")
	}
	dir := t.TempDir()
	client, peer, secure := freePort(t), freePort(t), freePort(t)
	start(t, etcd, "--data-dir="+filepath.Join(dir, "etcd"), "--unsafe-no-fsync", "--logger=zap", "--log-level=error",
		"--listen-client-urls=http://"+client, "--advertise-client-urls=http://"+client,
		"--listen-peer-urls=http://"+peer, "--initial-advertise-peer-urls=http://"+peer, "--initial-cluster=default=http://"+peer)

	tokens := filepath.Join(dir, "tokens.csv")
	write(t, tokens, []byte("for-the-test,admin,1,system:masters\n"))
	key := filepath.Join(dir, "sa.key")
	write(t, key, newKey(t))
	_, port, _ := net.SplitHostPort(secure)
	start(t, kube, "kube-apiserver", "--etcd-servers=http://"+client, "--bind-address=127.0.0.1", "--secure-port="+port,
		"--cert-dir="+filepath.Join(dir, "certs"), "--token-auth-file="+tokens, "--authorization-mode=RBAC",
		"--service-account-issuer=https://test", "--service-account-key-file="+key, "--service-account-signing-key-file="+key,
		"--service-cluster-ip-range=10.96.0.0/12", "--endpoint-reconciler-type=none", "--allow-privileged=true")
	return &rest.Config{Host: "https://" + secure, BearerToken: "for-the-test", TLSClientConfig: rest.TLSClientConfig{Insecure: true}}
}

// start runs a program until the test ends, and shows what it said if the test failed.
func start(t *testing.T, path string, args ...string) {
	t.Helper()
	var said bytes.Buffer
	cmd := exec.CommandContext(context.Background(), path, args...)
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt)
		timer := time.AfterFunc(10*time.Second, func() { cmd.Process.Kill() })
		cmd.Wait()
		timer.Stop()
		if t.Failed() {
			text := said.Bytes()
			t.Logf("the end of what %s said:\n%s", filepath.Base(path), text[max(0, len(text)-3000):])
		}
	})
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func newKey(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
}
