package debian

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestHostSources(t *testing.T) {
	const osRelease = "NAME=x\nVERSION_CODENAME=\"bookworm\"\n"
	for _, c := range []struct {
		name  string
		files map[string]string
		want  []string
	}{
		{
			name: "takes the distribution's suites from the old format",
			files: map[string]string{
				"etc/os-release":       osRelease,
				"etc/apt/sources.list": "# x\ndeb [arch=amd64 signed-by=/k.gpg] http://m/debian/ bookworm main contrib # y\ndeb-src http://m/debian bookworm main\n",
			},
			want: []string{"http://m/debian bookworm"},
		},
		{
			name: "takes the distribution's suites from the new format and leaves out other archives",
			files: map[string]string{
				"etc/os-release": osRelease,
				"etc/apt/sources.list.d/debian.sources": "Types: deb deb-src\nURIs: http://m/debian\nSuites: bookworm bookworm-updates\nComponents: main\n\n" +
					"Types: deb\nEnabled: no\nURIs: http://off/debian\nSuites: bookworm\nComponents: main\n",
				"etc/apt/sources.list.d/node.list":   "deb http://node/x nodistro main\n",
				"etc/apt/sources.list.d/docker.list": "deb http://docker/x bookworm stable\n",
				"etc/apt/sources.list.d/cdrom.list":  "deb cdrom:[x]/ bookworm main\n",
			},
			want: []string{"http://m/debian bookworm", "http://m/debian bookworm-updates"},
		},
		{
			name:  "falls back to Debian's mirror on another distribution",
			files: map[string]string{"etc/os-release": "NAME=Fedora\n"},
			want: []string{
				"http://deb.debian.org/debian trixie", "http://deb.debian.org/debian trixie-updates", "http://deb.debian.org/debian-security trixie-security",
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			for name, content := range c.files {
				path := filepath.Join(root, name)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			sources, _, err := HostSources(root)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, s := range sources {
				got = append(got, s.String())
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestSourcesThatCannotBeUnderstoodAreNamed(t *testing.T) {
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "etc/apt"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "etc/apt/sources.list"), []byte("\ndebb http://x y main\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := HostSources(root); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("the error is %v, want the line named", err)
	}
}

func TestSourceOptions(t *testing.T) {
	all, err := ParseSourcesList(strings.NewReader("deb [ signed-by=/a/key.gpg arch=amd64 ] https://m/debian bookworm main"))
	if err != nil || len(all) != 1 || all[0].SignedBy != "/a/key.gpg" {
		t.Errorf("got %+v, %v", all, err)
	}
	inline, err := ParseSources(strings.NewReader("Types: deb\nURIs: http://m\nSuites: s\nComponents: main\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n x\n"))
	if err != nil || len(inline) != 1 || inline[0].SignedBy != "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nx" {
		t.Errorf("an inline key became %+v, %v", inline, err)
	}
}

func FuzzSources(f *testing.F) {
	f.Add("deb [signed-by=/k] http://m/debian bookworm main")
	f.Add("Types: deb\nURIs: http://m\nSuites: a b\n")
	f.Fuzz(func(t *testing.T, text string) {
		one, err := ParseSourcesList(strings.NewReader(text))
		if err == nil {
			for _, s := range one {
				if s.Suite == "" {
					t.Errorf("%q gave a source without a suite", text)
				}
			}
		}
		_, _ = ParseSources(strings.NewReader(text)) // must not panic
	})
}

func TestAptSettings(t *testing.T) {
	a := parseApt([]byte("Acquire::http::Proxy \"http://p:3128/\";\nAcquire::http::Proxy::direct.example.org \"DIRECT\";\nAcquire::Check-Valid-Until \"false\";\n"))
	if !a.IgnoresValidUntil() {
		t.Error("the switched-off check is not seen")
	}
	proxy := func(url string) string {
		r, err := http.NewRequest(http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		u, err := a.Proxy(r)
		if err != nil {
			t.Fatal(err)
		}
		if u == nil {
			return ""
		}
		return u.Host
	}
	if got := proxy("http://deb.example.org/x"); got != "p:3128" {
		t.Errorf("the proxy is %q", got)
	}
	if got := proxy("http://direct.example.org/x"); got != "" {
		t.Errorf("the proxy of a host without one is %q", got)
	}
}
