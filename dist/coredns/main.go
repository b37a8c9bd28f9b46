// Command coredns is CoreDNS with upstream's plugins except those that bring a vendor's client library into every process:
// they more than double the size and would be resident in a cluster that never names them. A Corefile that uses one of
// them is refused at start with CoreDNS's own "unknown directive"; such a cluster runs upstream's image instead.
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"
)

// leftOut maps the directives that upstream registers and this program does not to the reason.
var leftOut = map[string]string{
	"azure":    "Azure SDK",
	"clouddns": "Google Cloud API clients",
	"dnssec":   "AWS SDK, to read signing keys from its Secrets Manager",
	"nomad":    "HashiCorp Nomad API client",
	"route53":  "AWS SDK",
	"trace":    "Datadog and Zipkin tracers",
}

func main() {
	dnsserver.Directives = kept(dnsserver.Directives)
	coremain.Run()
}

// kept returns directives in their order, which decides how plugins are chained, without those left out.
func kept(directives []string) []string {
	var all []string
	for _, name := range directives {
		if _, ok := leftOut[name]; !ok {
			all = append(all, name)
		}
	}
	return all
}
