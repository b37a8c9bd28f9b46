package hosttest

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os/exec"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipway-dev/slipway/host"
)

// Subject is a machine under test.
type Subject struct {
	Host host.Host
	// Dir is an empty directory of the machine.
	Dir string
	// Probe is a program on the machine that does what its first argument says:
	//
	//	args WORD…     prints the words, one per line
	//	env NAME       prints the variable
	//	dir            prints the working directory
	//	cat            prints its standard input
	//	fail STATUS    prints "half" on standard output, "bad luck" on standard error, and ends with the status
	//	hang           runs until its context ends
	Probe string
	// Listen makes something listen on a free port and returns it.
	Listen func(t *testing.T) int
}

// Conformance holds a machine against the promises of host.Host. start makes a fresh one for each test.
func Conformance(t *testing.T, start func(t *testing.T) Subject) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, Subject)
	}{
		{"a file reads back as it was written, with its mode", writeAndRead},
		{"a new directory and its parents have the mode, an old one keeps its own", directories},
		{"what is missing is ErrNotExist", missing},
		{"what is in the way is an error", inTheWay},
		{"paths must be absolute", relative},
		{"links lead to their targets and are replaced in one step", links},
		{"renaming moves files and trees over files", renaming},
		{"removing takes files and empty directories, removing all takes trees", removing},
		{"listing goes by name and tells kinds apart", listing},
		{"writers at the same moment never mix, and leave nothing else behind", concurrent},
		{"programs get arguments, environment, directory and input", programs},
		{"a program's failure carries status and complaint", failing},
		{"a program that is not there is ErrNotFound", notFound},
		{"a program ends with its context", cancelled},
		{"a port is taken while something listens", listeningPort},
		{"clock, randomness and name are there", basics},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, start(t)) })
	}
}

func writeAndRead(t *testing.T, s Subject) {
	file := path.Join(s.Dir, "file")
	for _, mode := range []fs.FileMode{0o600, 0o644, 0o777, 0o400} {
		content := []byte(mode.String())
		ok(t, s.Host.WriteFile(file, content, mode))
		content[0] = '!' // what the caller does with his bytes later is his business
		equal(t, read(t, s, file), mode.String())
		info, err := s.Host.Stat(file)
		ok(t, err)
		equal(t, info.Mode(), mode)
		equal(t, info.Size(), int64(len(content)))
		equal(t, info.Name(), "file")
	}
	ok(t, s.Host.WriteFile(file, nil, 0o600))
	equal(t, read(t, s, file), "")
}

func directories(t *testing.T, s Subject) {
	deep := path.Join(s.Dir, "a/b/c")
	ok(t, s.Host.MkdirAll(deep, 0o777))
	ok(t, s.Host.MkdirAll(deep+"/", 0o700))
	for _, dir := range []string{deep, path.Dir(deep)} {
		info, err := s.Host.Stat(dir)
		ok(t, err)
		equal(t, info.Mode(), fs.ModeDir|0o777)
		equal(t, info.IsDir(), true)
	}
}

func missing(t *testing.T, s Subject) {
	nowhere := path.Join(s.Dir, "no", "where")
	_, readErr := s.Host.ReadFile(nowhere)
	_, statErr := s.Host.Stat(nowhere)
	_, listErr := s.Host.ReadDir(nowhere)
	for op, err := range map[string]error{
		"read": readErr, "stat": statErr, "list": listErr,
		"write into":  s.Host.WriteFile(nowhere, nil, 0o600),
		"remove":      s.Host.Remove(nowhere),
		"rename":      s.Host.Rename(nowhere, path.Join(s.Dir, "x")),
		"symlink":     s.Host.Symlink("x", nowhere),
		"rename into": s.Host.Rename(s.Dir, nowhere),
	} {
		is(t, op, err, fs.ErrNotExist)
	}
	ok(t, s.Host.RemoveAll(nowhere))
}

func inTheWay(t *testing.T, s Subject) {
	file, dir := path.Join(s.Dir, "file"), path.Join(s.Dir, "dir")
	ok(t, s.Host.WriteFile(file, []byte("x"), 0o600))
	ok(t, s.Host.MkdirAll(path.Join(dir, "sub"), 0o700))
	_, readErr := s.Host.ReadFile(dir)
	_, listErr := s.Host.ReadDir(file)
	for op, err := range map[string]error{
		"reading a directory":          readErr,
		"listing a file":               listErr,
		"writing over a directory":     s.Host.WriteFile(dir, nil, 0o600),
		"writing below a file":         s.Host.WriteFile(path.Join(file, "x"), nil, 0o600),
		"making a directory of a file": s.Host.MkdirAll(file, 0o700),
		"making one below a file":      s.Host.MkdirAll(path.Join(file, "x"), 0o700),
		"removing a full directory":    s.Host.Remove(dir),
		"renaming over a directory":    s.Host.Rename(file, dir),
		"renaming a tree over a file":  s.Host.Rename(dir, file),
	} {
		if err == nil {
			t.Errorf("%s: no error", op)
		}
	}
	is(t, "linking over a file", s.Host.Symlink("x", file), fs.ErrExist)
	equal(t, read(t, s, file), "x")
}

