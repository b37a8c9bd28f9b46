package release

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/slipway-dev/slipway/plan"
)

func TestStoreKnowsOnlyWholeReleases(t *testing.T) {
	for _, test := range []struct {
		name   string
		damage func(t *testing.T, s Store, p Program)
		says   string
	}{
		{"a file is missing", func(t *testing.T, s Store, p Program) { remove(t, s.Path(p.Digest)) }, "is missing"},
		{"a file is short", func(t *testing.T, s Store, p Program) { write(t, s.Path(p.Digest), "x") }, "has 1 bytes and not 7"},
		{"the description is cut", func(t *testing.T, s Store, p Program) { write(t, releaseFile(s), `{"kubernetes":`) }, "is not JSON"},
		{"the description is empty", func(t *testing.T, s Store, p Program) { write(t, releaseFile(s), `{}`) }, "both must be given"},
		{"the description is another's", func(t *testing.T, s Store, p Program) {
			data, err := os.ReadFile(releaseFile(s))
			if err != nil {
				t.Fatal(err)
			}
			write(t, releaseFile(s), strings.Replace(string(data), "v1.36.3", "v1.36.4", 1))
		}, "describes release v1.36.4-amd64"},
	} {
		t.Run(test.name, func(t *testing.T) {
			store, r := stocked(t)
			etcd, _ := r.Program("etcd")
			test.damage(t, store, etcd)
			_, err := store.Lookup(r.Kubernetes, r.Arch)
			var damaged *DamagedError
			if !errors.As(err, &damaged) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v", err)
			}
			if all, err := store.List(); len(all) != 0 || err == nil {
				t.Errorf("listed %v, %v", all, err)
			}
		})
	}
}

func TestFullVerificationFindsChangedContent(t *testing.T) {
	store, r := stocked(t)
	etcd, _ := r.Program("etcd")
	write(t, store.Path(etcd.Digest), "evil!!!")
	if err := store.Verify(r, false); err != nil {
		t.Errorf("the cheap look already found %v", err)
	}
	var damaged *DamagedError
	if err := store.Verify(r, true); !errors.As(err, &damaged) || damaged.Path != store.Path(etcd.Digest) {
		t.Errorf("got %v", err)
	}
}

func TestDamagedReleaseIsMadeAnewAndSaid(t *testing.T) {
	source, _ := helloDist(t)
	store := Store{Root: t.TempDir()}
	r := mustEnsure(t, store, source)
	write(t, store.Path(r.Programs[0].Digest), "damage")
	var said []string
	report := plan.Reporter(func(ev plan.Event) { said = append(said, ev.Message) })
	if _, err := Ensure(t.Context(), store, hello, "amd64", []Source{source}, report); err != nil {
		t.Fatal(err)
	}
	if err := store.Verify(r, true); err != nil {
		t.Error(err)
	}
	if all := strings.Join(said, "\n"); !strings.Contains(all, "is damaged") || !strings.Contains(all, "made anew") {
		t.Errorf("it was said: %s", all)
	}
}

func TestReleaseWithOlderComponentsIsMadeAnew(t *testing.T) {
	source, _ := helloDist(t)
	store := Store{Root: t.TempDir()}
	mustEnsure(t, store, source)
	newer := hello
	newer.Components = map[string]string{Etcd: "v3.6.17"}
	r, err := Ensure(t.Context(), store, newer, "amd64", []Source{source}, nil)
	if err != nil || r.Components[Etcd] != "v3.6.17" {
		t.Errorf("got %v, %v", r.Components, err)
	}
}

