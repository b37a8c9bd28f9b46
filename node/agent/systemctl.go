package agent

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Exit codes of systemctl.
const (
	exitOK        = 0
	exitFailure   = 1
	exitInactive  = 3
	exitNoSuch    = 4
	exitNotLoaded = 5
)

const systemctlHelp = `systemctl as slipway agent has it:
  systemctl daemon-reload | is-system-running | --version
  systemctl start|stop|restart|is-active|is-enabled|status|show containerd|kubelet…
  systemctl enable|disable [--now] containerd|kubelet…
`

// Systemctl is systemctl for the two services of a machine, with systemd's words and exit codes: enough for kubeadm, its
// scripts and its users.
func Systemctl(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	s := systemctl{ctx: ctx, socket: Socket, out: stdout, err: stderr}
	return s.run(args)
}

// systemctl is one call of it; its context lives no longer.
type systemctl struct {
	ctx      context.Context
	socket   string
	out, err io.Writer

	now, quiet, value bool
	properties        []string
}

func (s *systemctl) run(args []string) int {
	words, err := s.options(args)
	if err != nil {
		return s.fail(exitFailure, "%v", err)
	}
	if len(words) == 0 {
		return s.fail(exitFailure, "systemctl: an order is missing\n%s", systemctlHelp)
	}
	verb, units := words[0], words[1:]
	switch verb {
	case "--version":
		s.print("systemctl of slipway agent\n")
		return exitOK
	case "--help":
		s.print("%s", systemctlHelp)
		return exitOK
	case "daemon-reload", "is-system-running":
		return s.machine(verb)
	}
	act, known := s.verbs()[verb]
	switch {
	case !known:
		return s.fail(exitFailure, "systemctl: %q is not supported here\n%s", verb, systemctlHelp)
	case len(units) == 0:
		return s.fail(exitFailure, "systemctl: %s needs the name of a service: containerd or kubelet", verb)
	}
	code := exitOK
	for _, unit := range units {
		code = max(code, act(verb, unit))
	}
	return code
}

func (s *systemctl) verbs() map[string]func(verb, unit string) int {
	return map[string]func(verb, unit string) int{
		"start": s.order, "stop": s.order, "restart": s.order,
		"enable": s.order, "disable": s.order,
		"is-active": s.isActive, "is-enabled": s.isEnabled, "status": s.status, "show": s.show,
	}
}

// options takes the options out of the arguments.
func (s *systemctl) options(args []string) (words []string, err error) {
	for i := 0; i < len(args); i++ {
		name, value, _ := strings.Cut(args[i], "=")
		switch {
		case args[i] == "--version" || args[i] == "--help" || !strings.HasPrefix(args[i], "-"):
			words = append(words, args[i])
		case name == "--now":
			s.now = true
		case name == "--quiet" || name == "-q":
			s.quiet = true
		case name == "--value":
			s.value = true
		case name == "--property" && value != "":
			s.properties = append(s.properties, strings.Split(value, ",")...)
		case (name == "-p" || name == "--property") && i+1 < len(args):
			i++
			s.properties = append(s.properties, strings.Split(args[i], ",")...)
		case slices.Contains([]string{"--no-pager", "--no-block", "--full", "-l", "--system", "--no-ask-password", "--force", "-f", "--no-reload"}, name):
		default:
			return nil, fmt.Errorf("systemctl: the option %q is not supported here\n%s", args[i], systemctlHelp)
		}
	}
	return words, nil
}

// machine answers for the whole machine: units are no files here, so there is nothing to reload.
func (s *systemctl) machine(verb string) int {
	r, err := call(s.ctx, s.socket, request{Verb: verbReport})
	if err != nil {
		return s.fail(exitFailure, "systemctl: %v", err)
	}
	if verb == "is-system-running" {
		if len(r.Problems) > 0 {
			s.print("degraded\n")
			return exitFailure
		}
		s.print("running\n")
	}
	return exitOK
}

// order changes a service.
func (s *systemctl) order(verb, unit string) int {
	name := serviceName(unit)
	if _, found, code := s.find(name); code != exitOK {
		return code
	} else if !found {
		return s.fail(exitNotLoaded, "Failed to %s %s.service: Unit %s.service not found.", verb, name, name)
	}
	verbs := []string{verb}
	if s.now && verb == verbEnable {
		verbs = append(verbs, verbStart)
	}
	if s.now && verb == verbDisable {
		verbs = append(verbs, verbStop)
	}
	for _, v := range verbs {
		if _, err := call(s.ctx, s.socket, request{Verb: v, Service: name}); err != nil {
			return s.fail(exitFailure, "Failed to %s %s.service: %v", v, name, err)
		}
	}
	return exitOK
}

