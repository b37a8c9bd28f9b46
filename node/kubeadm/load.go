package kubeadm

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubeproxy "k8s.io/kube-proxy/config/v1alpha1"
	kubelet "k8s.io/kubelet/config/v1beta1"
	"sigs.k8s.io/yaml"

	"github.com/slipway-dev/slipway/config"
)

// Config is what one configuration file says, each document in its place. Documents that the file lacks are nil.
type Config struct {
	Init      *InitConfiguration
	Cluster   *ClusterConfiguration
	Join      *JoinConfiguration
	Reset     *ResetConfiguration
	Upgrade   *UpgradeConfiguration
	Kubelet   *kubelet.KubeletConfiguration
	KubeProxy *kubeproxy.KubeProxyConfiguration
}

// document is a kind that may stand in a configuration file.
type document struct {
	kind, apiVersion string
	// slot returns where the document goes in c, and whether there is one already.
	slot func(c *Config) (into any, taken bool)
}

func documents() []document {
	return []document{
		{"InitConfiguration", APIVersion, func(c *Config) (any, bool) { return place(&c.Init) }},
		{"ClusterConfiguration", APIVersion, func(c *Config) (any, bool) { return place(&c.Cluster) }},
		{"JoinConfiguration", APIVersion, func(c *Config) (any, bool) { return place(&c.Join) }},
		{"ResetConfiguration", APIVersion, func(c *Config) (any, bool) { return place(&c.Reset) }},
		{"UpgradeConfiguration", APIVersion, func(c *Config) (any, bool) { return place(&c.Upgrade) }},
		{config.KubeletKind, config.KubeletAPIVersion, func(c *Config) (any, bool) { return place(&c.Kubelet) }},
		{config.KubeProxyKind, config.KubeProxyAPIVersion, func(c *Config) (any, bool) { return place(&c.KubeProxy) }},
	}
}

func place[T any](field **T) (any, bool) {
	if *field != nil {
		return nil, true
	}
	*field = new(T)
	return *field, false
}

// Load reads a configuration file of one or more YAML or JSON documents. It is strict: unknown kinds, versions and fields
// are errors, all of them reported at once, each with the nearest known name.
func Load(data []byte) (*Config, error) {
	c := &Config{}
	var errs []error
	number := 0
	for _, doc := range split(data) {
		if len(bytes.TrimSpace(withoutComments(doc))) == 0 {
			continue
		}
		number++
		if err := c.add(doc); err != nil {
			errs = append(errs, fmt.Errorf("document %d: %w", number, err))
		}
	}
	if number == 0 {
		errs = append(errs, errors.New("it has no documents"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("reading the kubeadm configuration: %w", err)
	}
	return c, nil
}

// LoadFrom is Load for a reader.
func LoadFrom(r io.Reader) (*Config, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("reading the kubeadm configuration: %w", err)
	}
	return Load(data)
}

func (c *Config) add(doc []byte) error {
	var meta metav1.TypeMeta
	if err := yaml.Unmarshal(doc, &meta); err != nil {
		return fmt.Errorf("it is not a YAML object: %w", err)
	}
	known, err := find(meta)
	if err != nil {
		return err
	}
	into, taken := known.slot(c)
	if taken {
		return fmt.Errorf("a second %s", meta.Kind)
	}
	if err := config.Decode(doc, into); err != nil {
		return fmt.Errorf("%s: %w", meta.Kind, err)
	}
	return nil
}

func find(meta metav1.TypeMeta) (document, error) {
	all := documents()
	kinds := make([]string, len(all))
	for i, d := range all {
		kinds[i] = d.kind
	}
	i := slices.Index(kinds, meta.Kind)
	switch {
	case meta.Kind == "" || meta.APIVersion == "":
		return document{}, errors.New("kind and apiVersion are required")
	case i < 0:
		if near := config.Nearest(meta.Kind, kinds); near != "" {
			return document{}, fmt.Errorf("unknown kind %q, did you mean %q?", meta.Kind, near)
		}
		return document{}, fmt.Errorf("unknown kind %q, known are %v", meta.Kind, kinds)
	case all[i].apiVersion != meta.APIVersion:
		return document{}, fmt.Errorf("%s has apiVersion %q, supported is %q", meta.Kind, meta.APIVersion, all[i].apiVersion)
	}
	return all[i], nil
}

var (
	separator = regexp.MustCompile(`(?m)^---(?:[ \t].*)?\r?$`)
	comment   = regexp.MustCompile(`(?m)^[ \t]*#.*$`)
)

func split(data []byte) [][]byte {
	var docs [][]byte
	start := 0
	for _, at := range separator.FindAllIndex(data, -1) {
		docs = append(docs, data[start:at[0]])
		start = at[1]
	}
	return append(docs, data[start:])
}

func withoutComments(doc []byte) []byte { return comment.ReplaceAll(doc, nil) }
