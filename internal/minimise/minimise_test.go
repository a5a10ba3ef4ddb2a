// Tests of Minimise with made-up properties of lists of numbers, whose trials are counted.
package minimise

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func upTo(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

// containing returns the property of having all the given items.
func containing(wanted ...int) func([]int) bool {
	return func(list []int) bool {
		for _, w := range wanted {
			if !slices.Contains(list, w) {
				return false
			}
		}
		return true
	}
}

// counting counts the calls of fails.
func counting(fails func([]int) bool, trials *int) func([]int) bool {
	return func(list []int) bool {
		*trials++
		return fails(list)
	}
}

// requireOneMinimal checks that the list fails, and that it does not without any one item.
func requireOneMinimal(t *testing.T, list []int, fails func([]int) bool) {
	t.Helper()
	require.True(t, fails(list), "%v does not fail", list)
	for i := range list {
		shorter := slices.Delete(slices.Clone(list), i, i+1)
		require.False(t, fails(shorter), "%v fails without item %d", list, i)
	}
}

func TestMinimiseFindsTheItemsThatMatter(t *testing.T) {
	for _, wanted := range [][]int{{0}, {999}, {500}, {0, 999}, {3, 4, 5}, {1, 10, 100, 700}, {12, 13, 400, 401, 990}} {
		t.Run(fmt.Sprint(wanted), func(t *testing.T) {
			trials := 0
			got := Minimise(upTo(1000), counting(containing(wanted...), &trials))
			require.Equal(t, wanted, got)
			// A bisection, its check, and for each item that stays about one trial a size of chunk.
			require.LessOrEqual(t, trials, 30+2*len(wanted)*(bits.Len(1000)+2))
		})
	}
}

func TestMinimiseLongRunIsCutToItsPrefixFirst(t *testing.T) {
	trials := 0
	got := Minimise(upTo(1_000_000), counting(containing(20), &trials))
	require.Equal(t, []int{20}, got)
	require.Less(t, trials, 60)
}

func TestMinimisePropertyThatLongerPrefixesDoNotHave(t *testing.T) {
	// Fails with 7 or, far behind, with 500 and 900; but not with 7 and anything from 200 on.
	fails := func(list []int) bool {
		seven := slices.Contains(list, 7)
		late := slices.ContainsFunc(list, func(v int) bool { return v >= 200 })
		return seven && !late || containing(500, 900)(list)
	}
	got := Minimise(upTo(1000), fails)
	requireOneMinimal(t, got, fails)
}

func TestMinimiseChecksThatShorterPrefixesDoNotFail(t *testing.T) {
	// Of prefixes those of lengths 80 to 95 fail and those from 100 on; bisection alone ends at 100.
	isPrefix := func(list []int) bool { return slices.Equal(list, upTo(len(list))) }
	fails := func(list []int) bool {
		n := len(list)
		return isPrefix(list) && (n >= 80 && n <= 95 || n >= 100)
	}
	require.Len(t, Minimise(upTo(400), fails), 80)
}

func TestMinimiseParity(t *testing.T) {
	fails := func(list []int) bool { return len(list)%2 == 1 && slices.Contains(list, 17) }
	requireOneMinimal(t, Minimise(upTo(101), fails), fails)
	fails = func(list []int) bool { return len(list) > 0 && len(list)%2 == 0 }
	got := Minimise(upTo(128), fails)
	requireOneMinimal(t, got, fails)
	require.Len(t, got, 2)
}

func TestMinimiseRandomPropertiesAreOneMinimal(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 0))
		n := 1 + rng.IntN(60)
		// Items need others that come before them, as events do; and the list fails with any one of several sets.
		needs := make([][]int, n)
		for i := 1; i < n; i++ {
			for range rng.IntN(3) {
				needs[i] = append(needs[i], rng.IntN(i))
			}
		}
		sets := [][]int{{n - 1}}
		for range rng.IntN(3) {
			sets = append(sets, rng.Perm(n)[:1+rng.IntN(min(n, 4))])
		}
		fails := func(list []int) bool {
			for _, v := range list {
				if !containing(needs[v]...)(list) {
					return false
				}
			}
			return slices.ContainsFunc(sets, func(set []int) bool { return containing(set...)(list) })
		}
		trials := 0
		got := Minimise(upTo(n), counting(fails, &trials))
		requireOneMinimal(t, got, fails)
		require.True(t, slices.IsSorted(got), "the order of %v is not kept", got)
		require.LessOrEqual(t, trials, n*n/2+4*n+8)
	}
}

func TestMinimiseWorstCase(t *testing.T) {
	// Nothing can be left out: each size of chunk is tried in vain, and each single item once.
	trials := 0
	all := upTo(64)
	require.Equal(t, all, Minimise(all, counting(containing(all...), &trials)))
	require.Less(t, trials, 3*64)
}

func TestMinimiseListThatDoesNotFail(t *testing.T) {
	trials := 0
	never := counting(func([]int) bool { return false }, &trials)
	require.Equal(t, upTo(5), Minimise(upTo(5), never))
	require.Equal(t, 1, trials)
}

func TestMinimiseWhatFailsByItself(t *testing.T) {
	always := func([]int) bool { return true }
	require.Empty(t, Minimise(upTo(5), always))
	require.Empty(t, Minimise(nil, always))
	require.Equal(t, []int{0}, Minimise(upTo(1), containing(0)))
}

func TestMaxTrials(t *testing.T) {
	fails := containing(1, 10, 100, 700)
	for limit := 1; limit < 120; limit++ {
		trials := 0
		got := Minimise(upTo(1000), counting(fails, &trials), MaxTrials(limit))
		require.LessOrEqual(t, trials, limit)
		require.True(t, fails(got))
	}
}

func TestOnProgress(t *testing.T) {
	var seen []Progress
	got := Minimise(upTo(100), containing(3, 50), OnProgress(func(p Progress) { seen = append(seen, p) }))
	require.Equal(t, []int{3, 50}, got)
	for i, p := range seen {
		require.Equal(t, i+1, p.Trials)
		if i > 0 {
			require.LessOrEqual(t, p.Items, seen[i-1].Items)
		}
	}
	require.Equal(t, 2, seen[len(seen)-1].Items)
	require.Equal(t, 1, seen[len(seen)-1].Chunk)
}

func TestMinimiseIsDeterministic(t *testing.T) {
	var runs [2][][]int
	for i := range runs {
		Minimise(upTo(300), func(list []int) bool {
			runs[i] = append(runs[i], slices.Clone(list))
			return containing(5, 77, 210)(list)
		})
	}
	require.Equal(t, runs[0], runs[1])
}

func TestMinimiseLeavesItsInputAlone(t *testing.T) {
	items := upTo(50)
	Minimise(items, func(list []int) bool {
		failed := containing(4, 30)(list)
		clear(list)
		return failed
	})
	require.Equal(t, upTo(50), items)
}
