package kubeadm

import (
	"encoding/hex"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apimachinery/pkg/util/version"

	"github.com/slipway-dev/slipway/pki"
)

// The Kubernetes minors that can be set up.
const (
	oldestMinor = 35
	newestMinor = 36
)

// Validate returns everything that is wrong with a filled in configuration, each with the path of its field.
func (in *Init) Validate() field.ErrorList {
	var errs field.ErrorList
	errs = append(errs, in.NodeRegistration.validate(field.NewPath("nodeRegistration"))...)
	for i, t := range in.BootstrapTokens {
		errs = append(errs, t.Validate(field.NewPath("bootstrapTokens").Index(i))...)
	}
	errs = append(errs, in.LocalAPIEndpoint.validate(field.NewPath("localAPIEndpoint"))...)
	errs = append(errs, validateCertificateKey(in.CertificateKey, field.NewPath("certificateKey"))...)
	if in.Patches != nil && in.Patches.Directory != "" {
		errs = append(errs, absolute(in.Patches.Directory, field.NewPath("patches", "directory"))...)
	}
	return append(errs, in.Cluster.Validate()...)
}

// Validate returns everything that is wrong with the cluster's configuration.
func (c *ClusterConfiguration) Validate() field.ErrorList {
	var errs field.ErrorList
	errs = append(errs, c.validateVersion(field.NewPath("kubernetesVersion"))...)
	errs = append(errs, c.validateNetworking(field.NewPath("networking"))...)
	errs = append(errs, validateSANs(c.APIServer.CertSANs, field.NewPath("apiServer", "certSANs"))...)
	errs = append(errs, c.APIServer.validate(field.NewPath("apiServer"))...)
	errs = append(errs, c.ControllerManager.validate(field.NewPath("controllerManager"))...)
	errs = append(errs, c.Scheduler.validate(field.NewPath("scheduler"))...)
	errs = append(errs, absolute(c.CertificatesDir, field.NewPath("certificatesDir"))...)
	errs = append(errs, repository(c.ImageRepository, field.NewPath("imageRepository"))...)
	errs = append(errs, repository(c.DNS.ImageRepository, field.NewPath("dns", "imageRepository"))...)
	errs = append(errs, c.Etcd.validate(field.NewPath("etcd"))...)
	if !slices.Contains(pki.Algorithms(), c.EncryptionAlgorithm) {
		errs = append(errs, field.NotSupported(field.NewPath("encryptionAlgorithm"), c.EncryptionAlgorithm, pki.Algorithms()))
	}
	if c.ControlPlaneEndpoint != "" {
		if _, _, err := splitHostPort(c.ControlPlaneEndpoint); err != nil {
			errs = append(errs, field.Invalid(field.NewPath("controlPlaneEndpoint"), c.ControlPlaneEndpoint, err.Error()))
		}
	}
	for _, gate := range slices.Sorted(maps.Keys(c.FeatureGates)) {
		if gate != "NodeLocalCRISocket" || !c.FeatureGates[gate] { // settled in 1.36: it is on and stays on
			errs = append(errs, field.Invalid(field.NewPath("featureGates").Key(gate), c.FeatureGates[gate], "is not supported"))
		}
	}
	return errs
}

func (c *ClusterConfiguration) validateVersion(p *field.Path) field.ErrorList {
	v, err := version.ParseSemantic(c.KubernetesVersion)
	switch {
	case err != nil:
		return field.ErrorList{field.Invalid(p, c.KubernetesVersion, "is not a version such as "+DefaultKubernetesVersion)}
	case v.Major() != 1 || v.Minor() < oldestMinor || v.Minor() > newestMinor:
		return field.ErrorList{field.Invalid(p, c.KubernetesVersion, fmt.Sprintf("is not supported: supported are v1.%d and v1.%d", oldestMinor, newestMinor))}
	}
	return nil
}

