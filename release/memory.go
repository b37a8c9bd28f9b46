package release

import (
	"encoding/json"
	"os"
	"path/filepath"

	"github.com/opencontainers/go-digest"
)

// build is what a module once compiled to.
type build struct {
	Programs []Program `json:"programs"`
}

// remember keeps what was compiled under a key that changes with everything that could change the result.
func (s Store) remember(key string, programs []Program) error {
	return s.writeJSON(s.buildPath(key), build{Programs: programs})
}

// remembered returns what was compiled under key if all of it is still in the store, read to the last byte: it is asked only
// when a release is made, and perhaps because one was found damaged. Whatever is wrong, the answer is to compile again.
func (s Store) remembered(key string) ([]Program, bool) {
	b, err := readBuild(s.buildPath(key))
	if err != nil || len(b.Programs) == 0 {
		return nil, false
	}
	for _, p := range b.Programs {
		if p.validate() != nil {
			return nil, false
		}
		if why, err := s.wrong(p, true); why != "" || err != nil {
			return nil, false
		}
	}
	return b.Programs, true
}

func readBuild(path string) (build, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return build{}, err
	}
	var b build
	return b, json.Unmarshal(data, &b)
}

// within reports whether all files of the build are among those named.
func (b build) within(named map[digest.Digest]bool) bool {
	for _, p := range b.Programs {
		if !named[p.Digest] {
			return false
		}
	}
	return true
}

func (s Store) buildPath(key string) string { return filepath.Join(s.Root, "builds", key+".json") }
