package image_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipway-dev/slipway/image"
	"github.com/slipway-dev/slipway/image/debian/debiantest"
	"github.com/slipway-dev/slipway/image/oci"
)

// localOptions describes an image from a local archive in which each package is one small file, without component images.
func localOptions(t *testing.T) image.Options {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("machine images are built on Linux only")
	}
	var packages []debiantest.Package
	for _, name := range image.PackageNames() {
		packages = append(packages, debiantest.Package{Name: name, Version: "1", Files: map[string]string{"usr/bin/" + name: "#!" + name}})
	}
	archive := debiantest.New(t, packages...)
	dir := t.TempDir()
	o := image.Options{
		Store: filepath.Join(dir, "store"), Kubernetes: "v1.36.3", Arch: "amd64", Agent: filepath.Join(dir, "slipway"),
		Mirror: "file:" + archive.Dir + " testing", Keyring: archive.Keyring,
	}
	write(t, o.Agent, "agent")
	for _, name := range []string{"kubelet", "containerd", "containerd-shim-runc-v2", "ctr", "runc", "cni/bridge", "kube-proxy"} {
		content := "program " + name
		sum := sha256.Sum256([]byte(content))
		path := filepath.Join(dir, "blobs", hex.EncodeToString(sum[:]))
		write(t, path, content)
		o.Programs = append(o.Programs, image.Program{Name: name, Digest: "sha256:" + filepath.Base(path), Path: path})
	}
	return o
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
}

func build(t *testing.T, o image.Options) image.Machine {
	t.Helper()
	m, err := image.Build(t.Context(), o, nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func steps(t *testing.T, o image.Options) []string {
	t.Helper()
	p, err := image.Plan(o)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, s := range p.Steps {
		names = append(names, strings.TrimPrefix(s.ID, "image/"))
	}
	return names
}

func TestBuildMakesWhatIsMissing(t *testing.T) {
	o := localOptions(t)
	if m, err := image.Current(o); err != nil || m.Built || m.Digest != "" {
		t.Errorf("before the build the image is %+v, %v", m, err)
	}
	if got, want := steps(t, o), []string{"packages", "base", "tools", "release", "agent", "state", "record"}; !slices.Equal(got, want) {
		t.Errorf("the first plan is %v, want %v", got, want)
	}
	m := build(t, o)
	if !m.Built {
		t.Errorf("after the build the image is %+v", m)
	}
	for i, file := range []string{"usr/bin/slipway", "usr/bin/kubelet", "usr/bin/bash"} {
		if _, err := os.Stat(filepath.Join(m.LowerDirs[i], file)); err != nil {
			t.Errorf("layer %d: %v", i, err)
		}
	}
	release := m.LowerDirs[1]
	if _, err := os.Stat(filepath.Join(release, "opt/cni/bin/bridge")); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(release, "usr/bin/kube-proxy")); err == nil {
		t.Error("a program of container images is in the machine")
	}
	blob, err := os.Stat(o.Programs[0].Path)
	if err != nil {
		t.Fatal(err)
	}
	if linked, err := os.Stat(filepath.Join(release, "usr/bin/kubelet")); err != nil || !os.SameFile(blob, linked) {
		t.Errorf("the kubelet is not a link to the store: %v", err)
	}
	if to, err := os.Readlink(filepath.Join(m.LowerDirs[0], "usr/bin/kubeadm")); err != nil || to != "slipway" {
		t.Errorf("kubeadm points to %q, %v", to, err)
	}
	if got := steps(t, o); len(got) > 0 {
		t.Errorf("after the build the plan is %v", got)
	}
	if again := build(t, o); again.Digest != m.Digest {
		t.Errorf("building again gives %s, want %s", again.Digest, m.Digest)
	}
}

func TestNobodyElseCanStartTheProgramsOfALayer(t *testing.T) {
	o := localOptions(t)
	m := build(t, o)
	for _, dir := range append(slices.Clone(m.LowerDirs), filepath.Dir(m.StateDir)) {
		info, err := os.Stat(filepath.Dir(dir))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o700 {
			t.Errorf("%s has the mode %v", filepath.Dir(dir), info.Mode())
		}
	}
}

func TestAnUpperLayerHidesNothingOfALowerOne(t *testing.T) {
	m := build(t, localOptions(t))
	base := m.LowerDirs[2]
	for _, layer := range m.LowerDirs[:2] {
		entries, err := os.ReadDir(layer)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if below, err := os.Lstat(filepath.Join(base, e.Name())); err == nil && !below.IsDir() {
				t.Errorf("%q hides %v of the base", e.Name(), below.Mode())
			}
		}
	}
}

