package report

import (
	"errors"
	"strings"
)

// The lines between which a document holds results. What is around them is written by hand.
const (
	Begin = "<!-- results: begin -->"
	End   = "<!-- results: end -->"
)

// Replace puts the results between the markers of a document, in place of what was there.
func Replace(document, results string) (string, error) {
	before, rest, found := strings.Cut(document, Begin)
	if !found {
		return "", errors.New("the document has no line " + Begin + ": put one where the results belong, and one with end below it")
	}
	_, after, found := strings.Cut(rest, End)
	if !found {
		return "", errors.New("the document has no line " + End + " below " + Begin)
	}
	if strings.Contains(before, End) || strings.Contains(after, Begin) || strings.Contains(after, End) {
		return "", errors.New("the document has more than one pair of markers for results, or they are in the wrong order")
	}
	return before + Begin + "\n\n" + strings.TrimSpace(results) + "\n\n" + End + after, nil
}
