//go:build e2e

package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// testImageName is the image of the pods that tests run: upstream's agnhost on the machine image's base packages.
const testImageName = "slipway.dev/e2e/agnhost:test"

// loadTestImage brings the test image to a cluster's machine and returns its name.
func loadTestImage(t *testing.T, cluster string) string {
	t.Helper()
	archive, err := os.ReadFile(testImage(t))
	check(t, err, "reading the test image")
	r := runInput(t, archive, "shell", cluster+"-control-plane-1", "--", "ctr", "--namespace", "k8s.io", "images", "import", "-")
	if r.status != 0 {
		t.Fatalf("importing the test image: %s%s", r.stdout, r.stderr)
	}
	return testImageName
}

var testImagePath = struct {
	sync.Once
	path string
}{}

// testImage builds the image archive once.
func testImage(t *testing.T) string {
	t.Helper()
	testImagePath.Do(func() {
		dir, err := os.MkdirTemp("", "slipway-e2e-")
		check(t, err, "making a directory")
		root := filepath.Join(dir, "root")
		check(t, os.CopyFS(root, os.DirFS(baseLayer(t))), "copying the base packages")
		buildAgnhost(t, filepath.Join(root, "agnhost"))
		layerPath := filepath.Join(dir, "layer.tar")
		tar := exec.Command("tar", "-C", root, "-cf", layerPath, ".")
		if out, err := tar.CombinedOutput(); err != nil {
			t.Fatalf("packing the layer: %v\n%s", err, out)
		}
		layer, err := tarball.LayerFromFile(layerPath)
		check(t, err, "reading the layer")
		image, err := mutate.AppendLayers(empty.Image, layer)
		check(t, err, "making the image")
		image, err = mutate.Config(image, v1.Config{Env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}})
		check(t, err, "configuring the image")
		image, err = mutate.ConfigFile(image, withPlatform(t, image))
		check(t, err, "naming the platform")
		reference, err := name.NewTag(testImageName)
		check(t, err, "naming the image")
		testImagePath.path = filepath.Join(dir, "image.tar")
		check(t, tarball.WriteToFile(testImagePath.path, reference, image), "writing the image")
	})
	return testImagePath.path
}

func withPlatform(t *testing.T, image v1.Image) *v1.ConfigFile {
	t.Helper()
	config, err := image.ConfigFile()
	check(t, err, "reading the image's configuration")
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", "amd64"
	return config
}

// baseLayer returns the directory of the machine image's base packages.
func baseLayer(t *testing.T) string {
	t.Helper()
	var images struct {
		Images []struct {
			LowerDirs []string `json:"lowerDirs"`
		} `json:"images"`
	}
	check(t, json.Unmarshal([]byte(must(t, "image", "list", "-o", "json")), &images), "listing images")
	if len(images.Images) == 0 {
		t.Fatal("there is no machine image")
	}
	dirs := images.Images[0].LowerDirs
	return dirs[len(dirs)-1]
}

func buildAgnhost(t *testing.T, path string) {
	t.Helper()
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, "k8s.io/kubernetes/test/images/agnhost")
	build.Dir = "../dist/testing"
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("compiling agnhost: %v\n%s", err, out)
	}
}
