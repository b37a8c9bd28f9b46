package debian

import "testing"

func TestCompareVersions(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"1.0", "1.0", 0},
		{"1.0", "1.1", -1},
		{"1.9", "1.10", -1},
		{"1.09", "1.9", 0},
		{"0:1.0", "1.0", 0},
		{"1:0.1", "2.0", 1},
		{"1.0-1", "1.0", 1},
		{"1.0-0", "1.0", 0},
		{"1.0-1", "1.0-2", -1},
		{"1.0~rc1", "1.0", -1},
		{"1.0~~", "1.0~", -1},
		{"1.0~~a", "1.0~", -1},
		{"1.0", "1.0a", -1},
		{"1.0a", "1.0+", -1},
		{"1.0+b1", "1.0+b2", -1},
		{"2.36-9+deb12u10", "2.36-9+deb12u9", 1},
		{"5.2.15-2+b13", "5.2.15-2+b2", 1},
		{"1.2.3-4-5", "1.2.3-4-6", -1},
		{"99999999999999999999", "100000000000000000000", -1},
		{"", "", 0},
		{"", "0", 0},
		{"~", "", -1},
	} {
		if got := sign(CompareVersions(c.a, c.b)); got != c.want {
			t.Errorf("CompareVersions(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
		if got := sign(CompareVersions(c.b, c.a)); got != -c.want {
			t.Errorf("CompareVersions(%q, %q) = %d, want %d", c.b, c.a, got, -c.want)
		}
	}
}

func sign(n int) int {
	switch {
	case n < 0:
		return -1
	case n > 0:
		return 1
	}
	return 0
}

func FuzzCompareVersions(f *testing.F) {
	f.Add("1:2.3~rc1-4+deb12u1", "1:2.3-4")
	f.Fuzz(func(t *testing.T, a, b string) {
		if sign(CompareVersions(a, b)) != -sign(CompareVersions(b, a)) {
			t.Errorf("the order of %q and %q depends on which comes first", a, b)
		}
		if CompareVersions(a, a) != 0 {
			t.Errorf("%q differs from itself", a)
		}
	})
}
