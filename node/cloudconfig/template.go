package cloudconfig

import (
	"bytes"
	"regexp"
	"strings"
)

const (
	header         = "#cloud-config"
	templateHeader = "## template: jinja"
)

// instanceName is what may be put into a template: nothing that YAML or a shell could take for its own syntax.
var instanceName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?$`)

// render checks the first lines and, in a template, replaces the placeholders. Lines keep their numbers.
func render(data []byte, in Instance) ([]byte, error) {
	first, rest, _ := bytes.Cut(data, []byte("\n"))
	template := trimmed(first) == templateHeader
	if template {
		first, _, _ = bytes.Cut(rest, []byte("\n"))
	}
	if trimmed(first) != header {
		return nil, syntax(1, "it does not begin with %q; scripts, multipart and Ignition are not supported", header)
	}
	if !template {
		return data, nil
	}
	return substitute(data, in)
}

func trimmed(line []byte) string { return strings.TrimRight(string(line), " \t\r") }

// substitute replaces the placeholders of a template. Whatever else Jinja would act on is refused: this is no Jinja.
func substitute(data []byte, in Instance) ([]byte, error) {
	var out bytes.Buffer
	line := 1
	for {
		i := nextTag(data)
		if i < 0 {
			out.Write(data)
			return out.Bytes(), nil
		}
		out.Write(data[:i])
		line += bytes.Count(data[:i], []byte("\n"))
		if data[i+1] != '{' {
			return nil, syntax(line, "template statements and comments (%q) are not supported, only {{ ds.meta_data.local_hostname }} and the like", data[i:i+2])
		}
		expression, rest, closed := bytes.Cut(data[i+2:], []byte("}}"))
		if !closed || bytes.ContainsAny(expression, "{}\n") {
			return nil, syntax(line, "a template placeholder is not closed on its line")
		}
		value, err := in.lookup(strings.TrimSpace(string(expression)), line)
		if err != nil {
			return nil, err
		}
		out.WriteString(value)
		data = rest
	}
}

// nextTag finds where the next piece of template begins: {{, {% or {#.
func nextTag(data []byte) int {
	for i := 0; i+1 < len(data); i++ {
		if data[i] == '{' && bytes.IndexByte([]byte("{%#"), data[i+1]) >= 0 {
			return i
		}
	}
	return -1
}

// lookup gives what a placeholder stands for.
func (in Instance) lookup(name string, line int) (string, error) {
	var value string
	switch name {
	case "ds.meta_data.local_hostname", "ds.meta_data.hostname", "v1.local_hostname":
		value = in.Hostname
	case "ds.meta_data.instance_id", "v1.instance_id":
		value = in.ID
	default:
		return "", syntax(line, "the template placeholder is not supported; known are ds.meta_data.local_hostname, ds.meta_data.hostname and ds.meta_data.instance_id")
	}
	if !instanceName.MatchString(value) {
		return "", syntax(line, "the machine's value for %s is %q, which cannot be put into a template", name, value)
	}
	return value, nil
}