func relative(t *testing.T, s Subject) {
	_, readErr := s.Host.ReadFile("file")
	_, statErr := s.Host.Stat("file")
	_, listErr := s.Host.ReadDir(".")
	for op, err := range map[string]error{
		"read": readErr, "stat": statErr, "list": listErr,
		"write":      s.Host.WriteFile("file", nil, 0o600),
		"mkdir":      s.Host.MkdirAll("dir", 0o700),
		"remove":     s.Host.Remove("file"),
		"remove all": s.Host.RemoveAll("file"),
		"rename":     s.Host.Rename("file", path.Join(s.Dir, "x")),
		"symlink":    s.Host.Symlink("x", "link"),
	} {
		is(t, op, err, fs.ErrInvalid)
	}
}

func links(t *testing.T, s Subject) {
	at := func(name string) string { return path.Join(s.Dir, name) }
	ok(t, s.Host.MkdirAll(at("one"), 0o755))
	ok(t, s.Host.MkdirAll(at("two"), 0o755))
	ok(t, s.Host.WriteFile(at("one/file"), []byte("1"), 0o600))
	ok(t, s.Host.WriteFile(at("two/file"), []byte("2"), 0o600))
	ok(t, s.Host.Symlink("one", at("current")))
	equal(t, read(t, s, at("current/file")), "1")
	ok(t, s.Host.Symlink(at("two"), at("current")))
	equal(t, read(t, s, at("current/file")), "2")
	equal(t, read(t, s, at("current/../one/file")), "1")
	ok(t, s.Host.WriteFile(at("current/new"), []byte("3"), 0o600))
	equal(t, read(t, s, at("two/new")), "3")

	ok(t, s.Host.Symlink("file", at("one/link")))
	ok(t, s.Host.WriteFile(at("one/link"), []byte("own"), 0o600))
	equal(t, read(t, s, at("one/file")), "1")
	equal(t, read(t, s, at("one/link")), "own")

	ok(t, s.Host.Symlink("loop", at("loop")))
	if _, err := s.Host.ReadFile(at("loop")); err == nil {
		t.Error("a link to itself was read")
	}
	ok(t, s.Host.RemoveAll(at("current")))
	equal(t, read(t, s, at("two/file")), "2")
	ok(t, s.Host.Symlink("nowhere", at("dangling")))
	_, err := s.Host.Stat(at("dangling"))
	is(t, "stat of a dangling link", err, fs.ErrNotExist)
}

func renaming(t *testing.T, s Subject) {
	at := func(name string) string { return path.Join(s.Dir, name) }
	ok(t, s.Host.WriteFile(at("a"), []byte("a"), 0o640))
	ok(t, s.Host.WriteFile(at("b"), []byte("b"), 0o600))
	ok(t, s.Host.Rename(at("a"), at("b")))
	equal(t, read(t, s, at("b")), "a")
	_, err := s.Host.Stat(at("a"))
	is(t, "stat of what was moved away", err, fs.ErrNotExist)
	ok(t, s.Host.MkdirAll(at("tree/sub"), 0o700))
	ok(t, s.Host.Rename(at("b"), at("tree/sub/b")))
	ok(t, s.Host.Rename(at("tree"), at("grove")))
	equal(t, read(t, s, at("grove/sub/b")), "a")
	if err := s.Host.Rename(at("grove"), at("grove/sub/grove")); err == nil {
		t.Error("a tree was moved into itself")
	}
}

func removing(t *testing.T, s Subject) {
	at := func(name string) string { return path.Join(s.Dir, name) }
	ok(t, s.Host.MkdirAll(at("tree/sub"), 0o700))
	ok(t, s.Host.WriteFile(at("tree/file"), nil, 0o600))
	ok(t, s.Host.Remove(at("tree/sub")))
	ok(t, s.Host.Remove(at("tree/file")))
	is(t, "removing twice", s.Host.Remove(at("tree/file")), fs.ErrNotExist)
	ok(t, s.Host.MkdirAll(at("tree/sub/sub"), 0o700))
	ok(t, s.Host.RemoveAll(at("tree")))
	ok(t, s.Host.RemoveAll(at("tree")))
	_, err := s.Host.Stat(at("tree"))
	is(t, "stat of what was removed", err, fs.ErrNotExist)
}

func listing(t *testing.T, s Subject) {
	ok(t, s.Host.WriteFile(path.Join(s.Dir, "b"), nil, 0o600))
	ok(t, s.Host.MkdirAll(path.Join(s.Dir, "a"), 0o700))
	ok(t, s.Host.Symlink("a", path.Join(s.Dir, "c")))
	entries, err := s.Host.ReadDir(s.Dir)
	ok(t, err)
	var got []string
	for _, e := range entries {
		got = append(got, e.Name()+" "+e.Type().String())
	}
	equal(t, strings.Join(got, ", "), "a d---------, b ----------, c L---------")
	info, err := entries[0].Info()
	ok(t, err)
	equal(t, info.Mode(), fs.ModeDir|0o700)
}

