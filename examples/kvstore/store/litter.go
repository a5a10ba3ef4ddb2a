package store

// What was dropped from one end of a sequence stays on the disk for a while and is deleted many at a time, since one deletion of
// a range costs as much as that of a single record. It is not part of the state: readers and snapshots begin after it.

// litter is what was dropped and not deleted.
type litter struct {
	from  uint64 // the first number that may still be on the disk
	bytes uint64
}

const (
	litterCount = 10_000   // dropped numbers that are deleted together
	litterBytes = 16 << 20 // or their bytes
)

// collect says whether what lies before oldest is to be deleted now, and from where on; then it counts as deleted.
func (l *litter) collect(oldest uint64) (from uint64, ok bool) {
	if oldest < l.from+litterCount && l.bytes < litterBytes {
		return 0, false
	}
	from = l.from
	*l = litter{from: oldest}
	return from, true
}
