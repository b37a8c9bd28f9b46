package cloudconfig

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

var instance = Instance{Hostname: "cp-1", ID: "dev-cp-1"}

func TestControlPlaneUserDataIsUnderstood(t *testing.T) {
	data, err := os.ReadFile("testdata/control-plane.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c, err := Parse(data, instance)
	if err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "control-plane.golden")
	got := dump(c)
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func dump(c *Config) string {
	var b strings.Builder
	fmt.Fprintf(&b, "hostname %q\n", c.Hostname)
	for _, f := range c.Files {
		fmt.Fprintf(&b, "line %d: file %s %s:%s %v append=%t\n%s\n", f.Line, f.Path, f.User, f.Group, f.Mode, f.Append, f.Content)
	}
	for _, r := range c.Commands {
		fmt.Fprintf(&b, "line %d: command %q %q\n", r.Line, r.Shell, r.Words)
	}
	return b.String()
}

func TestWhatIsAccepted(t *testing.T) {
	for _, test := range []struct{ name, data, want string }{
		{"nothing but the header", "#cloud-config\n", `hostname ""`},
		{"empty lists", "#cloud-config\nwrite_files:\nruncmd: []\n", `hostname ""`},
		{"a name", "#cloud-config\nhostname: node-7\n", `hostname "node-7"`},
		{"the first label of a full name", "#cloud-config\nfqdn: node-7.example.com\n", `hostname "node-7"`},
		{"names that agree", "#cloud-config\nhostname: a\nfqdn: a.example.com\n", `hostname "a"`},
		{"a file's defaults", file("content: x"), "/f : -rw-r--r-- append=false\nx"},
		{"owner without group", file("owner: etcd"), "/f etcd: "},
		{"owner by number", file("owner: '1000:1000'"), "/f 1000:1000 "},
		{"permissions as an octal number", file("permissions: 0600"), "/f : -rw-------"},
		{"permissions with the set-user-id bit", file("permissions: '4755'"), "/f : urwxr-xr-x"},
		{"appending", file("append: true"), "append=true"},
		{"base64", file("encoding: b64\n  content: eA=="), "\nx\n"},
		{"binary content", file("content: !!binary eA=="), "\nx\n"},
		{"a file without content", file("permissions: '0600'"), "append=false\n\n"},
		{"braces where there is no template", file("content: '{{ x }}'"), "\n{{ x }}\n"},
		{"a placeholder without spaces", "## template: jinja\n#cloud-config\nruncmd: ['x {{ds.meta_data.hostname}}']\n", `"x cp-1"`},
		{"Windows line ends in the header", "#cloud-config\r\nhostname: a\r\n", `hostname "a"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := Parse([]byte(test.data), instance)
			if err != nil {
				t.Fatal(err)
			}
			if got := dump(c); !strings.Contains(got, test.want) {
				t.Errorf("got\n%s\nwithout %q", got, test.want)
			}
		})
	}
}

func file(line string) string {
	return "#cloud-config\nwrite_files:\n- path: /f\n  " + line + "\n"
}

func TestWhatIsRefused(t *testing.T) {
	for _, test := range []struct{ name, data, want string }{
		{"no header", "hostname: a\n", "does not begin with"},
		{"a script", "#!/bin/sh\n", "does not begin with"},
		{"a template with no header", "## template: jinja\nhostname: a\n", "does not begin with"},
		{"broken YAML", "#cloud-config\nruncmd: [\n", "no YAML"},
		{"a list", "#cloud-config\n- a\n", "no mapping"},
		{"two documents", "#cloud-config\nhostname: a\n---\nhostname: b\n", "more than one"},
		{"users", "#cloud-config\n\nusers:\n- name: x\n", `line 3: "users" is not supported`},
		{"ntp", "#cloud-config\nntp: {enabled: true}\n", `line 2: "ntp" is not supported`},
		{"an unknown key of a file", file("defer: true"), `line 4: "write_files.defer" is not supported`},
		{"a key twice", "#cloud-config\nhostname: a\nhostname: b\n", `line 3: the key "hostname" comes twice`},
		{"an alias", "#cloud-config\nhostname: &a a\nfqdn: *a\n", "aliases"},
		{"a merge", "#cloud-config\n<<: {hostname: a}\n", "aliases"},
		{"an alias as a command", "#cloud-config\nhostname: &a a\nruncmd: [*a]\n", "line 3: a command is neither"},
		{"names that disagree", "#cloud-config\nhostname: a\nfqdn: b.example.com\n", "contradict"},
		{"a name that is none", "#cloud-config\nhostname: a_b\n", "no DNS name"},
		{"a relative path", "#cloud-config\nwrite_files: [{path: f}]\n", "not absolute"},
		{"a path that climbs", "#cloud-config\nwrite_files: [{path: /a/../b}]\n", "not absolute and clean"},
		{"no path", "#cloud-config\nwrite_files: [{content: x}]\n", "no path"},
		{"ambiguous permissions", file("permissions: 640"), "in quotes"},
		{"permissions that are none", file("permissions: 'rw'"), "in quotes"},
		{"too many permissions", file("permissions: '77777'"), "in quotes"},
		{"an owner that is none", file("owner: 'a b'"), "user:group"},
		{"an unknown encoding", file("encoding: rot13\n  content: x"), "the encoding is not one of"},
		{"bad base64", file("encoding: base64\n  content: '!'"), "not base64"},
		{"bad gzip", file("encoding: gzip+base64\n  content: eA=="), "not gzip"},
		{"content that is no text", file("content: {a: b}"), "no text"},
		{"an empty command", "#cloud-config\nruncmd: ['']\n", "neither text nor"},
		{"a command without words", "#cloud-config\nruncmd: [[]]\n", "neither text nor"},
		{"a command that is a number", "#cloud-config\nruncmd: [1]\n", "neither text nor"},
		{"an unknown placeholder", "## template: jinja\n#cloud-config\nruncmd: ['{{ ds.meta_data.region }}']\n", "line 3: the template placeholder is not supported"},
		{"a filter", "## template: jinja\n#cloud-config\nruncmd: ['{{ ds.meta_data.hostname|upper }}']\n", "line 3"},
		{"a template statement", "## template: jinja\n#cloud-config\n{% if x %}\n", "line 3: template statements"},
		{"a shell's length operator in a template", "## template: jinja\n#cloud-config\nruncmd: ['echo ${#x}']\n", "line 3: template statements"},
		{"an open placeholder", "## template: jinja\n#cloud-config\nruncmd: ['{{ ds']\n", "not closed"},
		{"too much", "#cloud-config\n" + strings.Repeat("#\n", maxSize/2), "more than"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Parse([]byte(test.data), instance)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestUnsupportedKeysAreATypedError(t *testing.T) {
	_, err := Parse([]byte("#cloud-config\nhostname: a\ndisk_setup: {}\n"), instance)
	var unsupported *UnsupportedError
	if !errors.As(err, &unsupported) || unsupported.Key != "disk_setup" || unsupported.Line != 3 {
		t.Errorf("got %v", err)
	}
}

func TestHostnamesThatWouldBreakATemplateAreRefused(t *testing.T) {
	for _, name := range []string{"", "a'b", "a b", "a\nb", "-"} {
		if _, err := Parse([]byte("## template: jinja\n#cloud-config\nhostname: {{ ds.meta_data.hostname }}\n"), Instance{Hostname: name}); err == nil {
			t.Errorf("%q was put into a template", name)
		}
	}
}

func FuzzParse(f *testing.F) {
	sample, err := os.ReadFile("testdata/control-plane.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sample)
	f.Add([]byte(file("encoding: gzip\n  content: !!binary H4sIAAAAAAAA")))
	f.Add([]byte("## template: jinja\n#cloud-config\nhostname: &a {{ ds.meta_data.hostname }}\nruncmd: [*a, [x]]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse(data, instance)
		var unsupported *UnsupportedError
		var syntax *SyntaxError
		if err != nil && !errors.As(err, &unsupported) && !errors.As(err, &syntax) {
			t.Fatalf("untyped error %v", err)
		}
		if err != nil {
			return
		}
		for _, f := range c.Files {
			if !filepath.IsAbs(f.Path) || filepath.Clean(f.Path) != f.Path || len(f.Content) > maxFile {
				t.Errorf("accepted the file %q with %d bytes", f.Path, len(f.Content))
			}
		}
		for _, command := range c.Commands {
			if (command.Shell == "") == (len(command.Words) == 0) {
				t.Errorf("accepted the command %q %q", command.Shell, command.Words)
			}
		}
	})
}
