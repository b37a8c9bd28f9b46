package release

import (
	"strings"

	"github.com/slipway-dev/slipway/plan"
)

// progress counts compiled packages over all modules. Packages that the Go build cache has are never named by the compiler;
// they are counted when their build is done.
type progress struct {
	report plan.Reporter
	total  int64
	before int64 // packages of the builds that are done
}

func (p *progress) expect(packages int) { p.total += int64(packages) }

func (p *progress) finished(packages int) { p.before += int64(packages) }

// downloading takes a line of Go's standard error while it looks for packages.
func (p *progress) downloading(line string) {
	if module, ok := strings.CutPrefix(line, "go: downloading "); ok {
		p.report.Say("downloading " + module)
	}
}

// of returns the function that takes the lines of one build, in which each package is named when it is compiled.
func (p *progress) of(module string, packages map[string]bool) func(line string) {
	var done int64
	return func(line string) {
		if !packages[line] {
			p.downloading(line)
			return
		}
		done++
		p.report.Count(p.before+done, p.total, "packages", module+": "+line)
	}
}