func TestEnsureSaysWhyEachSourceCouldNot(t *testing.T) {
	good, _ := stocked(t)
	var said []string
	report := plan.Reporter(func(ev plan.Event) { said = append(said, ev.Message) })
	down, broken := fake{name: "downloaded", err: errors.New("no route")}, fake{name: "compiled", err: errors.New("no gcc")}

	_, err := Ensure(t.Context(), Store{Root: t.TempDir()}, hello, "amd64", []Source{down, broken}, report)
	var failed *FallthroughError
	if !errors.As(err, &failed) || len(failed.Reasons) != 2 {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{"downloaded: no route", "compiled: no gcc"} {
		if !strings.Contains(err.Error(), want) || !strings.Contains(strings.Join(said, "\n"), want) {
			t.Errorf("%q is missing in %v or in %q", want, err, said)
		}
	}
	if _, err := Ensure(t.Context(), good, hello, "amd64", nil, nil); err != nil {
		t.Errorf("what is in the store needs no source: %v", err)
	}
}

type fake struct {
	name string
	err  error
}

func (f fake) Name() string { return f.name }

func (f fake) Fetch(context.Context, Store, Supported, string, plan.Reporter) (Release, error) {
	return Release{}, f.err
}

func TestStoreIsFilledByOneProcessAtATime(t *testing.T) {
	store := Store{Root: t.TempDir()}
	unlock, err := store.Lock(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := store.Lock(ctx, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a second lock gave %v", err)
	}
	unlock()
	again, err := store.Lock(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	again()
}

func TestCollectKeepsWhatReleasesName(t *testing.T) {
	store, r := stocked(t)
	d, size, err := store.add("orphan", strings.NewReader("nobody's"), "")
	if err != nil {
		t.Fatal(err)
	}
	if err := store.remember("gone", []Program{{Name: "orphan", Digest: d, Size: size, Path: "/orphan"}}); err != nil {
		t.Fatal(err)
	}
	if err := store.remember("kept", r.Programs); err != nil {
		t.Fatal(err)
	}
	freed, err := store.Collect(t.Context())
	if err != nil || freed != size {
		t.Errorf("freed %d, %v; want %d", freed, err, size)
	}
	if _, err := store.Lookup(r.Kubernetes, r.Arch); err != nil {
		t.Error(err)
	}
	if _, ok := store.remembered("kept"); !ok {
		t.Error("a build was forgotten whose files are still there")
	}
	if _, err := os.Stat(store.buildPath("gone")); err == nil {
		t.Error("a build is remembered whose files are gone")
	}
}

func TestRemovedReleaseIsGoneAndItsFilesGoWithCollect(t *testing.T) {
	store, r := stocked(t)
	if err := store.Remove(t.Context(), r.Kubernetes, r.Arch); err != nil {
		t.Fatal(err)
	}
	isAbsent(t, store)
	var absent *AbsentError
	if err := store.Remove(t.Context(), r.Kubernetes, r.Arch); !errors.As(err, &absent) {
		t.Errorf("removing it twice gave %v", err)
	}
	if freed, err := store.Collect(t.Context()); err != nil || freed != r.Size() {
		t.Errorf("freed %d, %v; want %d", freed, err, r.Size())
	}
}

func TestStoredFilesCanBeRunAndLinked(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no modes")
	}
	store, r := stocked(t)
	info, err := os.Stat(store.Path(r.Programs[0].Digest))
	if err != nil || info.Mode() != 0o755 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestStoredFileIsKeptWhenTheSameContentComesAgain(t *testing.T) {
	store, r := stocked(t)
	path := store.Path(r.Programs[0].Digest)
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := store.add("again", strings.NewReader("another"), ""); err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(path)
	if err != nil || !os.SameFile(before, after) {
		t.Errorf("the file was replaced (%v): what is linked to it would not share its pages any more", err)
	}
}

func TestADamagedFileIsMendedForAllWhoHaveLinkedIt(t *testing.T) {
	store, r := stocked(t)
	program := r.Programs[0]
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Link(store.Path(program.Digest), link); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(link)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(link, good[:1], 0o755); err != nil { // in place, as a disk does it
		t.Fatal(err)
	}
	if _, _, err := store.add("again", bytes.NewReader(good), program.Digest); err != nil {
		t.Fatal(err)
	}
	if mended, err := os.ReadFile(link); err != nil || !bytes.Equal(mended, good) {
		t.Errorf("the link still has the damage: %q, %v", mended, err)
	}
}

func releaseFile(s Store) string { return filepath.Join(s.Root, "releases", "v1.36.3-amd64.json") }

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}