func TestAChangedAgentRebuildsOnlyTheAgent(t *testing.T) {
	o := localOptions(t)
	before := build(t, o)
	write(t, o.Agent, "a newer agent")
	if got, want := steps(t, o), []string{"agent", "record"}; !slices.Equal(got, want) {
		t.Errorf("the plan is %v, want %v", got, want)
	}
	after := build(t, o)
	if after.Digest == before.Digest || after.StateDir != before.StateDir || !slices.Equal(after.LowerDirs[1:], before.LowerDirs[1:]) {
		t.Errorf("before: %+v\nafter: %+v", before, after)
	}
}

func TestTwoStoresGetTheSameDigest(t *testing.T) {
	o := localOptions(t)
	one := build(t, o)
	for i := range o.Programs { // hard links in two stores would do, but these are other files
		path := filepath.Join(t.TempDir(), "program")
		data, err := os.ReadFile(o.Programs[i].Path)
		if err != nil {
			t.Fatal(err)
		}
		write(t, path, string(data))
		o.Programs[i].Path = path
	}
	o.Store = filepath.Join(t.TempDir(), "store")
	slices.Reverse(o.Programs)
	two := build(t, o)
	if two.Digest != one.Digest {
		t.Errorf("the digests are %s and %s", one.Digest, two.Digest)
	}
	// The digest is that of what goes in. What comes out must be the same, too.
	for i := range one.LowerDirs {
		if a, b := contentOf(t, one.LowerDirs[i]), contentOf(t, two.LowerDirs[i]); a != b {
			t.Errorf("the layers %s and %s have the contents %s and %s", one.LowerDirs[i], two.LowerDirs[i], a, b)
		}
	}
}

// contentOf is the digest of all files of a layer, with their names, owners and modes.
func contentOf(t *testing.T, dir string) string {
	t.Helper()
	entries, err := oci.Tree(dir)
	if err != nil {
		t.Fatal(err)
	}
	layer, err := oci.NewLayer(entries)
	if err != nil {
		t.Fatal(err)
	}
	digest, err := layer.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return digest.String()
}

func TestALostPartIsMadeAgain(t *testing.T) {
	o := localOptions(t)
	m := build(t, o)
	if err := os.RemoveAll(m.LowerDirs[1]); err != nil {
		t.Fatal(err)
	}
	if now, err := image.Current(o); err != nil || now.Built {
		t.Errorf("an image without a layer is %+v, %v", now, err)
	}
	if list, err := image.List(o.Store); err != nil || len(list) > 0 {
		t.Errorf("an image without a layer is listed: %v, %v", list, err)
	}
	if again := build(t, o); again.Digest != m.Digest || !again.Built {
		t.Errorf("built again it is %+v", again)
	}
}

func TestADamagedProgramIsNotBuiltIn(t *testing.T) {
	o := localOptions(t)
	write(t, o.Programs[0].Path, "damaged kubelet")
	_, err := image.Build(t.Context(), o, nil)
	if err == nil || !strings.Contains(err.Error(), `program "kubelet" of the release is damaged`) {
		t.Errorf("the error is %v", err)
	}
	if m, err := image.Current(o); err != nil || m.Built {
		t.Errorf("the image is %+v, %v", m, err)
	}
}

func TestLookingChangesNothing(t *testing.T) {
	o := localOptions(t)
	if _, err := image.Current(o); err != nil {
		t.Fatal(err)
	}
	if _, err := image.Plan(o); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(o.Store); err == nil {
		t.Error("the store was made")
	}
}

