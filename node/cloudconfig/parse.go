package cloudconfig

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// hostname is a DNS name of one or more labels.
var hostname = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$`)

// Parse reads user data for the machine. Its errors are *UnsupportedError or *SyntaxError.
func Parse(data []byte, in Instance) (*Config, error) {
	if len(data) > maxSize {
		return nil, syntax(0, "it has %d bytes, more than %d", len(data), maxSize)
	}
	data, err := render(data, in)
	if err != nil {
		return nil, err
	}
	root, err := document(data)
	if err != nil || root == nil {
		return &Config{}, err
	}
	return parseConfig(root)
}

// document returns the only document's root mapping, nil when there is none but comments.
func document(data []byte) (*yaml.Node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var doc, second yaml.Node
	if err := decoder.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, syntax(0, "it is no YAML: %s", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		return nil, syntax(0, "it holds more than one YAML document")
	}
	root := doc.Content[0]
	if isNull(root) {
		return nil, nil
	}
	if root.Kind != yaml.MappingNode {
		return nil, syntax(root.Line, "it is no mapping of keys to values")
	}
	return root, nil
}

func parseConfig(root *yaml.Node) (*Config, error) {
	c := &Config{}
	var fqdn string
	err := each(root, func(key, value *yaml.Node) (err error) {
		switch key.Value {
		case "hostname":
			c.Hostname, err = parseHostname(value)
		case "fqdn":
			fqdn, err = parseHostname(value)
		case "write_files":
			c.Files, err = parseFiles(value)
		case "runcmd":
			c.Commands, err = parseCommands(value)
		default:
			err = &UnsupportedError{Key: key.Value, Line: key.Line}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return c, c.settleHostname(fqdn)
}

// settleHostname takes the name from a fully qualified one when there is no other; two that contradict each other are refused.
func (c *Config) settleHostname(fqdn string) error {
	if fqdn == "" {
		return nil
	}
	label, _, _ := strings.Cut(fqdn, ".")
	if c.Hostname == "" {
		c.Hostname = label
	}
	if c.Hostname != label && c.Hostname != fqdn {
		return syntax(0, "hostname %q and fqdn %q contradict each other", c.Hostname, fqdn)
	}
	return nil
}

func parseHostname(n *yaml.Node) (string, error) {
	if n.Kind != yaml.ScalarNode || len(n.Value) > 253 || !hostname.MatchString(n.Value) {
		return "", syntax(n.Line, "the host's name is no DNS name")
	}
	return n.Value, nil
}

func parseCommands(n *yaml.Node) ([]Command, error) {
	var commands []Command
	err := items(n, "runcmd", func(item *yaml.Node) error {
		c := Command{Line: item.Line}
		switch {
		case item.Kind == yaml.SequenceNode && len(item.Content) > 0:
			for _, word := range item.Content {
				if word.Kind != yaml.ScalarNode || isNull(word) {
					return syntax(word.Line, "a word of a command is no text")
				}
				c.Words = append(c.Words, word.Value)
			}
		case item.Kind == yaml.ScalarNode && item.Tag == "!!str" && item.Value != "":
			c.Shell = item.Value
		default:
			return syntax(item.Line, "a command is neither text nor a list of words")
		}
		if strings.ContainsRune(c.Shell+strings.Join(c.Words, ""), 0) {
			return syntax(item.Line, "a command holds a zero byte")
		}
		commands = append(commands, c)
		return nil
	})
	return commands, err
}

// each calls f for the pairs of a mapping and refuses a key that comes twice.
func each(n *yaml.Node, f func(key, value *yaml.Node) error) error {
	if n.Kind != yaml.MappingNode {
		return syntax(n.Line, "this is no mapping of keys to values")
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode || value.Kind == yaml.AliasNode || key.Tag == "!!merge" {
			return syntax(key.Line, "aliases and merged or composite keys are not supported")
		}
		if seen[key.Value] {
			return syntax(key.Line, "the key %q comes twice", key.Value)
		}
		seen[key.Value] = true
		if err := f(key, value); err != nil {
			return err
		}
	}
	return nil
}

// items calls f for the elements of a list; no value at all is an empty list.
func items(n *yaml.Node, key string, f func(*yaml.Node) error) error {
	if isNull(n) {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		return syntax(n.Line, "%s is no list", key)
	}
	if len(n.Content) > maxEntries {
		return syntax(n.Line, "%s has %d entries, more than %d", key, len(n.Content), maxEntries)
	}
	for _, item := range n.Content {
		if err := f(item); err != nil {
			return err
		}
	}
	return nil
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }
