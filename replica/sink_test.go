package replica

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A transport that finishes contents twice once had them taken twice: what is staged, and the place where it is, could then be
// taken from whoever used them.
func TestContentsAreFinishedOnce(t *testing.T) {
	_, behind, s, contents, _ := beginReceiving(t)
	_, err := s.Write(contents)
	require.NoError(t, err)
	taken := 0
	behind.call(patient(t), func() { // no step comes between
		require.NoError(t, s.Finish())
		require.Error(t, s.Finish())
		behind.inbox.put(func(l *letters) { taken = len(l.acks) })
	})
	require.Equal(t, 1, taken)
	free := func() bool {
		if behind.staging.acquire("saved", behind.id, 0) != nil {
			return false
		}
		behind.staging.release()
		return true
	}
	require.Eventually(t, func() bool { return behind.value("k") == "11" && free() }, time.Minute, time.Millisecond)
	require.Error(t, s.Finish())
	_, err = s.Write([]byte("more"))
	require.Error(t, err)
	require.NoError(t, s.Close())
	require.True(t, free())
	_, err = behind.Compact(patient(t))
	require.NoError(t, err)
}
