package client

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAllReadsPageAfterPage(t *testing.T) {
	f := newFake(t, 1)
	c := f.client(t)
	var want []string
	for i := range 25 {
		want = append(want, fmt.Sprintf("k%02d", i))
		_, err := c.Put(t.Context(), want[i], []byte{byte(i), 0xff})
		require.NoError(t, err)
	}
	for _, key := range []string{"j", "k\xff", "l"} { // the second belongs to the list, and is not UTF-8
		_, err := c.Put(t.Context(), key, nil)
		require.NoError(t, err)
	}
	want = append(want, "k\xff")
	for _, limit := range []int{0, 1, 7, 13, 26, 1000} {
		before := f.members[0].requests.Load()
		var got []string
		for item, err := range c.All(t.Context(), ListOptions{Prefix: "k", Limit: limit}) {
			require.NoError(t, err)
			if len(got) < 25 {
				require.Equal(t, []byte{byte(len(got)), 0xff}, item.Value)
				require.Equal(t, uint64(len(got)+1), item.Rev)
			}
			got = append(got, item.Key)
		}
		require.Equal(t, want, got)
		if limit == 7 {
			require.EqualValues(t, 4, f.members[0].requests.Load()-before)
		}
	}
}

func TestAllStopsWithItsCaller(t *testing.T) {
	f := newFake(t, 1)
	c := f.client(t)
	for i := range 10 {
		_, err := c.Put(t.Context(), fmt.Sprint(i), []byte("x"))
		require.NoError(t, err)
	}
	before := f.members[0].requests.Load()
	for item, err := range c.All(t.Context(), ListOptions{After: "3", Limit: 2, KeysOnly: true}) {
		require.NoError(t, err)
		require.Equal(t, Item{Key: "4", Rev: 5, Created: 5, Version: 1}, item)
		break
	}
	require.EqualValues(t, 1, f.members[0].requests.Load()-before)
}

func TestListThatDoesNotAdvanceIsAnError(t *testing.T) {
	f := newFake(t, 1)
	f.members[0].misbehave(func(w http.ResponseWriter, _ *http.Request) bool {
		fmt.Fprint(w, `{"rev":1,"items":[{"key":"a","value":"1","rev":1}],"more":true,"next":"a"}`)
		return true
	})
	count := 0
	for _, err := range f.client(t).All(t.Context(), ListOptions{}) {
		count++
		require.Less(t, count, 10)
		if err != nil {
			require.ErrorContains(t, err, "does not get beyond")
		}
	}
	require.Equal(t, 3, count, "the item twice, and the error")
}
