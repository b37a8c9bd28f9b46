package release

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/slipway-dev/slipway/plan"
)

// Compile is the source that needs no download site: it compiles the modules under dist/ with the host's Go toolchain and C
// compiler. Go's checksum database vouches for what it fetches. A module is compiled again only when its files, the
// toolchain or the settings have changed.
type Compile struct {
	// Dist is the directory with the modules; empty looks for it with FindDist.
	Dist string
	// Modules returns what to compile; nil means Modules, the function.
	Modules func(Supported) []Module
}

// Name implements Source.
func (c Compile) Name() string { return "compiled from Go modules" }

// Fetch implements Source.
func (c Compile) Fetch(ctx context.Context, store Store, want Supported, arch string, report plan.Reporter) (Release, error) {
	modules := c.Modules
	if modules == nil {
		modules = Modules
	}
	programs, err := c.programs(ctx, store, modules(want), arch, report)
	if err != nil {
		return Release{}, err
	}
	return Release{Kubernetes: want.Kubernetes, Arch: arch, Programs: programs, Components: maps.Clone(want.Components)}, nil
}

// Programs compiles modules that belong to no release, such as TestModule, into the store, from memory where possible. They
// are kept until the next Collect.
func (c Compile) Programs(ctx context.Context, store Store, modules []Module, arch string, report plan.Reporter) ([]Program, error) {
	unlock, err := store.Lock(ctx, report)
	if err != nil {
		return nil, err
	}
	defer unlock()
	return c.programs(ctx, store, modules, arch, report)
}

// ready says what is missing for compiling the modules, without beginning.
func (c Compile) ready(ctx context.Context, modules []Module, arch string) error {
	dist, err := c.dist()
	if err != nil {
		return err
	}
	for _, m := range modules {
		if _, err := findToolchain(ctx, m, filepath.Join(dist, m.Dir), arch); err != nil {
			return err
		}
	}
	return nil
}

func (c Compile) dist() (string, error) {
	if c.Dist != "" {
		return c.Dist, nil
	}
	return FindDist()
}

// programs returns what the modules compile to. The caller holds the store's lock.
func (c Compile) programs(ctx context.Context, store Store, modules []Module, arch string, report plan.Reporter) ([]Program, error) {
	dist, err := c.dist()
	if err != nil {
		return nil, err
	}
	var programs []Program
	var pending []*job
	for _, m := range modules {
		j, err := newJob(ctx, store, m, filepath.Join(dist, m.Dir), arch)
		if err != nil {
			return nil, fmt.Errorf("preparing to compile dist/%s: %w", m.Dir, err)
		}
		if known, ok := store.remembered(j.key); ok {
			programs = append(programs, known...)
			continue
		}
		pending = append(pending, j)
	}
	built, err := compileAll(ctx, store, pending, report)
	return append(programs, built...), err
}

// compileAll compiles one module after the other: each keeps all cores busy by itself. All are checked and counted before
// the first is compiled.
func compileAll(ctx context.Context, store Store, pending []*job, report plan.Reporter) ([]Program, error) {
	count := &progress{report: report}
	for _, j := range pending {
		if err := j.check(ctx, count); err != nil {
			return nil, fmt.Errorf("preparing to compile dist/%s: %w", j.module.Dir, err)
		}
	}
	var programs []Program
	for _, j := range pending {
		report.Say("compiling " + j.module.Dir)
		built, err := j.compile(ctx, count)
		if err != nil {
			return nil, fmt.Errorf("compiling dist/%s: %w", j.module.Dir, err)
		}
		if err := store.remember(j.key, built); err != nil {
			return nil, err
		}
		programs = append(programs, built...)
	}
	return programs, nil
}

// FindDist looks for the modules' directory: beside the directory of the running program, as in a clone where bin/slipway
// was built, then in the working directory and those above it.
func FindDist() (string, error) {
	var looked []string
	if exe, err := os.Executable(); err == nil {
		if exe, err = filepath.EvalSymlinks(exe); err == nil {
			looked = append(looked, filepath.Join(filepath.Dir(filepath.Dir(exe)), "dist"))
		}
	}
	wd, err := os.Getwd()
	for err == nil {
		looked = append(looked, filepath.Join(wd, "dist"))
		if wd == filepath.Dir(wd) {
			break
		}
		wd = filepath.Dir(wd)
	}
	i := slices.IndexFunc(looked, func(dir string) bool {
		_, err := os.Stat(filepath.Join(dir, "runtime", "go.mod"))
		return err == nil
	})
	if i < 0 {
		return "", fmt.Errorf("finding the modules to compile: %w in %s", &fs.PathError{Op: "open", Path: "dist/runtime/go.mod", Err: fs.ErrNotExist}, strings.Join(looked, ", "))
	}
	return looked[i], nil
}
