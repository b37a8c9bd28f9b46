package image

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-dev/slipway/image/oci"
)

// componentBuilder is one whose store has just what component images are made of.
func componentBuilder(t *testing.T) *builder {
	t.Helper()
	dir := t.TempDir()
	put := func(path, content string) string {
		t.Helper()
		rel, err := filepath.Rel(dir, filepath.Dir(path))
		if err != nil {
			t.Fatal(err)
		}
		if err := makeDir(dir, rel); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, 0o755); err != nil { // whatever the umask
			t.Fatal(err)
		}
		return path
	}
	o := Options{Store: filepath.Join(dir, "store"), Kubernetes: "v1.36.3", Arch: "amd64", Agent: put(filepath.Join(dir, "slipway"), "agent")}
	for _, name := range Components() {
		o.Components = append(o.Components, Component{Name: name, Reference: "registry.example.org/" + name + ":v1"})
	}
	add := func(name, content string) {
		sum := sha256.Sum256([]byte(content))
		digest := hex.EncodeToString(sum[:])
		o.Programs = append(o.Programs, Program{Name: name, Digest: "sha256:" + digest, Path: put(filepath.Join(dir, "blobs", digest), content)})
	}
	for _, name := range append(slices.Clone(kubeLayer.names), "kubelet") {
		add(name, "the program of Kubernetes")
	}
	for _, name := range []string{"containerd", "containerd-shim-runc-v2", "ctr", "runc", "etcd", "etcdctl", "etcdutl", "coredns", "pause", "flanneld"} {
		add(name, name)
	}
	b, err := newBuilder(o)
	if err != nil {
		t.Fatal(err)
	}
	put(filepath.Join(b.layer(b.inputs().tools()), "usr/sbin/nft"), "nft")
	put(filepath.Join(b.layer(b.inputs().base()), certificates), "certificates")
	return b
}

// describe is an image in one line: its layers by their first file, and how it starts.
func describe(t *testing.T, named oci.Named) string {
	t.Helper()
	config, err := named.Image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	var layers []string
	for _, diff := range config.RootFS.DiffIDs {
		layers = append(layers, diff.Hex[:8])
	}
	c := config.Config
	return fmt.Sprintf("%s %s/%s layers=%s entrypoint=%v user=%q env=%v", named.Reference, config.OS, config.Architecture, strings.Join(layers, ","),
		c.Entrypoint, c.User, c.Env)
}

func TestComponentImagesAreReproducibleAndShareLayers(t *testing.T) {
	var runs [2][]string
	layers := map[string][]string{}
	for run := range runs {
		images, err := componentBuilder(t).images()
		if err != nil {
			t.Fatal(err)
		}
		for _, named := range images {
			digest, err := named.Image.Digest()
			if err != nil {
				t.Fatal(err)
			}
			runs[run] = append(runs[run], describe(t, named)+" "+digest.String())
			config, err := named.Image.ConfigFile()
			if err != nil {
				t.Fatal(err)
			}
			name := strings.TrimSuffix(filepath.Base(named.Reference), ":v1")
			layers[name] = nil
			for _, diff := range config.RootFS.DiffIDs {
				layers[name] = append(layers[name], diff.Hex)
			}
		}
	}
	if !slices.Equal(runs[0], runs[1]) {
		t.Errorf("building twice gives different images:\n%s\n%s", strings.Join(runs[0], "\n"), strings.Join(runs[1], "\n"))
	}
	kube := layers["kube-apiserver"]
	for _, name := range []string{"kube-controller-manager", "kube-scheduler"} {
		if !slices.Equal(layers[name], kube) {
			t.Errorf("%s has the layers %v, want those of kube-apiserver", name, layers[name])
		}
	}
	if proxy := layers["kube-proxy"]; len(proxy) != 2 || proxy[0] != layers["flannel"][0] || proxy[1] != kube[0] {
		t.Errorf("kube-proxy has the layers %v, want the tools of flannel and the program of kube-apiserver", proxy)
	}
	golden(t, "components.txt", strings.Join(runs[0], "\n")+"\n")
}

func TestImagesGetTheirIDsAsNames(t *testing.T) {
	images, err := componentBuilder(t).images()
	if err != nil {
		t.Fatal(err)
	}
	named, err := withIDs(images)
	if err != nil {
		t.Fatal(err)
	}
	if len(named) != 2*len(images) {
		t.Errorf("%d images have %d names", len(images), len(named))
	}
	for _, n := range named[len(images):] {
		if !validDigest(n.Reference) {
			t.Errorf("the ID %q is not a digest", n.Reference)
		}
	}
}
