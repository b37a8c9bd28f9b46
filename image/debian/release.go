package debian

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/mail"
	"strconv"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// Release is the part of a suite's signed InRelease file that is used here.
type Release struct {
	Suite, Codename string
	Date            time.Time
	ValidUntil      time.Time // zero where the suite never goes stale
	Files           map[string]Checksum
}

// Checksum identifies a file of the archive.
type Checksum struct {
	SHA256 string
	Size   int64
}

// VerifyRelease checks the signature of an InRelease file against keys and returns what was signed, and nothing else: text
// around the signed part is ignored.
func VerifyRelease(inRelease []byte, keys openpgp.EntityList, now time.Time) (Release, error) {
	block, _ := clearsign.Decode(inRelease)
	if block == nil || block.ArmoredSignature == nil {
		return Release{}, errors.New("it is not a signed text")
	}
	signature, err := io.ReadAll(block.ArmoredSignature.Body)
	if err != nil {
		return Release{}, fmt.Errorf("reading its signature: %w", err)
	}
	if err := verify(block.Bytes, signature, keys, now); err != nil {
		return Release{}, err
	}
	return parseRelease(block.Plaintext)
}

// verify wants one good signature. An archive signs with several keys, so that an expired or unknown one does no harm as
// long as another holds: each key is therefore tried alone.
func verify(signed, signature []byte, keys openpgp.EntityList, now time.Time) error {
	config := &packet.Config{Time: func() time.Time { return now }}
	known := error(nil)
	for _, key := range keys {
		_, err := openpgp.CheckDetachedSignature(openpgp.EntityList{key}, bytes.NewReader(signed), bytes.NewReader(signature), config)
		if err == nil {
			return nil
		}
		if len(key.Identities) > 0 && !errors.Is(err, pgperrors.ErrUnknownIssuer) {
			known = fmt.Errorf("signature of key %X: %w", key.PrimaryKey.Fingerprint, err)
		}
	}
	if known != nil {
		return known
	}
	return fmt.Errorf("it is signed by none of the %d keys that this host trusts for it", len(keys))
}

// parseRelease reads the signed text.
func parseRelease(text []byte) (Release, error) {
	p, err := readParagraph(bytes.NewReader(text))
	if err != nil {
		return Release{}, err
	}
	r := Release{Suite: p.Get("Suite"), Codename: p.Get("Codename"), Files: map[string]Checksum{}}
	if r.Date, err = mail.ParseDate(p.Get("Date")); err != nil {
		return Release{}, fmt.Errorf("its date %q: %w", p.Get("Date"), err)
	}
	if until := p.Get("Valid-Until"); until != "" {
		if r.ValidUntil, err = mail.ParseDate(until); err != nil {
			return Release{}, fmt.Errorf("its end of validity %q: %w", until, err)
		}
	}
	for line := range strings.Lines(p.Get("SHA256")) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if len(words) != 3 {
			return Release{}, fmt.Errorf("its list of files has the line %q", line)
		}
		sum, err := parseChecksum(words[0], words[1])
		if err != nil {
			return Release{}, fmt.Errorf("its entry for %q: %w", words[2], err)
		}
		r.Files[words[2]] = sum
	}
	return r, nil
}

// Check refuses a release file that is another suite's or too old. An attacker who can only replay old files could
// otherwise withhold security updates for ever.
func (r Release) Check(suite string, now time.Time) error {
	if suite != r.Suite && suite != r.Codename && strings.TrimSuffix(suite, "/updates") != r.Codename {
		return fmt.Errorf("it is the release file of %q (%s)", r.Codename, r.Suite)
	}
	if !r.ValidUntil.IsZero() && now.After(r.ValidUntil) {
		return fmt.Errorf("it was valid until %s only: the mirror is out of date, or the clock of this host is wrong",
			r.ValidUntil.Format(time.RFC1123))
	}
	return nil
}

func parseChecksum(sum, size string) (Checksum, error) {
	if !validSHA256(sum) {
		return Checksum{}, fmt.Errorf("%q is not a SHA-256 sum", sum)
	}
	n, err := strconv.ParseInt(size, 10, 64)
	if err != nil || n < 0 {
		return Checksum{}, fmt.Errorf("%q is not a size", size)
	}
	return Checksum{SHA256: sum, Size: n}, nil
}

// validSHA256 keeps a sum that becomes part of a path from being anything but a sum.
func validSHA256(s string) bool {
	return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == ""
}
