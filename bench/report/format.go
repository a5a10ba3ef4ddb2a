package report

import (
	"math"
	"strconv"
	"strings"

	"github.com/seed695671cb/raft/bench/stats"
)

// absent stands in a table where nothing was measured.
const absent = "-"

// duration writes a summary of nanoseconds in the unit that suits its median: "4.60 us (4.51 to 4.72)".
func duration(s stats.Summary) string {
	unit, name := timeUnit(s.Median)
	return spread(s, unit, " "+name)
}

// timeUnit is the largest unit that leaves at least one before the point, in nanoseconds, and its name.
func timeUnit(ns float64) (float64, string) {
	switch {
	case ns >= 1e9:
		return 1e9, "s"
	case ns >= 1e6:
		return 1e6, "ms"
	case ns >= 1e3:
		return 1e3, "us"
	default:
		return 1, "ns"
	}
}

// spread writes a summary in the given unit with its quartiles.
func spread(s stats.Summary, unit float64, suffix string) string {
	if math.IsNaN(s.Median) {
		return absent
	}
	return number(s.Median/unit) + suffix + " (" + number(s.Low/unit) + " to " + number(s.High/unit) + ")"
}

// count writes the median of what was allocated. Less than one in a thousand operations is what the process allocates
// for itself, and counts as nothing.
func count(s stats.Summary) string {
	if s.Median < 0.001 {
		return "0"
	}
	return number(s.Median)
}

// number writes a value with three significant digits; what is above a thousand as a whole number with its thousands
// set apart.
func number(v float64) string {
	switch {
	case math.IsNaN(v):
		return absent
	case v == 0:
		return "0"
	case math.Abs(v) >= 999.5:
		return thousands(strconv.FormatFloat(v, 'f', 0, 64))
	}
	digits := 2 - int(math.Floor(math.Log10(math.Abs(v))))
	text := strconv.FormatFloat(v, 'f', max(digits, 0), 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text
}

// thousands sets commas into a whole number.
func thousands(digits string) string {
	sign, digits := digits[:len(digits)-len(strings.TrimPrefix(digits, "-"))], strings.TrimPrefix(digits, "-")
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return sign + digits
}
