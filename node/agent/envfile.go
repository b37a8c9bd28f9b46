package agent

import "strings"

// Rules of systemd's EnvironmentFile=, as systemd.exec(5) gives them: kubeadm and people write files for it.

const blank = " \t\n\r"

// parseEnvironment reads the assignments of an environment file; the last one to a name counts. What is no assignment to a
// proper name is passed over, as systemd does.
func parseEnvironment(text string) map[string]string {
	p := envParser{values: map[string]string{}, state: (*envParser).beforeName}
	for _, c := range []byte(text) {
		p.state = p.state(&p, c)
	}
	p.finish()
	return p.values
}

// envParser goes through a file byte by byte; each method is a state and returns the next.
type envParser struct {
	values      map[string]string
	state       envState
	name, value []byte
	// keep is how much of value stays when blanks at its end are cut: blanks in quotes do.
	keep    int
	inValue bool
}

type envState func(*envParser, byte) envState

func (p *envParser) beforeName(c byte) envState {
	switch {
	case c == '#' || c == ';':
		return (*envParser).comment
	case strings.IndexByte(blank, c) >= 0:
		return (*envParser).beforeName
	}
	p.name = append(p.name, c)
	return (*envParser).inName
}

func (p *envParser) inName(c byte) envState {
	switch c {
	case '\n', '\r':
		p.name = nil
		return (*envParser).beforeName
	case '=':
		p.inValue = true
		return (*envParser).beforeValue
	}
	p.name = append(p.name, c)
	return (*envParser).inName
}

// beforeValue is where a value begins, or goes on after a quoted part.
func (p *envParser) beforeValue(c byte) envState {
	switch c {
	case '\n', '\r':
		return p.finish()
	case '\'':
		return (*envParser).inSingle
	case '"':
		return (*envParser).inDouble
	case '\\':
		return (*envParser).afterBackslash
	case ' ', '\t':
		return (*envParser).beforeValue
	}
	p.push(c)
	return (*envParser).bare
}

func (p *envParser) bare(c byte) envState {
	switch c {
	case '\n', '\r':
		return p.finish()
	case '\\':
		return (*envParser).afterBackslash
	case ' ', '\t':
		p.value = append(p.value, c) // kept only if more follows
		return (*envParser).bare
	}
	p.push(c)
	return (*envParser).bare
}

func (p *envParser) afterBackslash(c byte) envState {
	if c != '\n' && c != '\r' {
		p.push(c)
	} else {
		p.keep = len(p.value)
	}
	return (*envParser).bare
}

func (p *envParser) inSingle(c byte) envState {
	if c == '\'' {
		return (*envParser).beforeValue
	}
	p.push(c)
	return (*envParser).inSingle
}

func (p *envParser) inDouble(c byte) envState {
	switch c {
	case '"':
		return (*envParser).beforeValue
	case '\\':
		return (*envParser).inDoubleEscape
	}
	p.push(c)
	return (*envParser).inDouble
}

func (p *envParser) inDoubleEscape(c byte) envState {
	switch c {
	case '"', '\\', '`', '$':
		p.push(c)
	case '\n':
	default:
		p.push('\\')
		p.push(c)
	}
	return (*envParser).inDouble
}

func (p *envParser) comment(c byte) envState {
	if c == '\n' || c == '\r' {
		return (*envParser).beforeName
	}
	return (*envParser).comment
}

func (p *envParser) push(c byte) {
	p.value = append(p.value, c)
	p.keep = len(p.value)
}

// finish takes an assignment and begins the next.
func (p *envParser) finish() envState {
	name := strings.TrimRight(string(p.name), blank)
	if p.inValue && properName(name) && !strings.ContainsRune(string(p.value), 0) {
		p.values[name] = string(p.value[:p.keep])
	}
	p.name, p.value, p.keep, p.inValue = nil, nil, 0, false
	return (*envParser).beforeName
}

// properName says whether a variable may be called so.
func properName(name string) bool {
	for i, c := range []byte(name) {
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}

// splitWords splits a variable's value as systemd does for $NAME on a command line: at blanks, with quotes and backslashes taken
// off, and a quote that is never closed ending with the text.
func splitWords(text string) []string {
	var words []string
	var word []byte
	var quote byte
	started, escaped := false, false
	for _, c := range []byte(text) {
		switch {
		case escaped:
			word, escaped = append(word, c), false
		case c == '\\':
			started, escaped = true, true
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			word = append(word, c)
		case c == '\'' || c == '"':
			started, quote = true, c
		case strings.IndexByte(blank, c) >= 0:
			if started {
				words = append(words, string(word))
			}
			word, started = nil, false
		default:
			word, started = append(word, c), true
		}
	}
	if started {
		words = append(words, string(word))
	}
	return words
}
