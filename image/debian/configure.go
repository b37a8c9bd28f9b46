package debian

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
)

// Unneeded reports whether a file of a package is of no use on a machine: documentation, translations, and conversions
// between character sets other than UTF-8. It is nearly half of the packages' size.
func Unneeded(name string) bool {
	for _, prefix := range []string{
		"usr/share/doc/", "usr/share/man/", "usr/share/info/", "usr/share/locale/", "usr/share/lintian/", "usr/share/bug/",
		"usr/share/doc-base/", "usr/share/menu/", "usr/share/pixmaps/", "usr/share/icons/", "usr/share/applications/",
		"usr/share/bash-completion/", "usr/share/zsh/", "usr/share/fish/", "usr/share/debconf/", "usr/share/initramfs-tools/",
		"lib/systemd/", "usr/lib/systemd/", "lib/udev/", "usr/lib/udev/", "etc/init.d/", "etc/cron.", "usr/share/gdb/", "usr/share/apport/",
		"usr/share/perl5/", "usr/share/common-licenses/",
	} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return strings.Contains(name, "/gconv/")
}

// Configure does in the unpacked root file system at dir what the maintainer scripts of its packages would have done, as
// far as a machine needs it. It is safe to repeat.
func Configure(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, step := range []struct {
		name string
		run  func(*os.Root) error
	}{
		{"the directories", makeDirs},
		{"the users and groups", writeUsers},
		{"the trusted certificates", writeCertificates},
		{"the shell", linkPrograms},
		{"the settings", writeSettings},
	} {
		if err := step.run(root); err != nil {
			return fmt.Errorf("configuring %s: %w", step.name, err)
		}
	}
	return nil
}

func makeDirs(root *os.Root) error {
	for name, mode := range map[string]fs.FileMode{
		"dev": 0o755, "proc": 0o555, "sys": 0o555, "run": 0o755, "tmp": 0o1777, "var": 0o755, "root": 0o700, "mnt": 0o755,
		"etc": 0o755, "home": 0o755, "opt": 0o755, "srv": 0o755, "var/tmp": 0o1777, "var/lib": 0o755, "var/log": 0o755, "var/cache": 0o755,
		"etc/ssl": 0o755, "etc/ssl/certs": 0o755,
	} {
		if err := root.MkdirAll(name, 0o755); err != nil {
			return err
		}
		perm := mode & fs.ModePerm
		if mode&0o1000 != 0 {
			perm |= fs.ModeSticky
		}
		if err := root.Chmod(name, perm); err != nil {
			return err
		}
	}
	for name, target := range map[string]string{"var/run": "../run", "var/lock": "../run/lock", "etc/mtab": "../proc/self/mounts"} {
		if err := root.Symlink(target, name); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}

// writeUsers takes base-passwd's master files, as update-passwd does on a new system.
func writeUsers(root *os.Root) error {
	for _, name := range []string{"passwd", "group"} {
		master, err := root.ReadFile("usr/share/base-passwd/" + name + ".master")
		if errors.Is(err, fs.ErrNotExist) {
			continue // a set without base-passwd knows root by number only
		}
		if err != nil {
			return err
		}
		if err := write(root, "etc/"+name, master); err != nil {
			return err
		}
	}
	return nil
}

// certificateBundle is where programs on Debian look for the certificates that they trust.
const certificateBundle = "etc/ssl/certs/ca-certificates.crt"

// writeCertificates joins all certificates into one file, as update-ca-certificates does.
func writeCertificates(root *os.Root) error {
	const from = "usr/share/ca-certificates"
	var names []string
	err := fs.WalkDir(root.FS(), from, func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && path.Ext(name) == ".crt" {
			names = append(names, name)
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	slices.Sort(names)
	var bundle bytes.Buffer
	for _, name := range names {
		data, err := root.ReadFile(name)
		if err != nil {
			return err
		}
		bundle.Write(bytes.TrimRight(data, "\n"))
		bundle.WriteByte('\n')
	}
	return write(root, certificateBundle, bundle.Bytes())
}

// linkPrograms chooses the programs behind generic names, as update-alternatives would, without its farm of links.
func linkPrograms(root *os.Root) error {
	for _, choice := range []struct{ generic, program string }{
		{"usr/bin/sh", "dash"}, {"usr/bin/sh", "bash"}, {"usr/bin/awk", "mawk"}, {"usr/bin/awk", "gawk"},
		{"usr/bin/which", "which.debianutils"}, {"usr/bin/pager", "less"}, {"usr/bin/nc", "nc.openbsd"},
	} {
		if _, err := root.Lstat("usr/bin/" + choice.program); err != nil {
			continue
		}
		if err := root.Symlink(choice.program, choice.generic); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}

// writeSettings writes the few files in /etc that programs expect and no package carries as such. An empty machine-id
// means that the machine gets its own when it starts.
func writeSettings(root *os.Root) error {
	for name, content := range map[string]string{
		"etc/nsswitch.conf": "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nnetworks: files\nprotocols: files\nservices: files\n",
		"etc/machine-id":    "",
		"etc/hostname":      "localhost\n",
		"etc/hosts":         "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n",
		"etc/resolv.conf":   "",
		"etc/fstab":         "",
	} {
		if err := write(root, name, []byte(content)); err != nil {
			return err
		}
	}
	for name, from := range map[string]string{
		"etc/profile": "usr/share/base-files/profile", "root/.profile": "usr/share/base-files/dot.profile",
		"root/.bashrc": "usr/share/base-files/dot.bashrc",
	} {
		data, err := root.ReadFile(from)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err := write(root, name, data); err != nil {
			return err
		}
	}
	return nil
}

// write replaces a file, mode 0644. The root file system is not in use yet, so nobody can see it half written.
func write(root *os.Root, name string, data []byte) error {
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer f.Close() // a second close, after the checked one below, does nothing
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := f.Chmod(0o644); err != nil {
		return err
	}
	return f.Close()
}
