// Package cli is the command line: flags in, one library call, an answer out. Each command is a file of its name; a command
// decides nothing itself.
package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipway-dev/slipway/internal/cli/kubeadm"
	"github.com/slipway-dev/slipway/internal/cli/term"
	"github.com/slipway-dev/slipway/plan"
)

// Run is the whole program: args[0] is the name it was called by. It returns the exit status.
func Run(ctx context.Context, streams term.Streams, args []string) int {
	name := strings.TrimSuffix(filepath.Base(args[0]), ".exe")
	if name == "systemctl" {
		return systemctl(ctx, streams, args[1:])
	}
	cmd := rootCommand(streams, args[0])
	if name == "kubeadm" {
		cmd = kubeadm.Command()
	}
	cmd.SetArgs(args[1:])
	cmd.SetIn(streams.In)
	cmd.SetOut(streams.Out)
	cmd.SetErr(streams.Err)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	if err := cmd.ExecuteContext(ctx); err != nil {
		return status(streams, ctx, err)
	}
	return 0
}

// status prints err, unless it is another program's exit that has already said why, and returns the exit status.
func status(streams term.Streams, ctx context.Context, err error) int {
	var exit *exec.ExitError
	var silent *ExitStatus
	switch {
	case errors.As(err, &silent):
		return silent.Code
	case errors.As(err, &exit) && exit.ExitCode() > 0:
		return exit.ExitCode()
	case ctx.Err() != nil:
		term.PrintError(streams.Err, term.WithHint(errors.New("interrupted"), "run the same command again: it goes on from what is there"))
		return 130 // what shells report for SIGINT
	}
	term.PrintError(streams.Err, err)
	return 1
}

// ExitStatus ends the program with a status and no message of its own.
type ExitStatus struct{ Code int }

func (e *ExitStatus) Error() string { return fmt.Sprintf("exit status %d", e.Code) }

// options are the flags that all commands share.
type options struct {
	streams term.Streams
	program string // what it was called by, for the commands it suggests
	home    string
	output  string
}

func rootCommand(streams term.Streams, program string) *cobra.Command {
	o := &options{streams: streams, program: program}
	root := &cobra.Command{
		Use:   "slipway",
		Short: "Kubernetes clusters, from a laptop to racks of servers",
		Long: "Slipway looks after the whole life of Kubernetes clusters with one program.\n\n" +
			"  slipway up        a working cluster on this machine\n" +
			"  slipway kubectl   talk to it\n" +
			"  slipway down      and away with it",
		Args: noSuchCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.PersistentFlags().StringVar(&o.home, "home", defaultHome(), "directory of clusters, images and releases")
	root.PersistentFlags().StringVarP(&o.output, "output", "o", "", `how to answer: "json", or empty for text`)
	root.PersistentPreRunE = func(*cobra.Command, []string) error {
		if o.output != "" && o.output != string(term.JSON) {
			return term.WithHint(fmt.Errorf("unknown output format %q", o.output), `use -o json, or leave it out for text`)
		}
		return nil
	}
	root.SuggestionsMinimumDistance = 2
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return term.WithHint(err, "%s --help lists the flags", cmd.CommandPath())
	})
	root.AddCommand(commands(o)...)
	return root
}

// noSuchCommand answers a misspelt command with the nearest ones.
func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	err := fmt.Errorf("no command %q", args[0])
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		return term.WithHint(err, "did you mean %s %s?", cmd.CommandPath(), strings.Join(near, " or "))
	}
	return term.WithHint(err, "%s --help lists the commands", cmd.CommandPath())
}

func (o *options) json() bool { return o.output == string(term.JSON) }

// progress shows a plan's events where they belong: JSON events are the answer, a person's lines are not.
func (o *options) progress() *term.Progress {
	if o.json() {
		return term.NewProgress(o.streams.Out, term.JSON)
	}
	return term.NewProgress(o.streams.Err, term.Text)
}

// apply applies p with progress and a journal, which may be nil.
func (o *options) apply(ctx context.Context, p plan.Plan, journal *plan.Journal) error {
	// Keys lie below it: whatever comes first makes it its owner's alone.
	if err := os.MkdirAll(o.home, 0o700); err != nil {
		return err
	}
	progress := o.progress()
	defer progress.Close()
	return plan.Executor{Report: progress.Report, Journal: journal}.Apply(ctx, p)
}
