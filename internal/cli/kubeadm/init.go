package kubeadm

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"text/template"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/slipway-dev/slipway/host"
	"github.com/slipway-dev/slipway/internal/cli/term"
	"github.com/slipway-dev/slipway/node"
	kubeadmapi "github.com/slipway-dev/slipway/node/kubeadm"
	"github.com/slipway-dev/slipway/pki"
	"github.com/slipway-dev/slipway/plan"
)

// initFlags are kubeadm's flags of init.
type initFlags struct {
	config                                                    string
	advertiseAddress, nodeName, criSocket                     string
	kubernetesVersion, imageRepository                        string
	podNetwork, serviceNetwork, dnsDomain                     string
	controlPlaneEndpoint, certDir, patches                    string
	token, certificateKey                                     string
	bindPort                                                  int32
	tokenTTL, registerWithin                                  time.Duration
	certSANs, ignorePreflight, skipPhases                     []string
	dryRun, uploadCerts, skipTokenPrint                       bool
	apiServerLater, skipCertificateKeyPrint, controllersLater bool
}

func initCommand() *cobra.Command {
	f := &initFlags{}
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Make this machine the first control plane node of a cluster",
		Long:  "Make this machine the first control plane node of a cluster.\n\nThe phases are:\n" + phaseList(),
		Args:  notThere,
		RunE:  func(cmd *cobra.Command, _ []string) error { return runInit(cmd, f, nil) },
	}
	f.add(cmd.Flags())
	cmd.AddCommand(phaseCommand())
	return cmd
}

func (f *initFlags) add(fs *pflag.FlagSet) {
	fs.StringVar(&f.config, "config", "", "kubeadm configuration file")
	fs.StringVar(&f.advertiseAddress, "apiserver-advertise-address", "", "IP address at which the API server is reached; that of the default route if not set")
	fs.Int32Var(&f.bindPort, "apiserver-bind-port", kubeadmapi.DefaultBindPort, "port of the API server")
	fs.StringSliceVar(&f.certSANs, "apiserver-cert-extra-sans", nil, "further names and addresses for the API server's certificate")
	fs.StringVar(&f.certDir, "cert-dir", kubeadmapi.DefaultCertificatesDir, "directory of the certificates")
	fs.StringVar(&f.certificateKey, "certificate-key", "", "key that encrypts uploaded certificates")
	fs.StringVar(&f.controlPlaneEndpoint, "control-plane-endpoint", "", "stable address of the control plane")
	fs.StringVar(&f.criSocket, "cri-socket", "", "socket of the container runtime")
	fs.BoolVar(&f.dryRun, "dry-run", false, "print what would be done, and do nothing")
	fs.StringSliceVar(&f.ignorePreflight, "ignore-preflight-errors", nil, "checks whose errors are shown as warnings; all for all of them")
	fs.StringVar(&f.imageRepository, "image-repository", kubeadmapi.DefaultImageRepository, "where the control plane's images are")
	fs.StringVar(&f.kubernetesVersion, "kubernetes-version", kubeadmapi.DefaultKubernetesVersion, "Kubernetes version of the control plane")
	fs.StringVar(&f.nodeName, "node-name", "", "name of the node; the machine's if not set")
	fs.StringVar(&f.patches, "patches", "", "directory of patches for this node")
	fs.StringVar(&f.podNetwork, "pod-network-cidr", "", "address range of pods")
	fs.StringVar(&f.serviceNetwork, "service-cidr", kubeadmapi.DefaultServiceSubnet, "address range of Services")
	fs.StringVar(&f.dnsDomain, "service-dns-domain", kubeadmapi.DefaultDNSDomain, "domain of Services")
	fs.StringSliceVar(&f.skipPhases, "skip-phases", nil, "phases or steps to leave out")
	fs.StringVar(&f.token, "token", "", "bootstrap token; a random one if not set")
	fs.DurationVar(&f.tokenTTL, "token-ttl", kubeadmapi.DefaultTokenTTL, "how long the token lives, 0 for ever")
	fs.BoolVar(&f.uploadCerts, "upload-certs", false, "keep the certificates, encrypted, in the cluster for further control plane nodes")
	fs.BoolVar(&f.skipTokenPrint, "skip-token-print", false, "do not print the token")
	fs.BoolVar(&f.skipCertificateKeyPrint, "skip-certificate-key-print", false, "do not print the certificate key")
	fs.DurationVar(&f.registerWithin, "register-within", 0, "restart the kubelet once when it has not registered the node so long after the API server answers")
	fs.BoolVar(&f.apiServerLater, "apiserver-later", false, "start the API server when etcd answers")
	fs.BoolVar(&f.controllersLater, "controllers-later", false, "start controller manager and scheduler when the API server answers")
}

