package network

import (
	"io/fs"
	"testing"
)

func TestMachinesGetNameServersTheyCanReach(t *testing.T) {
	cfg, err := New("a", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, etc, resolved string
		want                string
		warns               bool
	}{
		{name: "plain", etc: "# made by hand\nnameserver 192.0.2.53\nsearch example.org\n", want: "nameserver 192.0.2.53\nsearch example.org\n"},
		{
			name: "the stub of systemd-resolved", etc: "nameserver 127.0.0.53\noptions edns0 trust-ad\n",
			resolved: "nameserver 192.0.2.1\nnameserver fe80::1%eth0\noptions edns0 trust-ad\n", want: "nameserver 192.0.2.1\noptions edns0\n",
		},
		{name: "loopback beside a real one", etc: "nameserver 127.0.0.1\nnameserver 192.0.2.2\n", want: "nameserver 192.0.2.2\n"},
		{
			name: "more than resolvers read", etc: "nameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.0.2.3\nnameserver 192.0.2.4\n",
			want: "nameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.0.2.3\n",
		},
		{name: "only loopback", etc: "nameserver 127.0.0.1\n", want: "nameserver 10.213.0.1\n", warns: true},
		{name: "nothing at all", want: "nameserver 10.213.0.1\n", warns: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			read := func(path string) ([]byte, error) {
				content := map[string]string{resolvConf: tt.etc, resolvedConf: tt.resolved}[path]
				if content == "" {
					return nil, fs.ErrNotExist
				}
				return []byte(content), nil
			}
			r, warning := cfg.MachineResolver(read)
			if r.String() != tt.want || (warning != "") != tt.warns {
				t.Errorf("got %q, warning %q; want %q", r, warning, tt.want)
			}
		})
	}
}

func FuzzParseResolver(f *testing.F) {
	f.Add([]byte("nameserver 192.0.2.53\nsearch a b\noptions ndots:5\n"))
	f.Add([]byte("nameserver fe80::1%eth0"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, a := range ParseResolver(data).Reachable().Nameservers {
			if a.IsLoopback() {
				t.Errorf("%s is not reachable", a)
			}
		}
	})
}
