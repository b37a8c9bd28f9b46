package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/slipway-dev/slipway/internal/cli/term"
)

// WriteReference writes the command line's reference page as Markdown, from the commands themselves.
func WriteReference(w io.Writer) {
	root := rootCommand(term.Streams{}, "slipway")
	root.DisableAutoGenTag = true
	fmt.Fprint(w, "# Command line\n\nGenerated from the program (`go test ./internal/cli -update`); do not edit.\n")
	fmt.Fprint(w, "\nAnswers go to standard output, everything else to standard error. The exit status is 0 when all went well, 1 when it did\n"+
		"not, 130 when it was interrupted; `kubectl` and `shell` end with their program's own.\n")
	fmt.Fprint(w, "\n## Flags of every command\n\n")
	writeFlags(w, root.PersistentFlags())
	for _, cmd := range root.Commands() {
		writeCommand(w, cmd)
	}
	fmt.Fprint(w, "\n## slipway completion bash|zsh|fish|powershell\n\nPrints a script that completes commands and flags in that shell; "+
		"`slipway completion bash --help` says how to load it.\n")
}

func writeCommand(w io.Writer, cmd *cobra.Command) {
	if cmd.Hidden || cmd.Name() == "help" || cmd.Name() == "completion" {
		return
	}
	if cmd.HasSubCommands() {
		fmt.Fprintf(w, "\n## %s\n\n%s.\n", cmd.CommandPath(), cmd.Short)
		for _, sub := range cmd.Commands() {
			writeCommand(w, sub)
		}
		return
	}
	level := strings.Repeat("#", 2+strings.Count(cmd.CommandPath(), " ")-1)
	fmt.Fprintf(w, "\n%s %s\n\n", level, cmd.UseLine())
	if cmd.Long != "" {
		fmt.Fprintln(w, cmd.Long)
	} else {
		fmt.Fprintln(w, cmd.Short+".")
	}
	if cmd.Example != "" {
		fmt.Fprintf(w, "\n```\n%s\n```\n", cmd.Example)
	}
	if cmd.LocalNonPersistentFlags().HasAvailableFlags() {
		fmt.Fprintln(w)
		writeFlags(w, cmd.LocalNonPersistentFlags())
	}
}

func writeFlags(w io.Writer, flags *pflag.FlagSet) {
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		name, usage := pflag.UnquoteUsage(f)
		short := ""
		if f.Shorthand != "" {
			short = "-" + f.Shorthand + ", "
		}
		fmt.Fprintf(w, "- `%s`: %s\n", strings.TrimSpace(short+"--"+f.Name+" "+name), usage)
	})
}
