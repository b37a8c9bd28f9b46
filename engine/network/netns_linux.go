package network

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"
)

// nsfsMagic is the type of the file system that namespaces live in. A file of another type is a leftover from before a reboot.
const nsfsMagic = unix.NSFS_MAGIC

// InNamespace runs do on a thread of its own that is in the network namespace bound to file. Sockets that do opens stay in
// that namespace for ever.
func InNamespace(file string, do func() error) error {
	target, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("opening network namespace: %w", err)
	}
	defer target.Close()
	enter := func() error {
		if err := unix.Setns(int(target.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("entering network namespace %q: %w", file, err)
		}
		return nil
	}
	return onThread(enter, do)
}

// onThread runs enter and then do on a thread of their own, which ends with them: no other goroutine ever runs in the wrong
// place, and a process that has had many threads in do at once, such as a gateway in a storm, does not keep them.
func onThread(enter, do func() error) error {
	result := make(chan error, 1)
	go func() {
		defer close(result)    // also when do ends the goroutine
		runtime.LockOSThread() // and never unlocks: so the runtime throws the thread away
		if err := enter(); err != nil {
			result <- err
			return
		}
		result <- do()
	}()
	return <-result
}

// isNamespace reports whether a namespace is bound to file.
func isNamespace(file string) (bool, error) {
	var st unix.Statfs_t
	err := unix.Statfs(file, &st)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("looking at network namespace %q: %w", file, err)
	}
	return st.Type == nsfsMagic, nil
}

// ensureNamespace makes a network namespace and binds it to file, unless one is there.
func ensureNamespace(file string) (changed bool, err error) {
	if there, err := isNamespace(file); there || err != nil {
		return false, err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return false, fmt.Errorf("making the directory of a network namespace: %w", err)
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDONLY|unix.O_CLOEXEC, 0o400)
	if err != nil {
		return false, fmt.Errorf("making the file of a network namespace: %w", err)
	}
	f.Close()
	enter := func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("making network namespace %q: %w", file, err)
		}
		return nil
	}
	bind := func() error {
		if err := unix.Mount("/proc/thread-self/ns/net", file, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("binding network namespace to %q: %w", file, err)
		}
		return nil
	}
	return true, onThread(enter, bind)
}

// removeNamespace unbinds the namespace and removes its file. One that does not exist is no error.
func removeNamespace(file string) error {
	for {
		there, err := isNamespace(file)
		if err != nil {
			return err
		}
		if !there {
			break
		}
		if err := unix.Unmount(file, unix.MNT_DETACH); err != nil {
			return fmt.Errorf("unbinding network namespace %q: %w", file, err)
		}
	}
	if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing network namespace %q: %w", file, err)
	}
	return nil
}

// sysctls sets kernel parameters of the calling thread's network namespace, writing only those that differ. Parameters whose
// file is missing belong to a module that is not loaded and are left out.
func sysctls(values map[string]string) error {
	for key, want := range values {
		path := "/proc/sys/" + key
		have, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil && string(have) == want+"\n" {
			continue
		}
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			return fmt.Errorf("setting kernel parameter %q to %q: %w", key, want, err)
		}
	}
	return nil
}
