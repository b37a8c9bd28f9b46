package debian

import (
	"bufio"
	"bytes"
	"context"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
)

// Apt is what the host's apt is set to that matters for fetching: proxies, and whether release files go stale.
type Apt map[string]string // by lower-case option, such as "acquire::http::proxy"

// HostApt asks the host's apt-config. A host without apt has no settings.
func HostApt(ctx context.Context) Apt {
	out, err := exec.CommandContext(ctx, "apt-config", "dump", "Acquire::http", "Acquire::https", "Acquire::Check-Valid-Until").Output()
	if err != nil {
		return nil
	}
	return parseApt(out)
}

// parseApt reads lines of the form `Acquire::http::Proxy "http://proxy:3128/";`.
func parseApt(dump []byte) Apt {
	a := Apt{}
	for lines := bufio.NewScanner(bytes.NewReader(dump)); lines.Scan(); {
		option, value, ok := strings.Cut(lines.Text(), " ")
		if value = strings.Trim(strings.TrimSuffix(value, ";"), `"`); ok && value != "" {
			a[strings.ToLower(option)] = value
		}
	}
	return a
}

// IgnoresValidUntil reports whether the host's administrator has switched the check for stale mirrors off, as one must for
// a snapshot of the archive.
func (a Apt) IgnoresValidUntil() bool {
	switch strings.ToLower(a["acquire::check-valid-until"]) {
	case "false", "no", "0", "off", "without", "disable":
		return true
	}
	return false
}

// Proxy chooses the proxy for a request: apt's for the host, apt's for the scheme, then that of the environment.
func (a Apt) Proxy(r *http.Request) (*url.URL, error) {
	base := "acquire::" + r.URL.Scheme + "::proxy"
	for _, option := range []string{base + "::" + strings.ToLower(r.URL.Hostname()), base} {
		switch proxy := a[option]; {
		case proxy == "":
		case strings.EqualFold(proxy, "DIRECT"), strings.EqualFold(proxy, "false"):
			return nil, nil
		default:
			return url.Parse(proxy)
		}
	}
	return http.ProxyFromEnvironment(r)
}
