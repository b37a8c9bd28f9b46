package term

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// OutputVersion is the API version of every document that a command prints with -o json.
const OutputVersion = "output.slipway.dev/v1alpha1"

// Document prints v, a struct whose first fields are apiVersion and kind, as indented JSON.
func Document(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// TypeMeta heads every document.
type TypeMeta struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
}

// Kind returns the head of a document of the given kind.
func Kind(kind string) TypeMeta { return TypeMeta{APIVersion: OutputVersion, Kind: kind} }

// Table prints rows below a header, in columns.
func Table(w io.Writer, header []string, rows [][]string) error {
	tw := tabwriter.NewWriter(w, 0, 8, 3, ' ', 0)
	for _, row := range append([][]string{header}, rows...) {
		for i, cell := range row {
			if i > 0 {
				fmt.Fprint(tw, "\t")
			}
			fmt.Fprint(tw, cell)
		}
		fmt.Fprintln(tw)
	}
	return tw.Flush()
}

// Duration writes d as a person would: 0.3s, 42s, 6m41s, 2h05m, 3d.
func Duration(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%.0fs", d.Truncate(time.Second).Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	default:
		return fmt.Sprintf("%dd", int(d.Hours())/24)
	}
}

// Bytes writes n with a binary unit, such as 139 MiB.
func Bytes(n int64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	value, i := float64(n)/unit, 0
	for ; value >= unit && i < 3; i++ {
		value /= unit
	}
	if value < 10 {
		return fmt.Sprintf("%.1f %ciB", value, "KMGT"[i])
	}
	return fmt.Sprintf("%.0f %ciB", value, "KMGT"[i])
}
