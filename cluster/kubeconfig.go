package cluster

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"k8s.io/client-go/tools/clientcmd"
)

// KubeconfigPath returns the kubeconfig of a cluster, which only its owner may read.
func (l *Local) KubeconfigPath(name string) (string, error) {
	if _, err := l.Record(name); err != nil {
		return "", err
	}
	path := l.kubeconfigPath(name)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return "", &HalfMadeError{Name: name}
	} else if err != nil {
		return "", err
	}
	return path, nil
}

func (l *Local) kubeconfigPath(name string) string { return filepath.Join(l.dir(name), "kubeconfig") }

// HalfMadeError says that an interrupted up has left a cluster without what was asked for.
type HalfMadeError struct{ Name string }

func (e *HalfMadeError) Error() string {
	return fmt.Sprintf("cluster %q is not complete: an earlier up was interrupted", e.Name)
}

// Hint says how it becomes whole.
func (e *HalfMadeError) Hint() string {
	return fmt.Sprintf("slipway up %s goes on, slipway down %s removes it", e.Name, e.Name)
}

// MergeKubeconfig adds the cluster to the kubeconfig at path (empty means where kubectl would write) as context
// "slipway-<name>", makes that the current one, and returns the file it wrote.
func (l *Local) MergeKubeconfig(name, path string) (string, error) {
	from, err := l.KubeconfigPath(name)
	if err != nil {
		return "", err
	}
	ours, err := clientcmd.LoadFromFile(from)
	if err != nil {
		return "", fmt.Errorf("reading the kubeconfig of cluster %q: %w", name, err)
	}
	files := clientcmd.NewDefaultPathOptions()
	if path != "" {
		files.LoadingRules.ExplicitPath = path
	} else if !filepath.IsAbs(files.GetDefaultFilename()) && os.Getenv(clientcmd.RecommendedConfigPathEnvVar) == "" {
		return "", &HintedError{errors.New("HOME is not set, so it is not known where your kubeconfig is"), "name it with --kubeconfig FILE"}
	}
	all, err := files.GetStartingConfig()
	if err != nil {
		return "", fmt.Errorf("reading your kubeconfig: %w", err)
	}
	// Entries remember the file they were read from, and client-go would write them back there.
	entry := contextName(name)
	for _, cluster := range ours.Clusters {
		cluster.LocationOfOrigin = ""
		all.Clusters[entry] = cluster
	}
	for _, user := range ours.AuthInfos {
		user.LocationOfOrigin = ""
		all.AuthInfos[entry] = user
	}
	for _, context := range ours.Contexts {
		context.Cluster, context.AuthInfo, context.LocationOfOrigin = entry, entry, ""
		all.Contexts[entry] = context
	}
	all.CurrentContext = entry
	if err := clientcmd.ModifyConfig(files, *all, true); err != nil {
		return "", fmt.Errorf("writing your kubeconfig: %w", err)
	}
	return files.GetDefaultFilename(), nil
}

// contextName is how a cluster is called among others in a kubeconfig.
func contextName(cluster string) string { return "slipway-" + cluster }

// Named returns the cluster to act on: the one named, or the only one there is.
func (l *Local) Named(name string) (string, error) {
	if name != "" {
		_, err := l.Record(name)
		return name, err
	}
	switch all := l.names(); len(all) {
	case 0:
		return "", &NotFoundError{Name: DefaultName}
	case 1:
		return all[0], nil
	default:
		return "", &AmbiguousError{Names: all}
	}
}

// AmbiguousError says that there are several clusters and none was named.
type AmbiguousError struct{ Names []string }

func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("there are %d clusters on this machine, and none was named", len(e.Names))
}

// Hint lists the names.
func (e *AmbiguousError) Hint() string { return fmt.Sprintf("name one of %q", e.Names) }
