package release

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
)

// job is a module that is to be compiled for one architecture.
type job struct {
	module Module
	dir    string
	tools  toolchain
	store  Store
	// key names all that decides the result: see keyOf.
	key string
	// packages holds, for each build, the Go packages it is made of, for progress.
	packages []map[string]bool
}

func newJob(ctx context.Context, store Store, m Module, dir, arch string) (*job, error) {
	tools, err := findToolchain(ctx, m, dir, arch)
	if err != nil {
		return nil, err
	}
	j := &job{module: m, dir: dir, tools: tools, store: store}
	j.key, err = j.keyOf()
	return j, err
}

// keyOf hashes the module's files, the toolchain's versions and the settings. A test changes no program and does not count.
func (j *job) keyOf() (string, error) {
	hash := digest.SHA256.Digester()
	settings, err := json.Marshal(j.module)
	if err != nil {
		return "", err
	}
	fmt.Fprintf(hash.Hash(), "1\n%s\n%s\n", j.tools.version, settings) // 1: how this package calls the compilers
	err = filepath.WalkDir(j.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, "_test.go") {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(j.dir, path)
		fmt.Fprintf(hash.Hash(), "%s %s\n", filepath.ToSlash(name), digest.FromBytes(data))
		return err
	})
	return hash.Digest().Encoded(), err
}

// check looks that compiling can begin, has Go fetch the modules that are missing, and counts what there is to compile.
func (j *job) check(ctx context.Context, count *progress) error {
	temp, err := j.temp()
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	if err := j.tools.checkC(ctx, j.module, temp); err != nil {
		return err
	}
	for _, b := range j.module.Builds {
		packages := map[string]bool{}
		if !b.C {
			args := append([]string{"list", "-deps"}, b.sources()...)
			err := j.run(ctx, b, "go", args, func(line string) { packages[line] = true }, count.downloading)
			if err != nil {
				return err
			}
		}
		j.packages = append(j.packages, packages)
		count.expect(len(packages))
	}
	return nil
}

// compile makes the module's programs and puts them into the store.
func (j *job) compile(ctx context.Context, count *progress) ([]Program, error) {
	temp, err := j.temp()
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(temp)
	for i, b := range j.module.Builds {
		if err := j.build(ctx, b, temp, count.of(j.module.Dir, j.packages[i])); err != nil {
			return nil, err
		}
		count.finished(len(j.packages[i]))
	}
	var all []Program
	for _, b := range j.module.Builds {
		for _, o := range b.Outputs {
			d, size, err := j.store.adopt(filepath.Join(temp, o.file()))
			if err != nil {
				return nil, fmt.Errorf("storing %s: %w", o.file(), err)
			}
			for _, p := range o.Programs {
				all = append(all, Program{Name: p.Name, Digest: d, Size: size, Path: p.Path})
			}
		}
	}
	return all, nil
}

// build runs one compiler, which puts its executables into the directory temp.
func (j *job) build(ctx context.Context, b Build, temp string, compiling func(line string)) error {
	if !b.C {
		args := append([]string{"build", "-v", "-o", temp + string(filepath.Separator), "-ldflags", b.linkerFlags()}, b.sources()...)
		return j.run(ctx, b, "go", args, nil, compiling)
	}
	for _, o := range b.Outputs {
		args := []string{"-Os", "-Wall", "-static", "-s", "-o", filepath.Join(temp, o.file())}
		for _, name := range sortedKeys(b.Stamps) {
			args = append(args, fmt.Sprintf("-D%s=%q", name, b.Stamps[name]))
		}
		if err := j.run(ctx, b, compilerFor(j.tools.arch), append(args, o.From), nil, compiling); err != nil {
			return err
		}
	}
	return nil
}

func (b Build) sources() []string {
	var all []string
	if len(b.Tags) > 0 {
		all = append(all, "-tags", strings.Join(b.Tags, ","))
	}
	for _, o := range b.Outputs {
		all = append(all, o.From)
	}
	return all
}

// linkerFlags drop the symbol tables, a third of each file, and set the versions.
func (b Build) linkerFlags() string {
	flags := []string{"-s", "-w"}
	for _, name := range sortedKeys(b.Stamps) {
		flags = append(flags, "-X", name+"="+b.Stamps[name])
	}
	if b.Cgo {
		flags = append(flags, "-extldflags", "-static")
	}
	return strings.Join(flags, " ")
}

func sortedKeys(m map[string]string) []string {
	var all []string
	for k := range m {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}

// run starts a compiler and hands on what it prints, line by line. The error carries the end of its standard error.
func (j *job) run(ctx context.Context, b Build, path string, args []string, stdout, stderr func(line string)) error {
	cmd := command(ctx, path, args...)
	cgo := "CGO_ENABLED=0"
	if b.Cgo {
		cgo = "CGO_ENABLED=1"
	}
	cmd.Dir, cmd.Env = j.dir, append(slices.Clone(j.tools.env), cgo)
	said := &tail{}
	out, closeOut := lines(stdout)
	errs, closeErrs := lines(func(line string) { said.add(line); stderr(line) })
	cmd.Stdout, cmd.Stderr = out, errs
	err := cmd.Run()
	closeOut()
	closeErrs()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w%s", path, args[0], err, said)
	}
	return nil
}

// lines returns a writer that calls f for each line written to it, and the function that ends it and waits for the last.
func lines(f func(line string)) (io.Writer, func()) {
	if f == nil {
		return io.Discard, func() {}
	}
	r, w := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		scanner := bufio.NewScanner(r)
		scanner.Buffer(nil, 1<<20)
		for scanner.Scan() {
			f(scanner.Text())
		}
		io.Copy(io.Discard, r) // after a line beyond all measure, only let the writer go on
	}()
	return w, func() { w.Close(); <-done }
}

// tail keeps the last lines that a compiler printed, without those that only name a package: the ones that say what failed.
type tail struct{ kept []string }

func (t *tail) add(line string) {
	if !strings.ContainsAny(line, " \t") || strings.HasPrefix(line, "go: downloading ") {
		return
	}
	t.kept = append(t.kept, line)
	if len(t.kept) > 20 {
		t.kept = t.kept[1:]
	}
}

func (t *tail) String() string {
	if len(t.kept) == 0 {
		return ""
	}
	return ":\n" + strings.Join(t.kept, "\n")
}

// temp makes a directory for one module's executables, under the store's tmp so that they can be moved to their place.
func (j *job) temp() (string, error) {
	dir, err := j.store.tempDir()
	if err != nil {
		return "", err
	}
	return os.MkdirTemp(dir, j.module.Dir+".*")
}
