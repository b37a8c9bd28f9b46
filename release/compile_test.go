package release

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-dev/slipway/plan"
)

// hello is a supported version whose only program is a few lines of Go in a module of its own.
var hello = Supported{Kubernetes: Version{Major: 1, Minor: 36, Patch: 3}, Components: map[string]string{Etcd: "v3.6.16"}}

// helloDist writes a module that greets and returns the source that compiles it.
func helloDist(t *testing.T) (Compile, string) {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("compiles a program, and there is no Go toolchain:", err)
	}
	dist := t.TempDir()
	write(t, filepath.Join(dist, "hello", "go.mod"), "module example.org/hello\n\ngo 1.26.0\n")
	write(t, filepath.Join(dist, "hello", "main.go"), "package main\n\nvar greeting = \"?\"\n\nfunc main() { println(greeting) }\n")
	modules := func(s Supported) []Module {
		return []Module{{Dir: "hello", Builds: []Build{{
			Outputs: []Output{{From: "example.org/hello", Programs: in("/bin", "hello", "hi")}},
			Stamps:  map[string]string{"main.greeting": s.Kubernetes.String()},
		}}}}
	}
	return Compile{Dist: dist, Modules: modules}, filepath.Join(dist, "hello")
}

func TestCompileMakesProgramsThatKnowTheirVersion(t *testing.T) {
	source, _ := helloDist(t)
	store := Store{Root: t.TempDir()}
	r, err := Ensure(t.Context(), store, hello, "amd64", []Source{source}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Programs) != 2 || r.Programs[0].Digest != r.Programs[1].Digest {
		t.Fatalf("one file with two names was wanted, got %+v", r.Programs)
	}
	out, err := exec.Command(store.Path(r.Programs[0].Digest)).CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "v1.36.3" {
		t.Errorf("the program said %q, %v", out, err)
	}
	if err := store.Verify(r, true); err != nil {
		t.Error(err)
	}
}

func TestCompileDoesNothingWhenNothingChanged(t *testing.T) {
	source, dir := helloDist(t)
	store := Store{Root: t.TempDir()}
	first := mustEnsure(t, store, source)
	forget(t, store)
	if counted := packagesCompiled(t, store, source); counted {
		t.Error("the release was forgotten but not its module, yet it was compiled again")
	}
	forget(t, store)
	write(t, filepath.Join(dir, "main.go"), "package main\n\nfunc main() { println(\"changed\") }\n")
	second := mustEnsure(t, store, source)
	if first.Programs[0].Digest == second.Programs[0].Digest {
		t.Error("the module changed and its program did not")
	}
}

func TestCompileFailureSaysWhatTheCompilerSaidAndLeavesNoRelease(t *testing.T) {
	source, dir := helloDist(t)
	write(t, filepath.Join(dir, "main.go"), "package main\n\nfunc main() { undefined() }\n")
	store := Store{Root: t.TempDir()}
	_, err := Ensure(t.Context(), store, hello, "amd64", []Source{source}, nil)
	if err == nil || !strings.Contains(err.Error(), "undefined: undefined") || !strings.Contains(err.Error(), "dist/hello") {
		t.Errorf("got %v", err)
	}
	isAbsent(t, store)
}

func TestCompileThatIsInterruptedLeavesNothing(t *testing.T) {
	source, _ := helloDist(t)
	store := Store{Root: t.TempDir()}
	ctx, cancel := context.WithCancel(t.Context())
	report := plan.Reporter(func(plan.Event) { cancel() }) // at the first sign of work
	_, err := Ensure(ctx, store, hello, "amd64", []Source{slow{source, cancel}}, report)
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	isAbsent(t, store)
	mustEnsure(t, store, source)
	if left, _ := os.ReadDir(filepath.Join(store.Root, "tmp")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// slow is a source whose context ends while it works.
type slow struct {
	Source
	cancel func()
}

func (s slow) Fetch(ctx context.Context, store Store, want Supported, arch string, report plan.Reporter) (Release, error) {
	if _, err := store.temp("half-made"); err != nil {
		return Release{}, err
	}
	s.cancel()
	return s.Source.Fetch(ctx, store, want, arch, report)
}

func TestCancellingKillsTheCompilersChildren(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("needs a shell:", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cmd := command(ctx, "sh", "-c", "sleep 60 & echo started; wait")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 8)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := out.Read(make([]byte, 1)); err == nil { // ends only when nobody holds the pipe any more
		t.Error("a child still holds the pipe")
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the shell ended by itself")
	}
}

func TestMissingGoIsNamedWithHowToInstallIt(t *testing.T) {
	source, _ := helloDist(t)
	t.Setenv("PATH", t.TempDir())
	_, err := Ensure(t.Context(), Store{Root: t.TempDir()}, hello, "amd64", []Source{source}, nil)
	var missing *MissingToolError
	if !errors.As(err, &missing) || !strings.Contains(err.Error(), "https://go.dev/dl") {
		t.Errorf("got %v", err)
	}
}

func TestFindDistLooksAboveTheWorkingDirectory(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "dist", "runtime", "go.mod"), "module x\n")
	deep := filepath.Join(root, "a", "b")
	if err := os.MkdirAll(deep, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(deep)
	got, err := FindDist()
	if want := filepath.Join(root, "dist"); err != nil || got != want {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}

func TestEveryModuleOfASupportedVersionIsThere(t *testing.T) {
	for _, s := range AllSupported() {
		for _, m := range Modules(s) {
			if _, err := os.Stat(filepath.Join("..", "dist", m.Dir)); err != nil {
				t.Errorf("%s: %v", s.Kubernetes, err)
			}
		}
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func mustEnsure(t *testing.T, store Store, sources ...Source) Release {
	t.Helper()
	r, err := Ensure(t.Context(), store, hello, "amd64", sources, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func forget(t *testing.T, store Store) {
	t.Helper()
	if err := store.Remove(t.Context(), hello.Kubernetes, "amd64"); err != nil {
		t.Fatal(err)
	}
}

func packagesCompiled(t *testing.T, store Store, source Source) bool {
	t.Helper()
	compiled := false
	report := plan.Reporter(func(ev plan.Event) { compiled = compiled || ev.Unit == "packages" })
	if _, err := Ensure(t.Context(), store, hello, "amd64", []Source{source}, report); err != nil {
		t.Fatal(err)
	}
	return compiled
}

func isAbsent(t *testing.T, store Store) {
	t.Helper()
	var absent *AbsentError
	if _, err := store.Lookup(hello.Kubernetes, "amd64"); !errors.As(err, &absent) {
		t.Errorf("the store has it: %v", err)
	}
}
