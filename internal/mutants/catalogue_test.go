package mutants

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const root = "../.."

func load(t *testing.T) []Mutant {
	t.Helper()
	topics, err := Load(root)
	require.NoError(t, err)
	return All(topics)
}

// TestTheCatalogueFitsTheCore makes every mutant of the present files of the core.
func TestTheCatalogueFitsTheCore(t *testing.T) {
	for _, m := range load(t) {
		changed, err := m.Apply(root)
		if err != nil {
			t.Error(err)
		}
		require.NotEmpty(t, changed)
	}
}

// TestTheCatalogueIsLongEnough bounds the number of mutants, and of those that are argued away.
func TestTheCatalogueIsLongEnough(t *testing.T) {
	mutants, equivalent := 0, 0
	for _, m := range load(t) {
		if m.Equivalent != "" {
			equivalent++
			continue
		}
		mutants++
	}
	require.GreaterOrEqual(t, mutants, 75)
	require.LessOrEqual(t, equivalent, 3)
}

func TestTheCatalogueReadsWell(t *testing.T) {
	name := regexp.MustCompile(`^[a-z]+(-[a-z]+)+$`)
	for _, m := range load(t) {
		require.Regexp(t, name, m.Name)
		require.True(t, strings.HasSuffix(m.History, "."), "the history of %s is no sentence: %q", m.Name, m.History)
		require.False(t, strings.HasSuffix(m.Endangers, "."), "%s endangers a property, which has no full stop", m.Name)
		for _, e := range m.Edits {
			dir := filepath.ToSlash(filepath.Dir(e.File))
			require.Contains(t, []string{".", "tracker", "quorum", "confchange"}, dir, "%s edits what is not the core", m.Name)
			require.NotRegexp(t, `_test\.go$`, e.File)
		}
	}
}

// TestEveryKindOfMistakeIsThere is the list of mistakes that the catalogue must hold, with the mutants that make them.
func TestEveryKindOfMistakeIsThere(t *testing.T) {
	kinds := [...][2]string{
		{"vote not persisted", "vote-not-persisted"},
		{"vote granted without the log check", "vote-without-log-check"},
		{"vote granted twice in a term", "second-vote-in-term"},
		{"term not adopted from a rejection", "term-not-adopted-from-refusal"},
		{"commit by counting entries of older terms", "commit-older-term-by-count"},
		{"quorum off by one for even sizes", "quorum-half-of-even"},
		{"appends acknowledged above what matched", "acknowledged-above-match"},
		{"a stale acknowledgement taken for a match", "acknowledgement-of-an-earlier-term-counts"},
		{"a probe hint taken for a match", "rejection-hint-taken-for-match"},
		{"matching suffix truncated on every append", "append-truncates-matching-suffix"},
		{"conflicting tail kept after a snapshot", "conflicting-tail-kept-after-snapshot"},
		{"stale snapshot truncating a matched log", "stale-snapshot-truncates-log"},
		{"acknowledgement before the entry is durable", "acknowledged-before-durable"},
		{"single voter committing what is not durable", "single-voter-commits-undurable"},
		{"storage acknowledgement of replaced entries releasing new ones", "acknowledgement-of-replaced-entries"},
		{"membership effective too early", "membership-in-force-when-appended"},
		{"campaign with unapplied committed changes", "campaign-with-unapplied-change"},
		{"learner counted in quorum", "learner-counted-in-commit"},
		{"learner refusing a vote that is needed", "learner-refuses-vote"},
		{"auto-leave lost", "auto-leave-lost"},
		{"auto-leave doubled", "auto-leave-doubled"},
		{"two changes pending", "two-changes-pending"},
		{"read before the first commit of the term", "read-before-commit-in-term"},
		{"read confirmed by old acknowledgements", "read-confirmed-by-old-acknowledgements"},
		{"read quorum short by one", "read-quorum-one-short"},
		{"lease kept through a transfer", "lease-kept-through-transfer"},
		{"lease measured from the acknowledgement", "lease-from-acknowledgement"},
		{"inflight bytes leaked on reset", "inflight-bytes-leaked-on-reset"},
		{"uncommitted size leaked so that proposals stop for ever", "uncommitted-size-leaked"},
		{"commit lowered by paging", "commit-lowered-by-paging"},
		{"applied re-delivered after restart", "applied-redelivered-after-restart"},
		{"pre-vote that raises the term", "pre-vote-request-raises-term"},
		{"check-quorum that never steps down", "check-quorum-never-steps-down"},
		{"a transfer that can be answered late", "transfer-answered-late"},
		{"progress corrupted by a response from before removal", "answer-from-an-earlier-life-is-believed"},
		{"snapshot without its membership", "snapshot-without-membership"},
	}
	have := map[string]bool{}
	for _, m := range load(t) {
		have[m.Name] = m.Equivalent == ""
	}
	for _, kind := range kinds {
		require.True(t, have[kind[1]], "%s: the catalogue lacks %s", kind[0], kind[1])
	}
}

