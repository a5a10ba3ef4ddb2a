package store

// What the writer remembers of keys besides their values, so that most commands need not read from the database.

// A keyCache holds the states of keys that were changed last, without values. It has two halves: when the younger is full, it
// takes the place of the older, which is forgotten.
type keyCache struct {
	young, old map[string]keyInfo
	bytes      int // of the younger half
	most       int // bytes of each half
}

// A keyInfo is a keyState without value.
type keyInfo struct {
	rev, create, version uint64
	valueBytes           uint32
	exists               bool
}

const (
	keyCacheBytes    = 16 << 20 // of each half, if it is not set
	keyCacheOverhead = 96       // of an entry
)

func newKeyCache(most int) keyCache { return keyCache{young: map[string]keyInfo{}, most: most} }

func (c *keyCache) get(key []byte) (keyState, bool) {
	info, ok := c.young[string(key)]
	if !ok {
		info, ok = c.old[string(key)]
	}
	k := keyState{exists: info.exists, rev: info.rev, create: info.create, version: info.version, valueBytes: int(info.valueBytes)}
	return k, ok
}

func (c *keyCache) set(key string, k keyState) {
	before := len(c.young)
	c.young[key] = keyInfo{exists: k.exists, rev: k.rev, create: k.create, version: k.version, valueBytes: uint32(k.valueBytes)}
	if len(c.young) == before {
		return
	}
	c.bytes += len(key) + keyCacheOverhead
	if c.bytes < c.most {
		return
	}
	c.young, c.old, c.bytes = make(map[string]keyInfo, before), c.young, 0
}
