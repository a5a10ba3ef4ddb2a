package replica

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func keys(records []Record) []string {
	var list []string
	for _, r := range records {
		verb := "put "
		if r.Value == nil {
			verb = "delete "
		}
		name := string(r.Key[0]) + string('0'+r.Key[8])
		if len(r.Key) > 9 {
			name += "." + string('0'+r.Key[16])
		}
		list = append(list, verb+name)
	}
	return list
}

func tracked(t *testing.T) *sessionTable {
	table, err := loadSessions(nil)
	require.NoError(t, err)
	return table
}

func TestSessionChangesAreInOrderAndOnce(t *testing.T) {
	table := tracked(t)
	table.open(1, 8)
	table.open(2, 8)
	applied(table, 3, 2, 1, 1, "x")
	applied(table, 4, 1, 1, 1, "y")
	applied(table, 5, 2, 2, 1, "z")
	require.Equal(t, []string{"put s1", "put s2", "put r2.1", "put r1.1", "put r2.2"}, keys(table.changes()))
	require.Empty(t, table.changes())

	applied(table, 6, 2, 3, 2, "w")
	require.Equal(t, []string{"put s2", "delete r2.1", "put r2.3"}, keys(table.changes()))
	table.close(1)
	require.Equal(t, []string{"delete r1.1", "delete s1"}, keys(table.changes()))
}

func TestSessionChangesLeaveOutWhatCameAndWent(t *testing.T) {
	table := tracked(t)
	table.open(1, 8)
	table.changes()
	applied(table, 2, 1, 1, 1, "x")
	applied(table, 3, 1, 2, 2, "y")
	require.Equal(t, []string{"put s1", "put r1.2"}, keys(table.changes()))

	table.open(4, 8)
	applied(table, 5, 4, 1, 1, "x")
	table.close(4)
	require.Empty(t, table.changes())

	applied(table, 6, 1, 3, 2, "z")
	table.close(1)
	require.Equal(t, []string{"delete s1", "delete r1.2"}, keys(table.changes()))
}

func TestSessionChangesStartWithRecordsOrLoad(t *testing.T) {
	table := newSessionTable()
	table.open(1, 8)
	applied(table, 2, 1, 1, 1, "x")
	require.Empty(t, table.changes(), "nobody stores them")
	require.Equal(t, []string{"put s1", "put r1.1"}, keys(table.records()))
	require.Empty(t, table.changes())
	applied(table, 3, 1, 2, 2, "y")
	require.Equal(t, []string{"put s1", "delete r1.1", "put r1.2"}, keys(table.changes()))
	require.Equal(t, []string{"put s1", "put r1.2"}, keys(table.records()))
}

// TestSessionsAgainstTwins runs random calls on four tables: one that collects changes, which are stored; one that is
// loaded from those again and again; one that is decoded from its encoding again and again; and a plain model.
func TestSessionsAgainstTwins(t *testing.T) {
	for seed := range uint64(40) {
		r := &sessionRun{
			t: t, choose: rand.New(rand.NewPCG(seed, 6)), model: sessionModel{sessions: map[uint64]*modelSession{}},
			stored: tracked(t), loaded: tracked(t), decoded: newSessionTable(), disk: map[string][]byte{},
		}
		for range 600 {
			r.step()
		}
	}
}

type sessionRun struct {
	t                       *testing.T
	choose                  *rand.Rand
	index                   uint64
	model                   sessionModel
	stored, loaded, decoded *sessionTable
	disk                    map[string][]byte
}

func (r *sessionRun) tables() []*sessionTable {
	return []*sessionTable{r.stored, r.loaded, r.decoded}
}

func (r *sessionRun) step() {
	r.index++
	switch n := r.choose.IntN(20); {
	case n < 2:
		r.open()
	case n < 3:
		session := r.session()
		want := r.model.close(session)
		for _, table := range r.tables() {
			require.Equal(r.t, want, table.close(session))
		}
	case n < 5:
		r.store()
	case n < 6:
		r.replace()
	default:
		r.command()
	}
	require.Equal(r.t, r.model.order(), openSessions(r.stored))
}

func (r *sessionRun) open() {
	bound := uint64(1 + r.choose.IntN(5))
	want := r.model.open(r.index, bound)
	for _, table := range r.tables() {
		require.Equal(r.t, want, table.open(r.index, bound))
	}
}

// session returns a session that is open, or was, or never will be.
func (r *sessionRun) session() uint64 {
	if ids := r.model.order(); len(ids) > 0 && r.choose.IntN(8) > 0 {
		return ids[r.choose.IntN(len(ids))]
	}
	return 1 + r.choose.Uint64N(r.index)
}

