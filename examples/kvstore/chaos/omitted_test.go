package chaos

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft/examples/kvstore/chaos/check"
	"github.com/seed695671cb/raft/examples/kvstore/chaos/history"
)

// twoWrites is a history in which one key is written twice, with revisions 1 and 2.
func twoWrites(t *testing.T) *history.Log {
	log := &history.Log{}
	for i := range 2 {
		put := &history.Op{Client: 1, Group: 1, Kind: history.Put, Call: int64(10*i + 1), Return: int64(10*i + 2), Attempts: 1,
			Then: []history.Action{{Kind: history.Put, Key: history.Key(1, 0), Value: fmt.Sprintf("c1.%d", i+1)}}}
		header := http.Header{"Etag": {fmt.Sprintf(`"%d"`, i+1)}}
		require.NoError(t, settle(put, answer{status: 200, header: header, body: fmt.Appendf(nil, `{"rev":%d,"created":%t}`, i+1, i == 0)}))
		log.AddOp(put)
	}
	return log
}

// readingTxn is a transaction that writes if the key does not exist, and otherwise reads it and another one.
func readingTxn(call int64) *history.Op {
	key, other := history.Key(1, 0), history.Key(1, 1)
	return &history.Op{Client: 2, Group: 1, Kind: history.Txn, Key: "k2.1", Call: call, Return: call + 6, Attempts: 2,
		Compare: []history.Compare{{Key: key, Target: history.TargetExists, Exists: false}},
		Then:    []history.Action{{Kind: history.Put, Key: key, Value: "c2.1"}, {Kind: history.Put, Key: other, Value: "c2.2"}},
		Else:    []history.Action{{Kind: history.Get, Key: key}, {Kind: history.Get, Key: other}}}
}

const absentGet = `{"get":{"exists":false,"rev":0,"created":0,"version":0}}`

func txnAnswer(first, second string) answer {
	return answer{status: 200, header: http.Header{}, replayed: true,
		body: []byte(`{"rev":2,"succeeded":false,"results":[` + first + "," + second + `]}`)}
}

// The first answer to a keyed transaction was lost, and its repetition comes without the values that were read. What it says
// besides is checked: of what it may say of the key, exactly the truth is no violation.
func TestReplayedTransactionsWithoutValuesAreChecked(t *testing.T) {
	const right = `{"get":{"exists":true,"rev":2,"created":1,"version":2,"omitted":true}}`
	for name, c := range map[string]struct {
		first, second string
		ok            bool
	}{
		"right":                             {right, absentGet, true},
		"an older revision":                 {`{"get":{"exists":true,"rev":1,"created":1,"version":1,"omitted":true}}`, absentGet, false},
		"a revision that nobody made":       {`{"get":{"exists":true,"rev":9,"created":1,"version":2,"omitted":true}}`, absentGet, false},
		"another revision of the creation":  {`{"get":{"exists":true,"rev":2,"created":2,"version":2,"omitted":true}}`, absentGet, false},
		"another version":                   {`{"get":{"exists":true,"rev":2,"created":1,"version":1,"omitted":true}}`, absentGet, false},
		"a key that exists does not":        {absentGet, absentGet, false},
		"a key that does not exist does":    {right, right, false},
		"a value that differs, in a replay": {`{"get":{"exists":true,"rev":2,"created":1,"version":2,"value":"c1.1:"}}`, absentGet, false},
	} {
		t.Run(name, func(t *testing.T) {
			log, txn := twoWrites(t), readingTxn(30)
			require.NoError(t, settle(txn, txnAnswer(c.first, c.second)))
			log.AddOp(txn)
			report := check.Run(log, check.Config{})
			require.Equal(t, c.ok, report.OK(), "%v", report.Violations)
			require.Empty(t, report.Undecided)
		})
	}
}

// Only the value of a key that existed may be left out.
func TestOnlyValuesThatExistAreOmitted(t *testing.T) {
	const omitted = `{"get":{"exists":true,"rev":2,"created":1,"version":2,"omitted":true}}`
	for name, a := range map[string]answer{
		"an absent key":             txnAnswer(omitted, `{"get":{"exists":false,"rev":0,"omitted":true}}`),
		"a value that is there":     txnAnswer(`{"get":{"exists":true,"rev":2,"value":"c1.2:","omitted":true}}`, absentGet),
		"a value without the word":  txnAnswer(`{"get":{"exists":true,"rev":2}}`, absentGet),
		"an empty value is damaged": txnAnswer(`{"get":{"exists":true,"rev":2,"value":""}}`, absentGet),
	} {
		t.Run(name, func(t *testing.T) {
			log, txn := twoWrites(t), readingTxn(30)
			err := settle(txn, a)
			log.AddOp(txn)
			var unexpected *unexpectedError
			if name == "an empty value is damaged" {
				require.NoError(t, err)
				require.False(t, check.Run(log, check.Config{}).OK())
				return
			}
			require.ErrorAs(t, err, &unexpected)
			require.Equal(t, history.Unknown, txn.Outcome)
		})
	}
}