// mixable are the flags that may stand beside --config, which says everything else.
func mixable(name string) bool {
	return strings.HasPrefix(name, "skip-") ||
		slices.Contains([]string{"config", "ignore-preflight-errors", "dry-run", "node-name", "upload-certs", "controllers-later", "apiserver-later", "register-within", "v"}, name)
}

// load returns what the configuration file says, or the flags when there is none.
func (f *initFlags) load(cmd *cobra.Command) (*kubeadmapi.Config, error) {
	if f.config == "" {
		return f.asConfig()
	}
	var mixed []string
	cmd.Flags().Visit(func(flag *pflag.Flag) {
		if !mixable(flag.Name) {
			mixed = append(mixed, "--"+flag.Name)
		}
	})
	if len(mixed) > 0 {
		return nil, fmt.Errorf("--config and %s cannot be used together: put the value into the file", strings.Join(mixed, ", "))
	}
	c, err := loadFile(cmd, f.config)
	if err != nil {
		return nil, err
	}
	if f.nodeName != "" {
		if c.Init == nil {
			c.Init = &kubeadmapi.InitConfiguration{}
		}
		c.Init.NodeRegistration.Name = f.nodeName
	}
	return c, nil
}

func loadFile(cmd *cobra.Command, name string) (*kubeadmapi.Config, error) {
	if name == "-" {
		return kubeadmapi.LoadFrom(cmd.InOrStdin())
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("reading the kubeadm configuration: %w", err)
	}
	c, err := kubeadmapi.Load(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return c, nil
}

func (f *initFlags) asConfig() (*kubeadmapi.Config, error) {
	in := &kubeadmapi.InitConfiguration{
		BootstrapTokens:  []kubeadmapi.BootstrapToken{{TTL: &metav1.Duration{Duration: f.tokenTTL}}},
		CertificateKey:   f.certificateKey,
		LocalAPIEndpoint: kubeadmapi.APIEndpoint{AdvertiseAddress: f.advertiseAddress, BindPort: f.bindPort},
		NodeRegistration: kubeadmapi.NodeRegistrationOptions{Name: f.nodeName, CRISocket: f.criSocket},
	}
	if f.token != "" {
		token, err := pki.ParseToken(f.token)
		if err != nil {
			return nil, fmt.Errorf("--token: %w", err)
		}
		in.BootstrapTokens[0].Token = &kubeadmapi.TokenString{Token: token}
	}
	if f.patches != "" {
		in.Patches = &kubeadmapi.Patches{Directory: f.patches}
	}
	cluster := &kubeadmapi.ClusterConfiguration{
		KubernetesVersion:    f.kubernetesVersion,
		ControlPlaneEndpoint: f.controlPlaneEndpoint,
		CertificatesDir:      f.certDir,
		ImageRepository:      f.imageRepository,
		Networking:           kubeadmapi.Networking{PodSubnet: f.podNetwork, ServiceSubnet: f.serviceNetwork, DNSDomain: f.dnsDomain},
		APIServer:            kubeadmapi.APIServer{CertSANs: f.certSANs},
	}
	return &kubeadmapi.Config{Init: in, Cluster: cluster}, nil
}

// runInit plans and applies init, or the phases in only.
func runInit(cmd *cobra.Command, f *initFlags, only []string) error {
	c, err := f.load(cmd)
	if err != nil {
		return err
	}
	verbosity, err := cmd.Flags().GetInt("v")
	if err != nil {
		return err
	}
	out := &lines{w: cmd.ErrOrStderr(), starts: verbosity > 0}
	o := node.InitOptions{SkipPhases: f.skipPhases, Only: only, Environment: os.Environ()}
	o.IgnorePreflight, o.UploadCerts, o.ControllersLater = f.ignorePreflight, f.uploadCerts, f.controllersLater
	o.APIServerLater, o.RegisterWithin = f.apiServerLater, f.registerWithin
	o.Warn = out.warn
	planned, err := node.PlanInit(cmd.Context(), host.Local{}, c, o)
	if err != nil {
		return err
	}
	if f.dryRun || planned.Config.DryRun {
		return printPlan(cmd.OutOrStdout(), planned.Plan)
	}
	if err := (plan.Executor{Report: out.report}).Apply(cmd.Context(), planned.Plan); err != nil {
		return err
	}
	skipped := append(slices.Clone(f.skipPhases), planned.Config.SkipPhases...)
	if len(only) > 0 || slices.Contains(skipped, "show-join-command") {
		return nil
	}
	return f.showJoin(cmd.OutOrStdout(), planned)
}

func (f *initFlags) showJoin(w io.Writer, planned *node.Init) error {
	join, err := planned.JoinCommand()
	if err != nil {
		return err
	}
	if f.skipTokenPrint {
		token := planned.Config.BootstrapTokens[0].Token.String()
		join.Worker = strings.ReplaceAll(join.Worker, token, "<value withheld>")
		join.ControlPlane = strings.ReplaceAll(join.ControlPlane, token, "<value withheld>")
	}
	if key := planned.Config.CertificateKey; f.skipCertificateKeyPrint && key != "" {
		join.ControlPlane = strings.ReplaceAll(join.ControlPlane, key, "<value withheld>")
	}
	t, err := template.New("").Parse(doneText)
	if err != nil {
		return err
	}
	return t.Execute(w, join)
}

const doneText = `Your Kubernetes control-plane has initialized successfully!

To use the cluster as root:

  export KUBECONFIG=/etc/kubernetes/admin.conf

Network, DNS and kube-proxy addons are not installed by this command: apply them next.
{{- if .ControlPlane}}

A further control plane node joins with this command, run as root{{if .UploadedCerts}} within two hours{{else}} after the certificate authorities and service account keys have been copied to it{{end}}:

  {{.ControlPlane}}
{{- end}}

A worker joins with this command, run as root:

  {{.Worker}}
`

// lines tells of steps and warnings, a line each.
type lines struct {
	mu     sync.Mutex
	w      io.Writer
	starts bool // tell when steps begin, too
}

func (l *lines) warn(text string) { l.print("%s\n", text) }

func (l *lines) report(e plan.Event) {
	switch {
	case e.Phase == plan.Started && l.starts:
		l.print("[%s] %s begins\n", e.Step, e.Object)
	case e.Phase == plan.Done:
		l.print("[%s] %s (%s)\n", e.Step, e.Object, term.Duration(e.Elapsed))
	}
}

func (l *lines) print(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = fmt.Fprintf(l.w, format, args...) // progress that cannot be shown is no reason to stop
}

// printPlan shows what would be done.
func printPlan(w io.Writer, p plan.Plan) error {
	if p.Empty() {
		_, err := fmt.Fprintln(w, "Nothing has to be done.")
		return err
	}
	var errs []error
	for _, s := range p.Steps {
		_, err := fmt.Fprintf(w, "%-8s %-40s %s\n", s.Action, s.ID, s.Object)
		errs = append(errs, err)
		if s.Reason != "" {
			_, err = fmt.Fprintf(w, "         because %s\n", s.Reason)
			errs = append(errs, err)
		}
		for line := range strings.Lines(s.Diff) {
			_, err = fmt.Fprintf(w, "         %s", line)
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