func (c *ControlPlaneComponent) validate(p *field.Path) field.ErrorList {
	errs := validateArgs(c.ExtraArgs, p.Child("extraArgs"))
	for i, v := range c.ExtraVolumes {
		at := p.Child("extraVolumes").Index(i)
		for _, problem := range validation.IsDNS1123Label(v.Name) {
			errs = append(errs, field.Invalid(at.Child("name"), v.Name, problem))
		}
		errs = append(errs, absolute(v.HostPath, at.Child("hostPath"))...)
		errs = append(errs, absolute(v.MountPath, at.Child("mountPath"))...)
	}
	return errs
}

func (n *NodeRegistrationOptions) validate(p *field.Path) field.ErrorList {
	var errs field.ErrorList
	if n.Name == "" {
		errs = append(errs, field.Required(p.Child("name"), "the machine has no name of its own"))
	}
	for _, problem := range validation.IsDNS1123Subdomain(n.Name) {
		errs = append(errs, field.Invalid(p.Child("name"), n.Name, problem))
	}
	if u, err := url.Parse(n.CRISocket); err != nil || u.Scheme != "unix" || !path.IsAbs(u.Path) {
		errs = append(errs, field.Invalid(p.Child("criSocket"), n.CRISocket, "must be a URL such as "+DefaultCRISocket))
	}
	errs = append(errs, validateArgs(n.KubeletExtraArgs, p.Child("kubeletExtraArgs"))...)
	policies := []corev1.PullPolicy{corev1.PullAlways, corev1.PullIfNotPresent, corev1.PullNever}
	if !slices.Contains(policies, n.ImagePullPolicy) {
		errs = append(errs, field.NotSupported(p.Child("imagePullPolicy"), n.ImagePullPolicy, policies))
	}
	for i, t := range n.Taints {
		at := p.Child("taints").Index(i)
		for _, problem := range validation.IsQualifiedName(t.Key) {
			errs = append(errs, field.Invalid(at.Child("key"), t.Key, problem))
		}
		effects := []corev1.TaintEffect{corev1.TaintEffectNoSchedule, corev1.TaintEffectPreferNoSchedule, corev1.TaintEffectNoExecute}
		if !slices.Contains(effects, t.Effect) {
			errs = append(errs, field.NotSupported(at.Child("effect"), t.Effect, effects))
		}
	}
	return errs
}

// Validate returns everything that is wrong with the token, without quoting it.
func (t *BootstrapToken) Validate(p *field.Path) field.ErrorList {
	var errs field.ErrorList
	if t.TTL != nil && t.Expires != nil {
		errs = append(errs, field.Forbidden(p.Child("ttl"), "excludes expires: give one of them"))
	}
	known := []string{"signing", "authentication"}
	for i, usage := range t.Usages {
		if !slices.Contains(known, usage) {
			errs = append(errs, field.NotSupported(p.Child("usages").Index(i), usage, known))
		}
	}
	if len(t.Groups) > 0 && !slices.Contains(t.Usages, "authentication") {
		errs = append(errs, field.Forbidden(p.Child("groups"), `has a meaning only with the usage "authentication"`))
	}
	for i, group := range t.Groups {
		if !groupPattern.MatchString(group) {
			errs = append(errs, field.Invalid(p.Child("groups").Index(i), group, `must begin with "system:bootstrappers:" and have lower-case letters, digits, colons and dashes`))
		}
	}
	return errs
}

var groupPattern = regexp.MustCompile(`^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$`)

func (e *APIEndpoint) validate(p *field.Path) field.ErrorList {
	var errs field.ErrorList
	if e.AdvertiseAddress == "" {
		errs = append(errs, field.Required(p.Child("advertiseAddress"), "the machine has no default route to take it from"))
	} else if ip, err := netip.ParseAddr(e.AdvertiseAddress); err != nil || ip.IsUnspecified() || ip.IsMulticast() || ip.Zone() != "" {
		errs = append(errs, field.Invalid(p.Child("advertiseAddress"), e.AdvertiseAddress, "must be the IP address at which other machines reach this one"))
	}
	if e.BindPort < 1 || e.BindPort > 65535 {
		errs = append(errs, field.Invalid(p.Child("bindPort"), e.BindPort, "must be from 1 to 65535"))
	}
	return errs
}

