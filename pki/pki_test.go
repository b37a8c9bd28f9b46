package pki_test

import (
	"crypto/rand"
	"crypto/x509"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipway-dev/slipway/pki"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func facts() pki.Facts {
	return pki.Facts{
		NodeName: "cp-1", DNSDomain: "cluster.local", ControlPlaneHost: "api.example.com",
		AdvertiseAddress: netip.MustParseAddr("10.5.0.2"), ServiceIP: netip.MustParseAddr("10.96.0.1"),
		APIServerSANs: []string{"Extra.Example.com", "192.0.2.7"},
	}
}

func authority(t *testing.T, name string) pki.Pair {
	t.Helper()
	ca, err := pki.NewAuthority(rand.Reader, now, pki.Request{CommonName: name}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

func TestEveryProfileGivesACertificateThatItsAuthorityVouchesFor(t *testing.T) {
	made := map[string]pki.Pair{}
	for _, p := range pki.Profiles() {
		r := p.Request(facts())
		if p.IsAuthority() {
			made[p.Name] = authority(t, r.CommonName)
			continue
		}
		pair, err := made[p.Authority].Issue(rand.Reader, now, r)
		if err != nil {
			t.Fatalf("%s: %v", p.Name, err)
		}
		if err := pki.Check(pair, made[p.Authority].Cert, r, now); err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
		if got := now.Sub(pair.Cert.NotBefore); got != pki.Backdate {
			t.Errorf("%s is valid since %s before now", p.Name, got)
		}
		if got := pair.Cert.NotAfter.Sub(now); got != pki.DefaultLifetime {
			t.Errorf("%s is valid for %s", p.Name, got)
		}
	}
}

func TestTheAPIServersCertificateIsForAllItsNames(t *testing.T) {
	p, _ := pki.ProfileNamed("apiserver")
	pair, err := authority(t, "kubernetes").Issue(rand.Reader, now, p.Request(facts()))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"api.example.com", "cp-1", "extra.example.com", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"}
	if !slices.Equal(pair.Cert.DNSNames, want) {
		t.Errorf("names: %v", pair.Cert.DNSNames)
	}
	for _, ip := range []string{"10.96.0.1", "10.5.0.2", "192.0.2.7"} {
		if pair.Cert.VerifyHostname(ip) != nil {
			t.Errorf("not valid for %s", ip)
		}
	}
}

func TestCheckTellsWhyACertificateCannotBeUsed(t *testing.T) {
	ca, other := authority(t, "kubernetes"), authority(t, "kubernetes")
	r := pki.Request{CommonName: "x", Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, SANs: pki.SANs{DNS: []string{"a"}}}
	pair, err := ca.Issue(rand.Reader, now, r)
	if err != nil {
		t.Fatal(err)
	}
	wider := r
	wider.SANs.DNS = []string{"a", "b"}
	tests := []struct {
		name string
		pair pki.Pair
		ca   pki.Pair
		r    pki.Request
		at   time.Time
		want string
	}{
		{name: "it is as asked for", pair: pair, ca: ca, r: r, at: now},
		{name: "another authority signed it", pair: pair, ca: other, r: r, at: now, want: pki.ErrForeign.Error()},
		{name: "a name is missing", pair: pair, ca: ca, r: wider, at: now, want: "not valid for the name b"},
		{name: "it expired", pair: pair, ca: ca, r: r, at: now.Add(2 * pki.DefaultLifetime), want: "it expired on"},
		{name: "it is not valid yet", pair: pair, ca: ca, r: r, at: now.Add(-time.Hour), want: "valid only from"},
		{name: "the key is another's", pair: pki.Pair{Cert: pair.Cert, Key: ca.Key}, ca: ca, r: r, at: now, want: "its key belongs to another"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := pki.Check(tt.pair, tt.ca.Cert, tt.r, tt.at)
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestAnAuthorityWithoutItsKeySignsNothing(t *testing.T) {
	ca := authority(t, "kubernetes")
	ca.Key = nil
	if _, err := ca.Issue(rand.Reader, now, pki.Request{CommonName: "x", Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err == nil || !strings.Contains(err.Error(), "is not here") {
		t.Errorf("got %v", err)
	}
}

func TestKeysOfEveryAlgorithmCanBeReadBack(t *testing.T) {
	for _, a := range []pki.Algorithm{"", pki.ECDSAP256, pki.ECDSAP384, pki.RSA2048} {
		key, err := pki.NewKey(rand.Reader, a)
		if err != nil {
			t.Fatal(err)
		}
		data, err := pki.EncodeKey(key)
		if err != nil {
			t.Fatal(err)
		}
		again, err := pki.DecodeKey(data)
		if err != nil {
			t.Fatal(err)
		}
		if public, ok := again.Public().(interface{ Equal(any) bool }); ok && !public.Equal(key.Public()) {
			t.Errorf("%s: another key came back", a)
		}
	}
	if _, err := pki.NewKey(rand.Reader, "ROT-13"); err == nil {
		t.Error("an unknown algorithm was taken")
	}
}

func TestKubeconfigsCanBeReadBack(t *testing.T) {
	k := pki.Kubeconfig{Cluster: "kubernetes", User: "kubernetes-admin", Server: "https://10.5.0.2:6443", CA: []byte("ca"), Cert: []byte("cert"), Key: []byte("key")}
	data, err := k.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := pki.DecodeKubeconfig(data)
	if err != nil || got.User != k.User || got.Server != k.Server || string(got.Key) != "key" || !got.Trusts([]byte("ca\n")) {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, bad := range []string{"", "a: [", "current-context: x\n", "current-context: x\ncontexts: [{name: x, context: {cluster: a, user: b}}]\n"} {
		if _, err := pki.DecodeKubeconfig([]byte(bad)); err == nil {
			t.Errorf("%q was taken for a kubeconfig", bad)
		}
	}
}

func TestTokensHaveTheFormThatKubernetesWants(t *testing.T) {
	for range 100 {
		token, err := pki.NewToken(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := pki.ParseToken(token.String()); err != nil || again != token {
			t.Fatalf("%s: %v", token, err)
		}
	}
	if _, err := pki.ParseToken("abcdef.0123456789ABCDEF"); err == nil || strings.Contains(err.Error(), "ABCDEF") {
		t.Errorf("got %v", err)
	}
}

func TestWhatIsSealedCanBeOpenedOnlyWithTheKey(t *testing.T) {
	key, err := pki.NewCertificateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := pki.Seal(rand.Reader, key, []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := pki.Open(key, sealed); err != nil || string(plain) != "secret" {
		t.Errorf("got %q, %v", plain, err)
	}
	other, _ := pki.NewCertificateKey(rand.Reader)
	if _, err := pki.Open(other, sealed); err == nil {
		t.Error("another key opened it")
	}
	if _, err := pki.Seal(rand.Reader, "abcd", nil); err == nil {
		t.Error("a short key was taken")
	}
}

func TestErrForeignCanBeTold(t *testing.T) {
	ca, other := authority(t, "a"), authority(t, "b")
	if err := pki.Check(pki.Pair{Cert: other.Cert}, ca.Cert, pki.Request{}, now); !errors.Is(err, pki.ErrForeign) {
		t.Errorf("got %v", err)
	}
}