const smallTopic = `# Small

What it is
about.

== first-one
endangers: something
history: It goes wrong,
  and on.

-- a.go
 one
-two
+TWO

-- dir/b.go
+zero
 one

== second-one
endangers: something else
history: It goes wrong.
equivalent: Nobody looks.

-- a.go
-two
+three
`

func TestParseTopic(t *testing.T) {
	topic, err := parseTopic("small.txt", smallTopic)
	require.NoError(t, err)
	require.Equal(t, "Small", topic.Title)
	require.Equal(t, "What it is about.", topic.Intro)
	require.Equal(t, []Mutant{
		{
			Name: "first-one", Endangers: "something", History: "It goes wrong, and on.", Source: "small.txt:6",
			Edits: []Edit{
				{File: "a.go", Old: []string{"one", "two"}, New: []string{"one", "TWO"}},
				{File: "dir/b.go", Old: []string{"one"}, New: []string{"zero", "one"}},
			},
		},
		{
			Name: "second-one", Endangers: "something else", History: "It goes wrong.", Equivalent: "Nobody looks.",
			Source: "small.txt:20",
			Edits:  []Edit{{File: "a.go", Old: []string{"two"}, New: []string{"three"}}},
		},
	}, topic.Mutants)
}

func TestParseTopicSaysWhatIsWrong(t *testing.T) {
	head := "# T\n\n== m\nendangers: x\nhistory: y\n"
	for _, tc := range []struct{ text, want string }{
		{"== m\n", "bad.txt: a topic has a line"},
		{"# T\n", "bad.txt: a topic has a line"},
		{"# T\n== m\nhistroy: y\n", `bad.txt:3: "histroy: y" is no attribute`},
		{"# T\n== m\nhistory: y\n-- a.go\n-b\n", `bad.txt:2: mutant "m" lacks`},
		{head, `bad.txt:3: mutant "m" lacks`},
		{head + "-- a.go\nb\n", `bad.txt:7: "b": a line of an edit begins with`},
		{head + "-- a.go\n+b\n", "bad.txt:3: mutant m: an edit of a.go has no lines to find"},
		{head + "-- a.go\n b\n", "bad.txt:3: mutant m: an edit of a.go has no lines to find, or changes none"},
	} {
		_, err := parseTopic("bad.txt", tc.text)
		require.ErrorContains(t, err, tc.want)
	}
}

func TestNamesAreUnique(t *testing.T) {
	a := Topic{Mutants: []Mutant{{Name: "x-y", Source: "a.txt:1"}}}
	b := Topic{Mutants: []Mutant{{Name: "x-y", Source: "b.txt:9"}}}
	require.NoError(t, checkNames([]Topic{a}))
	require.EqualError(t, checkNames([]Topic{a, b}),
		"b.txt:9: the name x-y is taken by the mutant of a.txt:1: choose another")
}

func TestFingerprintFollowsTheEditsAlone(t *testing.T) {
	m := Mutant{Name: "a", History: "x", Edits: []Edit{{File: "a.go", Old: []string{"1"}, New: []string{"2"}}}}
	same := Mutant{Name: "b", History: "y", Edits: []Edit{{File: "a.go", Old: []string{"1"}, New: []string{"2"}}}}
	other := Mutant{Name: "a", History: "x", Edits: []Edit{{File: "a.go", Old: []string{"1"}, New: []string{"3"}}}}
	require.Equal(t, m.Fingerprint(), same.Fingerprint())
	require.NotEqual(t, m.Fingerprint(), other.Fingerprint())
}