func (s *systemctl) isActive(_, unit string) int {
	status, found, code := s.find(serviceName(unit))
	switch {
	case code != exitOK:
		return code
	case !found:
		s.say("inactive\n")
		return exitNoSuch
	}
	s.say("%s\n", status.State)
	if status.State != Active {
		return exitInactive
	}
	return exitOK
}

func (s *systemctl) isEnabled(_, unit string) int {
	status, found, code := s.find(serviceName(unit))
	switch {
	case code != exitOK:
		return code
	case !found:
		s.say("not-found\n")
		return exitNoSuch
	}
	s.say("%s\n", unitFileState(status))
	if !status.Enabled {
		return exitFailure
	}
	return exitOK
}

func (s *systemctl) status(_, unit string) int {
	name := serviceName(unit)
	status, found, code := s.find(name)
	if code != exitOK {
		return code
	}
	if !found {
		// systemd says it on one stream or the other, depending on its age; kubeadm reads this one.
		s.print("Unit %s.service could not be found.\n", name)
		return exitNoSuch
	}
	s.print("%s.service - supervised by slipway agent\n", name)
	s.print("     Loaded: loaded (slipway agent; %s)\n", unitFileState(status))
	s.print("     Active: %s (%s)", status.State, subState(status))
	if !status.Since.IsZero() {
		s.print(" since %s", status.Since.Format(time.RFC3339))
	}
	s.print("\n")
	if status.PID != 0 {
		s.print("   Main PID: %d (%s)\n", status.PID, name)
	}
	if status.Last != "" {
		s.print("   Last end: %s (started again %d times)\n", status.Last, status.Restarts)
	}
	s.print("        Log: %s/%s.log\n", LogDir, name)
	if status.State != Active {
		return exitInactive
	}
	return exitOK
}

// show prints properties; those that are not known here are passed over, as systemd does.
func (s *systemctl) show(_, unit string) int {
	name := serviceName(unit)
	status, found, code := s.find(name)
	if code != exitOK {
		return code
	}
	load := "loaded"
	if !found {
		load, status = "not-found", Status{State: Inactive}
	}
	for _, p := range [][2]string{
		{"Id", name + ".service"},
		{"LoadState", load},
		{"ActiveState", string(status.State)},
		{"SubState", subState(status)},
		{"MainPID", fmt.Sprint(status.PID)},
		{"NRestarts", fmt.Sprint(status.Restarts)},
		{"UnitFileState", unitFileState(status)},
	} {
		switch {
		case len(s.properties) > 0 && !slices.Contains(s.properties, p[0]):
		case s.value:
			s.print("%s\n", p[1])
		default:
			s.print("%s=%s\n", p[0], p[1])
		}
	}
	return exitOK
}

// find asks the agent for a service.
func (s *systemctl) find(name string) (status Status, found bool, code int) {
	r, err := call(s.ctx, s.socket, request{Verb: verbReport})
	if err != nil {
		return Status{}, false, s.fail(exitFailure, "systemctl: %v", err)
	}
	i := slices.IndexFunc(r.Services, func(st Status) bool { return st.Name == name })
	if i < 0 {
		return Status{}, false, exitOK
	}
	return r.Services[i], true, exitOK
}

func serviceName(unit string) string { return strings.TrimSuffix(unit, ".service") }

func unitFileState(s Status) string {
	if s.Enabled {
		return "enabled"
	}
	return "disabled"
}

func subState(s Status) string {
	switch s.State {
	case Active:
		return "running"
	case Activating:
		return "auto-restart"
	case Deactivating:
		return "stop-sigterm"
	}
	return "dead"
}

// print writes to standard output; where that is gone there is nobody to tell.
func (s *systemctl) print(format string, args ...any) { _, _ = fmt.Fprintf(s.out, format, args...) }

// say prints unless told to be quiet.
func (s *systemctl) say(format string, args ...any) {
	if !s.quiet {
		s.print(format, args...)
	}
}

func (s *systemctl) fail(code int, format string, args ...any) int {
	_, _ = fmt.Fprintln(s.err, strings.TrimRight(fmt.Sprintf(format, args...), "\n")) // as print
	return code
}