func concurrent(t *testing.T, s Subject) {
	file := path.Join(s.Dir, "file")
	var writers sync.WaitGroup
	for i := range 8 {
		writers.Go(func() {
			for range 5 {
				if err := s.Host.WriteFile(file, bytes.Repeat([]byte{byte('a' + i)}, 10_000), 0o600); err != nil {
					t.Errorf("writing: %v", err)
				}
				if got, err := s.Host.ReadFile(file); err != nil || len(got) != 10_000 || got[0] != got[9_999] {
					t.Errorf("read %d bytes (%v) that are no writer's", len(got), err)
				}
			}
		})
	}
	writers.Wait()
	entries, err := s.Host.ReadDir(s.Dir)
	ok(t, err)
	equal(t, len(entries), 1)
}

func programs(t *testing.T, s Subject) {
	for _, test := range []struct {
		cmd  host.Command
		want string
	}{
		{host.Command{Args: []string{"args", "a b", "*", ""}}, "a b\n*\n\n"},
		{host.Command{Args: []string{"env", "COLOUR"}, Env: []string{"COLOUR=blue"}}, "blue\n"},
		{host.Command{Args: []string{"dir"}, Dir: s.Dir}, s.Dir + "\n"},
		{host.Command{Args: []string{"cat"}, Stdin: strings.NewReader("input")}, "input"},
		{host.Command{Args: []string{"cat"}}, ""},
	} {
		test.cmd.Path = s.Probe
		out, err := s.Host.Exec(t.Context(), test.cmd)
		ok(t, err)
		equal(t, string(out.Stdout), test.want)
		equal(t, string(out.Stderr), "")
	}
}

func failing(t *testing.T, s Subject) {
	out, err := s.Host.Exec(t.Context(), host.Command{Path: s.Probe, Args: []string{"fail", "3"}})
	var exit *host.ExitError
	if !errors.As(err, &exit) {
		t.Fatalf("got %v, want an ExitError", err)
	}
	equal(t, exit.Status, 3)
	equal(t, exit.Path, s.Probe)
	equal(t, string(out.Stdout), "half\n")
	equal(t, string(exit.Stderr), "bad luck\n")
	equal(t, err.Error(), s.Probe+" ended with status 3: bad luck")
}

func notFound(t *testing.T, s Subject) {
	_, err := s.Host.Exec(t.Context(), host.Command{Path: "no-such-program-anywhere"})
	is(t, "a name", err, exec.ErrNotFound)
	_, err = s.Host.Exec(t.Context(), host.Command{Path: path.Join(s.Dir, "none")})
	is(t, "a path", err, fs.ErrNotExist)
	ok(t, s.Host.WriteFile(path.Join(s.Dir, "text"), []byte("hello"), 0o644))
	_, err = s.Host.Exec(t.Context(), host.Command{Path: path.Join(s.Dir, "text")})
	is(t, "a file that is no program", err, fs.ErrPermission)
}

func cancelled(t *testing.T, s Subject) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := s.Host.Exec(ctx, host.Command{Path: s.Probe, Args: []string{"hang"}})
	is(t, "during", err, context.DeadlineExceeded)
	_, err = s.Host.Exec(ctx, host.Command{Path: s.Probe, Args: []string{"args"}})
	is(t, "before", err, context.DeadlineExceeded)
}

func listeningPort(t *testing.T, s Subject) {
	taken, err := s.Host.Listening(s.Listen(t))
	ok(t, err)
	equal(t, taken, true)
	taken, err = s.Host.Listening(1)
	ok(t, err)
	equal(t, taken, false)
	for _, port := range []int{0, -1, 65536} {
		if _, err := s.Host.Listening(port); err == nil {
			t.Errorf("port %d is no error", port)
		}
	}
}

func basics(t *testing.T, s Subject) {
	name, err := s.Host.Hostname()
	ok(t, err)
	if name == "" || s.Host.Now().IsZero() {
		t.Errorf("hostname %q, time %v", name, s.Host.Now())
	}
	a, b := make([]byte, 16), make([]byte, 16)
	for _, p := range [][]byte{a, b} {
		_, err := s.Host.Rand().Read(p)
		ok(t, err)
	}
	if bytes.Equal(a, b) {
		t.Error("randomness repeats itself")
	}
}

func read(t *testing.T, s Subject, file string) string {
	t.Helper()
	data, err := s.Host.ReadFile(file)
	ok(t, err)
	return string(data)
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func is(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: got %v, want %v", what, err, want)
	}
}

func equal[T comparable](t *testing.T, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}
