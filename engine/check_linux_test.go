package engine

import (
	"os"
	"path/filepath"
	"testing"
)

func TestCheckNamesTooLittleDisk(t *testing.T) {
	e := &Engine{Home: filepath.Join(t.TempDir(), "not", "there", "yet")}
	if f := e.checkDisk(1); !f.OK {
		t.Errorf("%+v", f)
	}
	if f := e.checkDisk(1 << 62); f.OK || f.Hint == "" || f.Why == "" {
		t.Errorf("%+v", f)
	}
}

func TestEveryFindingThatIsNotOKSaysWhatAndWhy(t *testing.T) {
	e := &Engine{Home: t.TempDir(), Run: t.TempDir()}
	for _, f := range e.Check(t.Context(), 1) {
		t.Logf("%-20s %-5v %s", f.Name, f.OK, f.What)
		if f.Name == "" || f.What == "" || (!f.OK && f.Why == "") {
			t.Errorf("incomplete: %+v", f)
		}
	}
	if entries, err := os.ReadDir(e.Home); err != nil || len(entries) > 0 {
		t.Errorf("checking left %v behind, %v", entries, err)
	}
}
