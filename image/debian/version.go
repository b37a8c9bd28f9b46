package debian

import "strings"

// CompareVersions orders two package versions as Debian does (Policy 5.6.12): by epoch, then upstream version, then Debian
// revision. It returns a negative number, 0 or a positive number. Every string is a version; there are no errors.
func CompareVersions(a, b string) int {
	ae, au, ar := splitVersion(a)
	be, bu, br := splitVersion(b)
	if c := comparePart(ae, be); c != 0 {
		return c
	}
	if c := comparePart(au, bu); c != 0 {
		return c
	}
	return comparePart(ar, br)
}

func splitVersion(v string) (epoch, upstream, revision string) {
	if e, rest, ok := strings.Cut(v, ":"); ok {
		epoch, v = e, rest
	}
	if i := strings.LastIndexByte(v, '-'); i >= 0 {
		return epoch, v[:i], v[i+1:]
	}
	return epoch, v, ""
}

// comparePart compares stretches of non-digits and of digits in turn: the former letter by letter with an order of their
// own, the latter as numbers of any length.
func comparePart(a, b string) int {
	for a != "" || b != "" {
		for (a != "" && !digit(a[0])) || (b != "" && !digit(b[0])) {
			if c := order(a) - order(b); c != 0 {
				return c
			}
			a, b = tail(a), tail(b)
		}
		var na, nb string
		na, a = number(a)
		nb, b = number(b)
		if len(na) != len(nb) {
			return len(na) - len(nb)
		}
		if c := strings.Compare(na, nb); c != 0 {
			return c
		}
	}
	return 0
}

// order is the weight of the first character of s: "~" before the end, the end (and digits) before letters, letters before
// everything else.
func order(s string) int {
	switch {
	case s == "" || digit(s[0]):
		return 0
	case s[0] == '~':
		return -1
	case s[0] >= 'A' && s[0] <= 'Z', s[0] >= 'a' && s[0] <= 'z':
		return int(s[0])
	default:
		return int(s[0]) + 256
	}
}

// number cuts the digits off the front of s and returns them without leading zeros.
func number(s string) (digits, rest string) {
	i := 0
	for i < len(s) && digit(s[i]) {
		i++
	}
	return strings.TrimLeft(s[:i], "0"), s[i:]
}

func tail(s string) string {
	if s == "" {
		return s
	}
	return s[1:]
}

func digit(c byte) bool { return c >= '0' && c <= '9' }
