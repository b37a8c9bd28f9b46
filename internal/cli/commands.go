package cli

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-dev/slipway/cluster"
	"github.com/slipway-dev/slipway/engine"
	"github.com/slipway-dev/slipway/internal/cli/term"
	"github.com/slipway-dev/slipway/node/agent"
	"github.com/slipway-dev/slipway/release"
)

// commands is the table of contents of the program.
func commands(o *options) []*cobra.Command {
	return []*cobra.Command{
		upCommand(o), downCommand(o), listCommand(o),
		kubeconfigCommand(o), kubectlCommand(o), shellCommand(o), logsCommand(o),
		releaseCommand(o), imageCommand(o),
		doctorCommand(o), versionCommand(o),
		agentCommand(o), keeperCommand(o), gatewayCommand(o),
	}
}

func defaultHome() string {
	if home := os.Getenv("SLIPWAY_HOME"); home != "" {
		return home
	}
	return engine.DefaultHome
}

// local is this host as a place for clusters, as the flags have it.
func (o *options) local(f sourceFlags) (*cluster.Local, error) {
	executable, err := os.Executable()
	if err == nil {
		executable, err = filepath.EvalSymlinks(executable)
	}
	if err != nil {
		return nil, fmt.Errorf("finding this program's file: %w", err)
	}
	sources, err := f.sources()
	if err != nil {
		return nil, err
	}
	home, err := filepath.Abs(o.home)
	if err != nil {
		return nil, err
	}
	return &cluster.Local{
		Home: home, RunDir: runDir(home), Arch: runtime.GOARCH, Executable: executable,
		Sources: sources, Mirror: f.mirror, Rand: rand.Reader, Now: time.Now,
		Warn: func(message string) { fmt.Fprintln(o.streams.Err, "warning:", message) },
	}, nil
}

// runDir keeps what runs of another home apart, so that two homes can each have a cluster of the same name.
func runDir(home string) string {
	if home == engine.DefaultHome {
		return engine.DefaultRun
	}
	sum := sha256.Sum256([]byte(home)) // short: sockets have 108 characters for their whole path
	return filepath.Join(engine.DefaultRun+"-homes", hex.EncodeToString(sum[:6]))
}

// named returns the cluster to act on: the one in args, in the environment, or the only one there is.
func (o *options) named(args []string) (*cluster.Local, string, error) {
	local, err := o.local(sourceFlags{})
	if err != nil {
		return nil, "", err
	}
	if err := needRoot(); err != nil {
		return nil, "", err
	}
	name, err := local.Named(nameOr(args, os.Getenv("SLIPWAY_CLUSTER")))
	return local, name, err
}

// needRoot refuses early what would fail in the middle: clusters and their keys are root's.
func needRoot() error {
	if runtime.GOOS != "linux" || os.Geteuid() == 0 {
		return nil // elsewhere the engine says that machines need Linux
	}
	return term.WithHint(errors.New("not root: machines, their networks and their keys are root's"), "sudo %s", strings.Join(os.Args, " "))
}

// sourceFlags choose where releases and base packages come from.
type sourceFlags struct {
	source, dist, mirror string
	bundle               string
}

func (f *sourceFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.source, "release-source", "", `where a release comes from that is not in the store: "download", "compile" or "bundle" (default: download, then compile)`)
	cmd.Flags().StringVar(&f.bundle, "bundle", "", "with --release-source bundle: the file that release export has written")
	cmd.Flags().StringVar(&f.dist, "dist", "", "directory of the modules to compile (default: dist/ beside this program's directory)")
	cmd.Flags().StringVar(&f.mirror, "mirror", "", "Debian mirror for the machine image's base packages (default: the one this machine's apt uses)")
}

func (f *sourceFlags) sources() ([]release.Source, error) {
	compile := release.Compile{Dist: f.dist}
	download := release.Download{Compile: compile}
	switch f.source {
	case "":
		return []release.Source{download, compile}, nil
	case "download":
		return []release.Source{download}, nil
	case "compile":
		return []release.Source{compile}, nil
	case "bundle":
		if f.bundle == "" {
			return nil, term.WithHint(errors.New("no bundle named"), "add --bundle FILE, a file that slipway release export has written")
		}
		return []release.Source{release.Bundle{Path: f.bundle}}, nil
	}
	return nil, term.WithHint(fmt.Errorf("no release source %q", f.source), `use "download", "compile" or "bundle"`)
}

func versionCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of this program and of what it supports",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			var supported []string
			for _, s := range release.AllSupported() {
				supported = append(supported, s.Kubernetes.String())
			}
			if o.json() {
				return term.Document(o.streams.Out, struct {
					term.TypeMeta
					Version    string   `json:"version"`
					Kubernetes []string `json:"kubernetes"`
					Go         string   `json:"go"`
					Platform   string   `json:"platform"`
				}{term.Kind("Version"), version, supported, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH})
			}
			_, err := fmt.Fprintf(o.streams.Out, "slipway %s (%s, %s/%s)\nKubernetes %s\n",
				version, runtime.Version(), runtime.GOOS, runtime.GOARCH, strings.Join(supported, ", "))
			return err
		},
	}
}

// version is set by the linker.
var version = "unknown"

func agentCommand(o *options) *cobra.Command {
	var options agent.Options
	var gogc int
	cmd := &cobra.Command{
		Use:    "agent",
		Short:  "Be a machine's first process",
		Args:   cobra.NoArgs,
		Hidden: true, // machines call it, people do not
		RunE: func(cmd *cobra.Command, _ []string) error {
			options.Log = o.streams.Err
			if gogc > 0 {
				pace := []string{fmt.Sprintf("GOGC=%d", gogc)}
				options.ContainerdEnv, options.KubeletEnv = pace, pace
			}
			return agent.Run(cmd.Context(), options)
		},
	}
	cmd.Flags().StringVar(&options.PauseImage, "pause-image", "", "image of pod sandboxes")
	cmd.Flags().IntVar(&gogc, "gogc", 0, "garbage collector's pace of containerd and the kubelet (default: the Go runtime's)")
	return cmd
}

func keeperCommand(o *options) *cobra.Command {
	return daemonCommand(o, "keeper", "Start a cluster's machines again when they die", (*engine.Engine).RunKeeper)
}

func gatewayCommand(o *options) *cobra.Command {
	return daemonCommand(o, "gateway", "Publish a cluster's endpoint on this host", (*engine.Engine).RunGateway)
}

func daemonCommand(o *options, name, short string, run func(*engine.Engine, context.Context, string) error) *cobra.Command {
	return &cobra.Command{
		Use:    name + " CLUSTER",
		Short:  short,
		Args:   cobra.ExactArgs(1),
		Hidden: true, // slipway starts it itself
		RunE: func(cmd *cobra.Command, args []string) error {
			local, err := o.local(sourceFlags{})
			if err != nil {
				return err
			}
			return run(local.EngineOf(args[0]), cmd.Context(), args[0])
		},
	}
}

func systemctl(ctx context.Context, streams term.Streams, args []string) int {
	return agent.Systemctl(ctx, args, streams.Out, streams.Err)
}