func TestUpdateChoosesNewerPackages(t *testing.T) {
	o := localOptions(t)
	before := build(t, o)
	var packages []debiantest.Package
	for _, name := range image.PackageNames() {
		packages = append(packages, debiantest.Package{Name: name, Version: "2", Files: map[string]string{"usr/bin/" + name: "#!newer"}})
	}
	archive := debiantest.New(t, packages...)
	o.Mirror, o.Keyring = "file:"+archive.Dir+" testing", archive.Keyring
	if m, err := image.Current(o); err != nil || m.Digest != before.Digest || !m.Built {
		t.Errorf("without asking for an update the image is %+v, %v", m, err)
	}
	o.Update = true
	after := build(t, o)
	if after.Digest == before.Digest || !after.Built || after.LowerDirs[1] != before.LowerDirs[1] {
		t.Errorf("before: %+v\nafter: %+v", before, after)
	}
	if again := build(t, o); again.Digest != after.Digest {
		t.Errorf("an update without news gives %+v", again)
	}
}

func TestAMirrorThatIsNotThereIsNamed(t *testing.T) {
	o := localOptions(t)
	o.Mirror = "http://127.0.0.1:1/debian testing"
	begin := time.Now()
	_, err := image.Build(t.Context(), o, nil)
	if err == nil || !strings.Contains(err.Error(), "127.0.0.1:1") || time.Since(begin) > 5*time.Second {
		t.Errorf("after %s the error is %v", time.Since(begin), err)
	}
	if entries, _ := filepath.Glob(filepath.Join(o.Store, "layers", "*unfinished*")); len(entries) > 0 {
		t.Errorf("left over: %v", entries)
	}
}

func TestCurrentTakesMilliseconds(t *testing.T) {
	o := localOptions(t)
	build(t, o)
	begin := time.Now()
	if _, err := image.Current(o); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); took > 100*time.Millisecond { // it takes one; the bound is for a machine that is busy
		t.Errorf("it took %s", took)
	}
}

func TestRemoveTakesOnlyWhatNoOtherImageHas(t *testing.T) {
	o := localOptions(t)
	first := build(t, o)
	write(t, o.Agent, "a newer agent")
	second := build(t, o)
	if list, err := image.List(o.Store); err != nil || len(list) != 2 {
		t.Fatalf("listed: %v, %v", list, err)
	}
	write(t, filepath.Join(o.Store, "layers", ".unfinished-x", "file"), "left by an interrupted build")
	if err := image.Remove(o.Store, first.Digest); err != nil {
		t.Fatal(err)
	}
	list, err := image.List(o.Store)
	if err != nil || len(list) != 1 || list[0].Digest != second.Digest {
		t.Errorf("left: %v, %v", list, err)
	}
	if _, err := os.Stat(first.LowerDirs[0]); err == nil {
		t.Error("the removed image's agent is still there")
	}
	if entries, _ := filepath.Glob(filepath.Join(o.Store, "layers", ".unfinished-*")); len(entries) > 0 {
		t.Errorf("left over: %v", entries)
	}
	if err := image.Remove(o.Store, "../../x"); err == nil {
		t.Error("a path was taken for a digest")
	}
	if removed, err := image.Prune(o.Store, func(image.Image) bool { return false }); err != nil || len(removed) != 6 {
		t.Errorf("removing all took %v, %v", removed, err)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for want, change := range map[string]func(*image.Options){
		"no store":                    func(o *image.Options) { o.Store = "" },
		`architecture "mips"`:         func(o *image.Options) { o.Arch = "mips" },
		`no program "runc"`:           func(o *image.Options) { o.Programs = o.Programs[:4] },
		`no component "x"`:            func(o *image.Options) { o.Components = []image.Component{{Name: "x", Reference: "x"}} },
		`needs the program "pause"`:   func(o *image.Options) { o.Components = []image.Component{{Name: "pause", Reference: "x"}} },
		`"kubelet" is given twice`:    func(o *image.Options) { o.Programs = append(o.Programs, o.Programs[0]) },
		"needs a name":                func(o *image.Options) { o.Programs[0].Name = "../x" },
		"reading the agent's program": func(o *image.Options) { o.Agent = "/nonexistent" },
	} {
		o := localOptions(t)
		change(&o)
		if _, err := image.Current(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, want one with %q", err, want)
		}
	}
}
