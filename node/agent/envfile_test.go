package agent

import (
	"maps"
	"slices"
	"testing"
)

func TestEnvironmentFilesReadAsSystemdReadsThem(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       map[string]string
	}{
		{"kubeadm's file", "KUBELET_KUBEADM_ARGS=\"--a=b --c=d\"\n", map[string]string{"KUBELET_KUBEADM_ARGS": "--a=b --c=d"}},
		{"without a newline at the end", "A=b", map[string]string{"A": "b"}},
		{"comments and blank lines", "# A=1\n\n; B=2\n  C=3\n", map[string]string{"C": "3"}},
		{"the last one counts", "A=1\nA=2\n", map[string]string{"A": "2"}},
		{"nothing", "A=\n", map[string]string{"A": ""}},
		{"blanks around a value", "A=  b c  \n", map[string]string{"A": "b c"}},
		{"blanks in quotes stay", "A='b '\n", map[string]string{"A": "b "}},
		{"quoted parts are joined", "A=\"b\"'c'd\n", map[string]string{"A": "bcd"}},
		{"a quoted value over lines", "A=\"b\nc\"\n", map[string]string{"A": "b\nc"}},
		{"a backslash joins lines", "A=b\\\nc\n", map[string]string{"A": "bc"}},
		{"escapes in double quotes", `A="b\"c\$d\e\\"`, map[string]string{"A": `b"c$d\e\`}},
		{"no escapes in single quotes", `A='b\c'`, map[string]string{"A": `b\c`}},
		{"no variables are put in", "A=1\nB=$A\n", map[string]string{"A": "1", "B": "$A"}},
		{"a hash within a value", "A=b #c\n", map[string]string{"A": "b #c"}},
		{"lines that are no assignments", "export\nA B=1\n1A=2\nC=3\n", map[string]string{"C": "3"}},
		{"Windows line ends", "A=b\r\nC=d\r\n", map[string]string{"A": "b", "C": "d"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := parseEnvironment(test.text); !maps.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestWordsSplitAsSystemdSplitsThem(t *testing.T) {
	for text, want := range map[string][]string{
		"":                         nil,
		"  ":                       nil,
		"--a=b  --c":               {"--a=b", "--c"},
		"--a='b c' d":              {"--a=b c", "d"},
		`--labels="a=b,c=d" ""`:    {"--labels=a=b,c=d", ""},
		`a\ b c`:                   {"a b", "c"},
		`"open end`:                {"open end"},
		"a\tb\nc":                  {"a", "b", "c"},
		`--reserved='{"cpu":"1"}'`: {`--reserved={"cpu":"1"}`},
	} {
		if got := splitWords(text); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func FuzzEnvironment(f *testing.F) {
	f.Add("KUBELET_KUBEADM_ARGS=\"--a=b --c='d e'\" \\\n f\n# comment\nB='")
	f.Fuzz(func(t *testing.T, text string) {
		for name, value := range parseEnvironment(text) {
			if !properName(name) || slices.Contains([]byte(value), 0) {
				t.Errorf("took %q=%q", name, value)
			}
			total := 0
			for _, word := range splitWords(value) {
				total += len(word)
			}
			if total > len(value) {
				t.Errorf("%q splits into more than there is", value)
			}
		}
	})
}
