package cloudconfig

import (
	"context"
	"fmt"
)

// Machine is what applying changes.
type Machine interface {
	// SetHostname names the machine, now and for its next start.
	SetHostname(name string) error
	// PutFile writes a file whole, or adds to one, and makes the directories above it. Owner and mode are right from the
	// moment the name appears.
	PutFile(f File) error
	// Run runs a command to its end.
	Run(ctx context.Context, c Command) error
}

// Apply does what the configuration says, in cloud-init's order: name, files, commands; it stops at the first thing that
// goes wrong. Its errors carry neither file contents nor command lines. Doing it twice is safe only if the commands are.
func (c *Config) Apply(ctx context.Context, m Machine) error {
	if c.Hostname != "" {
		if err := m.SetHostname(c.Hostname); err != nil {
			return fmt.Errorf("naming the machine %q: %w", c.Hostname, err)
		}
	}
	for _, f := range c.Files {
		if err := m.PutFile(f); err != nil {
			return fmt.Errorf("writing the file %q of user data line %d: %w", f.Path, f.Line, err)
		}
	}
	for i, command := range c.Commands {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if err := m.Run(ctx, command); err != nil {
			return fmt.Errorf("running command %d of %d (user data line %d): %w", i+1, len(c.Commands), command.Line, err)
		}
	}
	return nil
}
