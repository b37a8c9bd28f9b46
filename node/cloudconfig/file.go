package cloudconfig

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"io"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

const defaultMode fs.FileMode = 0o644

// account is a user's or group's name or number.
var account = regexp.MustCompile(`^([a-z_][a-z0-9_-]{0,31}|[0-9]{1,10})$`)

func parseFiles(n *yaml.Node) ([]File, error) {
	var files []File
	total := 0
	err := items(n, "write_files", func(item *yaml.Node) error {
		f, err := parseFile(item)
		if err != nil {
			return err
		}
		if total += len(f.Content); total > maxContent {
			return syntax(item.Line, "the files together have more than %d bytes", maxContent)
		}
		files = append(files, f)
		return nil
	})
	return files, err
}

func parseFile(n *yaml.Node) (File, error) {
	f := File{Mode: defaultMode, Line: n.Line}
	var content, encoding *yaml.Node
	err := each(n, func(key, value *yaml.Node) (err error) {
		switch key.Value {
		case "path":
			f.Path, err = parsePath(value)
		case "owner":
			f.User, f.Group, err = parseOwner(value)
		case "permissions":
			f.Mode, err = parseMode(value)
		case "append":
			f.Append, err = parseBool(value)
		case "encoding":
			encoding = value
		case "content":
			content = value
		default:
			err = &UnsupportedError{Key: "write_files." + key.Value, Line: key.Line}
		}
		return err
	})
	if err != nil {
		return f, err
	}
	if f.Path == "" {
		return f, syntax(n.Line, "a file has no path")
	}
	f.Content, err = parseContent(content, encoding)
	return f, err
}

func parsePath(n *yaml.Node) (string, error) {
	if n.Kind != yaml.ScalarNode || !path.IsAbs(n.Value) || path.Clean(n.Value) != n.Value || n.Value == "/" || strings.ContainsRune(n.Value, 0) {
		return "", syntax(n.Line, "a file's path is not absolute and clean")
	}
	return n.Value, nil
}

func parseOwner(n *yaml.Node) (user, group string, err error) {
	user, group, both := strings.Cut(n.Value, ":")
	if n.Kind != yaml.ScalarNode || !account.MatchString(user) || (both && !account.MatchString(group)) {
		return "", "", syntax(n.Line, "an owner reads user or user:group")
	}
	return user, group, nil
}

// parseMode reads octal digits. Without quotes and a leading zero they would be decimal to some readers and octal to others.
func parseMode(n *yaml.Node) (fs.FileMode, error) {
	digits := strings.TrimPrefix(n.Value, "0o")
	mode, err := strconv.ParseUint(digits, 8, 12)
	if n.Kind != yaml.ScalarNode || err != nil || (n.Tag != "!!str" && !strings.HasPrefix(n.Value, "0")) {
		return 0, syntax(n.Line, "permissions read like '0640', in quotes")
	}
	return unixMode(mode), nil
}

// unixMode puts the bits that are above the nine into the places that Go has for them.
func unixMode(bits uint64) fs.FileMode {
	mode := fs.FileMode(bits & 0o777)
	for bit, flag := range map[uint64]fs.FileMode{0o4000: fs.ModeSetuid, 0o2000: fs.ModeSetgid, 0o1000: fs.ModeSticky} {
		if bits&bit != 0 {
			mode |= flag
		}
	}
	return mode
}

func parseBool(n *yaml.Node) (bool, error) {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" {
		return false, syntax(n.Line, "append is neither true nor false")
	}
	return strings.EqualFold(n.Value, "true"), nil
}

// parseContent takes a file's text out of its wrapping.
func parseContent(content, encoding *yaml.Node) ([]byte, error) {
	if content == nil || isNull(content) {
		return nil, nil
	}
	if content.Kind != yaml.ScalarNode || (content.Tag != "!!str" && content.Tag != "!!binary") {
		return nil, syntax(content.Line, "a file's content is no text (put it in quotes)")
	}
	data := []byte(content.Value)
	steps, err := decoders(encoding)
	if content.Tag == "!!binary" {
		steps = append([]decoder{fromBase64}, steps...)
	}
	for _, decode := range steps {
		if err == nil {
			data, err = decode(data)
		}
	}
	if err == nil && len(data) > maxFile {
		err = errTooLarge
	}
	if err != nil {
		return nil, syntax(content.Line, "a file's content: %v", err)
	}
	return data, nil
}

type decoder func([]byte) ([]byte, error)

var (
	errNotBase64 = errors.New("it is not base64")
	errNotGzip   = errors.New("it is not gzip")
	errTooLarge  = errors.New("it is larger than 8 MiB")
	errEncoding  = errors.New("the encoding is not one of base64, gzip, gzip+base64")
)

// decoders gives the steps for an encoding, by all the names that cloud-init has for it.
func decoders(n *yaml.Node) ([]decoder, error) {
	if n == nil || isNull(n) {
		return nil, nil
	}
	switch strings.ToLower(n.Value) {
	case "", "text/plain":
		return nil, nil
	case "b64", "base64":
		return []decoder{fromBase64}, nil
	case "gz", "gzip":
		return []decoder{fromGzip}, nil
	case "gz+b64", "gz+base64", "gzip+b64", "gzip+base64":
		return []decoder{fromBase64, fromGzip}, nil
	}
	return nil, errEncoding
}

func fromBase64(data []byte) ([]byte, error) {
	out, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(string(data)), ""))
	if err != nil {
		return nil, errNotBase64
	}
	return out, nil
}

func fromGzip(data []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, errNotGzip
	}
	out, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return nil, errNotGzip
	}
	if len(out) > maxFile {
		return nil, errTooLarge
	}
	return out, nil
}
