package manifest

import (
	"slices"
	"strings"

	"github.com/slipway-dev/slipway/node/kubeadm"
)

// arguments are the default ones of a component, by name.
type arguments map[string]string

// command returns the command line: the defaults sorted by name, then what the user gave in the user's order. A name that
// the user gave replaces its default.
func (defaults arguments) command(program string, extra []kubeadm.Arg) []string {
	return append([]string{program}, Arguments(defaults, extra)...)
}

// Arguments is the part of a command line after the program, by the rule that kubeadm has for all of them.
func Arguments(defaults map[string]string, extra []kubeadm.Arg) []string {
	var args []kubeadm.Arg
	for name, value := range defaults {
		if !slices.ContainsFunc(extra, func(a kubeadm.Arg) bool { return a.Name == name }) {
			args = append(args, kubeadm.Arg{Name: name, Value: value})
		}
	}
	slices.SortFunc(args, func(a, b kubeadm.Arg) int { return strings.Compare(a.Name, b.Name) })
	line := make([]string, 0, len(args)+len(extra))
	for _, a := range append(args, extra...) {
		line = append(line, "--"+a.Name+"="+a.Value)
	}
	return line
}