func (r *sessionRun) command() {
	session := r.session()
	base := r.model.lowOf(session)
	seq := base + uint64(r.choose.IntN(6))
	switch r.choose.IntN(12) {
	case 0:
		seq -= min(seq, 2)
	case 1:
		seq = base + maxInFlight - 1 + uint64(r.choose.IntN(2))
	}
	low := 1 + r.choose.Uint64N(seq+1)
	if r.choose.IntN(3) > 0 {
		low = base
	}
	result := bytes.Repeat([]byte{byte(r.index)}, r.choose.IntN(4))
	want, wantResult := r.model.command(r.index, session, seq, low, result)
	for _, table := range r.tables() {
		verdict, known := table.use(r.index, session, seq, low)
		require.Equal(r.t, want, verdict)
		require.Equal(r.t, wantResult, string(known.data))
		if verdict == commandNew {
			table.record(session, seq, result)
		}
	}
}

// store writes the changes to the disk, which then has to hold exactly what the table holds.
func (r *sessionRun) store() {
	for _, record := range r.stored.changes() {
		if record.Value == nil {
			require.Contains(r.t, r.disk, string(record.Key), "only what is there is deleted")
			delete(r.disk, string(record.Key))
			continue
		}
		r.disk[string(record.Key)] = record.Value
	}
	var records []Record
	for key, value := range r.disk { // in whatever order
		records = append(records, Record{Key: []byte(key), Value: value})
	}
	loaded, err := loadSessions(append(records, Record{Key: []byte{recordMembers}, Value: []byte("x")}, Record{}))
	require.NoError(r.t, err)
	require.Equal(r.t, r.stored.encode(), loaded.encode())
	r.loaded.changes()
	r.loaded = loaded
}

// replace makes another table of the encoding.
func (r *sessionRun) replace() {
	encoded := r.stored.encode()
	require.Equal(r.t, encoded, r.decoded.encode())
	require.Equal(r.t, len(encoded), cap(encoded))
	decoded, err := decodeSessions(encoded)
	require.NoError(r.t, err)
	r.decoded = decoded
}

func TestSessionDecoderRefusesWhatCannotBe(t *testing.T) {
	table := newSessionTable()
	table.open(5, 8)
	table.open(6, 8)
	applied(table, 7, 5, 1, 1, "one")
	applied(table, 8, 5, 2, 1, "two")
	good := table.encode()
	for n := range good {
		_, err := decodeSessions(good[:n])
		require.Error(t, err)
	}
	for name, tc := range map[string]struct {
		data []byte
		want string
	}{
		"too many sessions": {[]byte{100, 1, 1, 1, 0}, "is 100, which is more than the bytes that follow can hold"},
		"same session":      {[]byte{2, 1, 1, 1, 0, 1, 2, 1, 0}, "session 1 is there twice"},
		"order":             {[]byte{2, 1, 3, 1, 0, 2, 3, 1, 0}, "do not have ascending indexes"},
		"used too early":    {[]byte{1, 5, 4, 1, 0}, "before it was opened"},
		"no low":            {[]byte{1, 5, 5, 0, 0}, "lacks the lowest number"},
		"number too high":   {[]byte{1, 1, 2, 1, 1, 0x80, 8, 2, 0}, "sequence number at offset 7 is too high"},
		"results order":     {[]byte{1, 1, 3, 1, 2, 1, 2, 0, 0, 3, 0}, "has a result 1 after that of 2"},
		"result too late":   {[]byte{1, 1, 2, 1, 1, 0, 3, 0}, "has index 3, but the session was used from 1 to 2"},
	} {
		_, err := decodeSessions(tc.data)
		require.ErrorContains(t, err, tc.want, name)
	}
	_, err := loadSessions([]Record{{Key: append([]byte{recordResult}, make([]byte, 16)...), Value: []byte{1}}})
	require.ErrorContains(t, err, "results of 1 sessions that do not exist")
	_, err = loadSessions([]Record{{Key: []byte("sx"), Value: []byte{1}}})
	require.ErrorContains(t, err, "key of a session record")
}

func FuzzSessions(f *testing.F) {
	table := newSessionTable()
	table.open(5, 8)
	table.open(6, 8)
	applied(table, 7, 5, 1, 1, "one")
	applied(table, 8, 6, 2, 1, "two")
	f.Add(table.encode())
	f.Add([]byte{2, 1, 1, 1, 0, 1, 2, 1, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		table, err := decodeSessions(data)
		if err != nil {
			return
		}
		require.Equal(t, data, table.encode(), "one table has one encoding")
		loaded, err := loadSessions(table.records())
		require.NoError(t, err)
		require.Equal(t, data, loaded.encode())
	})
}
