package main

import (
	"testing"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
)

func TestEveryDirectiveIsEitherCompiledInOrLeftOutForAReason(t *testing.T) {
	compiled := map[string]bool{}
	for _, name := range caddy.ListPlugins()["others"] {
		compiled[name] = true
	}
	for _, name := range dnsserver.Directives {
		_, err := caddy.DirectiveAction("dns", name)
		in := err == nil
		if _, out := leftOut[name]; in == out {
			t.Errorf("directive %q: compiled in is %t, left out is %t", name, in, out)
		}
	}
}
