package release

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// MissingToolError says that something has to be installed before releases can be compiled here.
type MissingToolError struct {
	Tool string
	// Install says how to get it.
	Install string
	Err     error
}

func (e *MissingToolError) Error() string {
	return fmt.Sprintf("%s is needed to compile: %v (%s)", e.Tool, e.Err, e.Install)
}

// Unwrap returns what was found out when it was looked for.
func (e *MissingToolError) Unwrap() error { return e.Err }

// Hint says how to get it.
func (e *MissingToolError) Hint() string { return e.Install }

const (
	installGo = "install Go 1.26 or later, https://go.dev/dl"
	installC  = "on Debian and Ubuntu: apt-get install gcc libc6-dev pkg-config libseccomp-dev; on Fedora: dnf install gcc glibc-static pkgconf libseccomp-static libseccomp-devel"
)

// toolchain is the compilers of this host for machines of one architecture.
type toolchain struct {
	arch string
	env  []string
	// version tells toolchains apart whose results differ.
	version string
}

// findToolchain looks for what m needs. The Go version is asked in the module's directory dir, because the module may choose
// a newer one than the host's.
func findToolchain(ctx context.Context, m Module, dir, arch string) (toolchain, error) {
	t := toolchain{arch: arch, env: compilerEnv(os.Environ(), arch), version: arch}
	if m.needsGo() {
		version, err := t.ask(ctx, dir, "go", "env", "GOVERSION")
		if err != nil {
			return t, &MissingToolError{Tool: "Go", Install: installGo, Err: err}
		}
		t.version += " " + version
	}
	if m.needsC() {
		version, err := t.ask(ctx, dir, compilerFor(arch), "-dumpfullversion")
		if err != nil {
			return t, &MissingToolError{Tool: "a C compiler", Install: installC, Err: err}
		}
		t.version += " " + compilerFor(arch) + " " + version
	}
	return t, nil
}

// checkC looks that C can be linked statically and, for a Go program with cgo, with libseccomp, by doing so in the directory
// temp: it says at once what would otherwise fail in the middle of a long build.
func (t toolchain) checkC(ctx context.Context, m Module, temp string) error {
	if !m.needsC() {
		return nil
	}
	if runtime.GOOS != "linux" {
		return &MissingToolError{Tool: "Linux", Install: "use a downloaded release or a bundle", Err: fmt.Errorf("programs in C for Linux cannot be compiled on %s", runtime.GOOS)}
	}
	source, args, what := "int main(void){return 0;}\n", []string{"-static", "-x", "c", "-o", "try", "-"}, "a static C library"
	if m.needsGo() {
		if _, err := exec.LookPath(pkgConfigFor(t.arch)); err != nil {
			return &MissingToolError{Tool: "pkg-config", Install: installC, Err: err}
		}
		source, what = "#include <seccomp.h>\nint main(void){return seccomp_version()==0;}\n", "libseccomp, with its header and static library,"
		args = append(args, "-lseccomp")
	}
	cmd := command(ctx, compilerFor(t.arch), args...)
	cmd.Dir, cmd.Env, cmd.Stdin = temp, t.env, strings.NewReader(source)
	if out, err := cmd.CombinedOutput(); err != nil {
		return &MissingToolError{Tool: what, Install: installC, Err: fmt.Errorf("%w: %s", err, firstLine(out))}
	}
	return nil
}

// compilerFor returns the C compiler by the name that Debian gives to those for other architectures than the host's.
func compilerFor(arch string) string { return cross(arch, "gcc") }

func pkgConfigFor(arch string) string { return cross(arch, "pkg-config") }

func cross(arch, tool string) string {
	if arch == runtime.GOARCH {
		return tool
	}
	triple := map[string]string{"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}
	return triple[arch] + "-" + tool
}

// compilerEnv is the environment of compilers: the caller's, so that proxies and caches are found, with everything fixed
// that would change the result.
func compilerEnv(base []string, arch string) []string {
	return append(base, "GOOS=linux", "GOARCH="+arch, "GOAMD64=v1", "GOARM64=v8.0", "GOEXPERIMENT=", "GOWORK=off",
		"GOFLAGS=-mod=readonly -trimpath -buildvcs=false", "CC="+compilerFor(arch), "PKG_CONFIG="+pkgConfigFor(arch),
		"CGO_CFLAGS=", "CGO_CPPFLAGS=", "CGO_LDFLAGS=", "LC_ALL=C")
}

// ask runs a program for the line it prints.
func (t toolchain) ask(ctx context.Context, dir, path string, args ...string) (string, error) {
	cmd := command(ctx, path, args...)
	cmd.Dir, cmd.Env = dir, t.env
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil && stderr.Len() > 0 {
		err = fmt.Errorf("%w: %s", err, firstLine(stderr.Bytes()))
	}
	return strings.TrimSpace(string(out)), err
}

func firstLine(text []byte) string {
	line, _, _ := bytes.Cut(bytes.TrimSpace(text), []byte("\n"))
	return string(line)
}
