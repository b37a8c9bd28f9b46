package image

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/slipway-dev/slipway/image/debian"
	"github.com/slipway-dev/slipway/plan"
)

// resolveStep chooses the versions of the base packages and writes the lock.
func (b *builder) resolveStep() plan.Step {
	reason := "there is no lock of the base packages for this version of slipway"
	if b.Update {
		reason = "newer base packages were asked for"
	}
	return plan.Step{
		ID: stepPackages, Title: "choice of base packages", Object: b.lockFile(b.Arch), Action: plan.Run, Reason: reason,
		Disruption: plan.NoDisruption, Needs: []string{}, Run: b.resolve,
	}
}

func (b *builder) resolve(ctx context.Context, report plan.Reporter) error {
	sources, origin, err := b.sources()
	if err != nil {
		return err
	}
	report.Say(origin)
	lock, err := b.archive(ctx).Lock(ctx, sources, b.Arch, packages(), report)
	if err != nil {
		return err
	}
	lock.Origin = origin
	if err := b.writeLock(lock); err != nil {
		return err
	}
	b.lock, b.locked = lock, true
	return nil
}

func (b *builder) sources() ([]debian.Source, string, error) {
	if b.Mirror == "" {
		return debian.HostSources("/")
	}
	sources, err := debian.MirrorSources("/", b.Mirror, b.Keyring)
	return sources, "the mirror that was asked for", err
}

// archive returns the client for packages. It is made when a step first needs it, because asking apt takes a while.
func (b *builder) archive(ctx context.Context) *debian.Client {
	b.clientOnce.Do(func() { b.client = debian.NewClient(b.packageCache(), debian.HostApt(ctx)) })
	return b.client
}

func (b *builder) makeBase(ctx context.Context, dir string, report plan.Reporter) error {
	if err := b.unpack(ctx, baseProfile, dir, report); err != nil {
		return err
	}
	return debian.Configure(dir)
}

// makeTools unpacks the tools, whose files are then links to those of base.
func (b *builder) makeTools(ctx context.Context, dir string, report plan.Reporter) error {
	if err := b.unpack(ctx, toolsProfile, dir, report); err != nil {
		return err
	}
	if err := debian.Configure(dir); err != nil {
		return err
	}
	shared := newSharing()
	if err := shared.addTree(b.layer(b.inputs().base())); err != nil {
		return err
	}
	return shared.apply(ctx, dir)
}

func (b *builder) unpack(ctx context.Context, profile, dir string, report plan.Reporter) error {
	some := b.lock.Of(profile)
	paths, err := b.archive(ctx).Fetch(ctx, b.lock, some, report)
	if errors.Is(err, debian.ErrNotFound) {
		return &StaleLockError{err}
	}
	if err != nil {
		return err
	}
	keep := func(name string) bool { return !debian.Unneeded(name) }
	return debian.Unpack(ctx, some, paths, dir, keep, report)
}

// StaleLockError says that the archive no longer has a package that the lock names.
type StaleLockError struct{ Err error }

func (e *StaleLockError) Error() string {
	return e.Err.Error() + ": the archive has moved on to newer versions"
}

// Unwrap returns which package it is.
func (e *StaleLockError) Unwrap() error { return e.Err }

// Hint says how to choose packages that the archive has.
func (e *StaleLockError) Hint() string {
	return "slipway image build --update chooses the newer versions"
}

// makeRelease links the release's programs to where they are in a machine.
func (b *builder) makeRelease(_ context.Context, dir string, report plan.Reporter) error {
	for _, name := range machineDirs {
		if err := makeDir(dir, name); err != nil {
			return err
		}
	}
	for _, p := range b.Programs {
		to := machinePath(p.Name)
		if to == "" {
			continue
		}
		if err := b.verify(p); err != nil {
			return err
		}
		if err := makeDir(dir, filepath.Dir(to)); err != nil {
			return err
		}
		if err := os.Link(p.Path, filepath.Join(dir, to)); err != nil {
			return fmt.Errorf("linking program %q from the release's store: %w", p.Name, err)
		}
	}
	return nil
}

// verify makes sure that a program is what it is called before an image is called after it.
func (b *builder) verify(p Program) error {
	digest, err := digestCache{b.digestCache()}.of(p.Path)
	if err != nil {
		return fmt.Errorf("reading program %q of the release: %w", p.Name, err)
	}
	if digest != p.Digest {
		return fmt.Errorf("program %q of the release is damaged: %q has the digest %s (make it again with: slipway release build)", p.Name, p.Path, digest)
	}
	return nil
}

// makeAgent copies the agent, which may be a file that a developer's next build writes over, and links the names to it by
// which a machine calls it.
func (b *builder) makeAgent(_ context.Context, dir string, _ plan.Reporter) error {
	if err := makeDir(dir, "usr/bin"); err != nil {
		return err
	}
	bin := filepath.Join(dir, "usr/bin")
	agent := filepath.Join(bin, "slipway")
	if err := copyFile(b.Agent, agent, 0o755); err != nil {
		return fmt.Errorf("copying the agent: %w", err)
	}
	if digest, err := hashFile(agent); err != nil || digest != b.agentDigest {
		return errors.Join(fmt.Errorf("the agent's program %q was changed meanwhile", b.Agent), err)
	}
	for _, name := range []string{"kubeadm", "systemctl"} {
		if err := os.Symlink("slipway", filepath.Join(bin, name)); err != nil {
			return err
		}
	}
	return nil
}

// makeDir makes a directory below top and those above it, all of which everybody can enter, whatever the umask: in a stack of
// layers the uppermost directory's mode is the one that counts.
func makeDir(top, name string) error {
	if name == "." {
		return nil
	}
	if err := makeDir(top, filepath.Dir(name)); err != nil {
		return err
	}
	path := filepath.Join(top, name)
	if err := os.Mkdir(path, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return os.Chmod(path, 0o755)
}