func (e *Etcd) validate(p *field.Path) field.ErrorList {
	switch {
	case e.Local != nil && e.External != nil:
		return field.ErrorList{field.Forbidden(p, "local and external exclude each other")}
	case e.Local != nil:
		return e.Local.validate(p.Child("local"))
	}
	return e.External.validate(p.Child("external"))
}

func (e *LocalEtcd) validate(p *field.Path) field.ErrorList {
	errs := absolute(e.DataDir, p.Child("dataDir"))
	errs = append(errs, validateSANs(e.ServerCertSANs, p.Child("serverCertSANs"))...)
	errs = append(errs, validateSANs(e.PeerCertSANs, p.Child("peerCertSANs"))...)
	errs = append(errs, repository(e.ImageRepository, p.Child("imageRepository"))...)
	return append(errs, validateArgs(e.ExtraArgs, p.Child("extraArgs"))...)
}

func (e *ExternalEtcd) validate(p *field.Path) field.ErrorList {
	var errs field.ErrorList
	if len(e.Endpoints) == 0 {
		errs = append(errs, field.Required(p.Child("endpoints"), "at least one"))
	}
	secure := e.CAFile != "" || e.CertFile != "" || e.KeyFile != ""
	for i, endpoint := range e.Endpoints {
		u, err := url.Parse(endpoint)
		if err != nil || u.Host == "" || u.Scheme != "https" && (secure || u.Scheme != "http") {
			errs = append(errs, field.Invalid(p.Child("endpoints").Index(i), endpoint, "must be a URL with https"))
		}
	}
	if (e.CertFile == "") != (e.KeyFile == "") {
		errs = append(errs, field.Forbidden(p, "certFile and keyFile must be given together"))
	}
	if e.CertFile != "" && e.CAFile == "" {
		errs = append(errs, field.Required(p.Child("caFile"), "with certFile and keyFile"))
	}
	for name, file := range map[string]string{"caFile": e.CAFile, "certFile": e.CertFile, "keyFile": e.KeyFile} {
		if file != "" {
			errs = append(errs, absolute(file, p.Child(name))...)
		}
	}
	return errs
}

func validateCertificateKey(key string, p *field.Path) field.ErrorList {
	if key == "" {
		return nil
	}
	if raw, err := hex.DecodeString(key); err != nil || len(raw) != pki.CertificateKeySize {
		return field.ErrorList{field.Invalid(p, "(hidden)", fmt.Sprintf("must be %d bytes in hexadecimal", pki.CertificateKeySize))}
	}
	return nil
}

func validateArgs(args []Arg, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, a := range args {
		if a.Name == "" || strings.ContainsAny(a.Name, "= \t\n") || strings.HasPrefix(a.Name, "-") {
			errs = append(errs, field.Invalid(p.Index(i).Child("name"), a.Name, "must be the name of an argument without dashes before it"))
		}
	}
	return errs
}

func validateSANs(names []string, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, name := range names {
		if _, err := netip.ParseAddr(name); err == nil {
			continue
		}
		lower := strings.ToLower(name)
		if len(validation.IsDNS1123Subdomain(lower)) > 0 && len(validation.IsWildcardDNS1123Subdomain(lower)) > 0 {
			errs = append(errs, field.Invalid(p.Index(i), name, "is neither an IP address nor a DNS name"))
		}
	}
	return errs
}

func absolute(file string, p *field.Path) field.ErrorList {
	if !path.IsAbs(file) {
		return field.ErrorList{field.Invalid(p, file, "must be an absolute path")}
	}
	return nil
}

// repositoryPattern is a host with an optional port, then path components, as in image references.
var repositoryPattern = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9.-]*[a-zA-Z0-9])?(:[0-9]+)?(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)

func repository(name string, p *field.Path) field.ErrorList {
	if name != "" && !repositoryPattern.MatchString(name) {
		return field.ErrorList{field.Invalid(p, name, "is not the name of an image repository")}
	}
	return nil
}
