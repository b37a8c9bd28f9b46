package agent

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestLogKeepsOneOldFileAndNeverGrowsBeyond(t *testing.T) {
	l := &logFile{path: filepath.Join(t.TempDir(), "log"), limit: 100}
	line := bytes.Repeat([]byte("x"), 30)
	for range 20 {
		if _, err := l.Write(line); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Write(line); err != nil { // a new life of the agent
		t.Fatal(err)
	}
	files, err := os.ReadDir(filepath.Dir(l.path))
	if err != nil || len(files) != 2 {
		t.Fatalf("%v %v", files, err)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil || info.Size() != 90 || info.Mode() != 0o600 {
			t.Errorf("%s: %d bytes, %v, %v", f.Name(), info.Size(), info.Mode(), err)
		}
	}
}
