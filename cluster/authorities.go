package cluster

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/slipway-dev/slipway/pki"
)

// authorities are a cluster's certificate authorities and the key that signs service account tokens. They are made on the
// host, as Cluster API's control plane provider makes them, so that the host can speak to the cluster the moment it answers
// and a machine can be made again.
type authorities struct {
	pairs map[string]pki.Pair // by the name of the profile
	files []authorityFile
}

// authorityFile is one file below /etc/kubernetes/pki, and below the cluster's own pki directory.
type authorityFile struct {
	path string
	mode fs.FileMode
	data []byte
}

// serviceAccountKey is the file of the key that signs service account tokens, without its ending.
const serviceAccountKey = "sa"

// authorities returns those of the named cluster, making what is missing. Every file appears whole, so that an interrupted
// call is simply repeated; a certificate without its key is made anew with it, since nothing can have been signed yet.
func (l *Local) authorities(name string) (authorities, error) {
	a := authorities{pairs: map[string]pki.Pair{}}
	dir := filepath.Join(l.dir(name), "pki")
	for _, profile := range pki.Profiles() {
		if !profile.IsAuthority() {
			continue
		}
		pair, err := l.authority(filepath.Join(dir, profile.File), profile)
		if err != nil {
			return a, fmt.Errorf("certificate authority %q of cluster %q: %w", profile.Name, name, err)
		}
		key, err := pki.EncodeKey(pair.Key)
		if err != nil {
			return a, err
		}
		a.pairs[profile.Name] = pair
		a.files = append(a.files,
			authorityFile{profile.File + ".crt", 0o644, pki.EncodeCert(pair.Cert)},
			authorityFile{profile.File + ".key", 0o600, key})
	}
	return a, l.addServiceAccountKey(&a, dir)
}

// authority reads a pair, or makes it. The certificate is written last: where it is, its key is.
func (l *Local) authority(base string, profile pki.Profile) (pki.Pair, error) {
	cert, err := os.ReadFile(base + ".crt")
	if err == nil {
		key, err := os.ReadFile(base + ".key")
		if err != nil {
			return pki.Pair{}, err
		}
		return decodePair(cert, key)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return pki.Pair{}, err
	}
	pair, err := pki.NewAuthority(l.Rand, l.Now(), profile.Request(pki.Facts{}), nil)
	if err != nil {
		return pki.Pair{}, err
	}
	key, err := pki.EncodeKey(pair.Key)
	if err != nil {
		return pki.Pair{}, err
	}
	if err := writeFile(base+".key", key, 0o600); err != nil {
		return pki.Pair{}, err
	}
	return pair, writeFile(base+".crt", pki.EncodeCert(pair.Cert), 0o644)
}

func decodePair(cert, key []byte) (pki.Pair, error) {
	certs, err := pki.DecodeCerts(cert)
	if err != nil {
		return pki.Pair{}, err
	}
	signer, err := pki.DecodeKey(key)
	return pki.Pair{Cert: certs[0], Key: signer}, err
}

func (l *Local) addServiceAccountKey(a *authorities, dir string) error {
	path := filepath.Join(dir, serviceAccountKey+".key")
	private, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		key, err := pki.NewKey(l.Rand, "")
		if err != nil {
			return err
		}
		if private, err = pki.EncodeKey(key); err != nil {
			return err
		}
		if err := writeFile(path, private, 0o600); err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	key, err := pki.DecodeKey(private)
	if err != nil {
		return fmt.Errorf("the service account key: %w", err)
	}
	public, err := pki.EncodePublicKey(key.Public())
	if err != nil {
		return err
	}
	a.files = append(a.files,
		authorityFile{serviceAccountKey + ".key", 0o600, private},
		authorityFile{serviceAccountKey + ".pub", 0o644, public})
	return nil
}
