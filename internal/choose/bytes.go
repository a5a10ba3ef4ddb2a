package choose

// Bytes makes the choices that a string of bytes says, for fuzz targets. A choice uses as few bytes as can express
// every number in [0, n): none for n = 1, one up to 2^8, two up to 2^16, four up to 2^32, and eight beyond, least
// significant byte first; their value modulo n is the choice. So every string is a sequence of choices, every sequence
// of choices is made by some string ([Encode] finds it), and a change of one byte of a string that is used in single
// bytes changes one choice. When the string is used up all choices are 0.
//
// The zero value is the empty string.
type Bytes struct {
	data []byte
	used int
}

// NewBytes returns a source that reads data, which must not change while it is in use.
func NewBytes(data []byte) *Bytes { return &Bytes{data: data} }

// Choose returns the number in [0, n) that the next bytes say. Bytes that are missing at the end count as 0.
func (b *Bytes) Choose(n int) int {
	if n < 1 {
		panic(noChoice)
	}
	next := b.data[b.used:]
	if w := width(n); len(next) > w {
		next = next[:w]
	}
	var value uint64
	for i, octet := range next {
		value |= uint64(octet) << (8 * i)
	}
	b.used += len(next)
	return int(value % uint64(n))
}

// Exhausted reports whether every byte has been used, so that all further choices are 0. A loop that runs until then
// must make at least one choice with n above 1 in each round.
func (b *Bytes) Exhausted() bool { return b.used == len(b.data) }

// Used returns how many bytes the choices so far have used: what follows them in the string had no effect.
func (b *Bytes) Used() int { return b.used }

// Encode returns the string from which [Bytes] makes the given choices.
func Encode(choices []Choice) []byte {
	var data []byte
	for _, c := range choices {
		for i := range width(c.N) {
			data = append(data, byte(uint64(c.Made)>>(8*i)))
		}
	}
	return data
}

// width returns how many bytes a choice of n numbers takes.
func width(n int) int {
	switch largest := uint64(n) - 1; {
	case largest == 0:
		return 0
	case largest < 1<<8:
		return 1
	case largest < 1<<16:
		return 2
	case largest < 1<<32:
		return 4
	default:
		return 8
	}
}

// Continued is choices from a byte string, and after its end from another source: for code that makes no progress
// when every choice is 0.
type Continued struct {
	first *Bytes
	rest  Source
}

// NewContinued returns the choices that data holds, followed by those of rest.
func NewContinued(data []byte, rest Source) *Continued {
	return &Continued{first: NewBytes(data), rest: rest}
}

// Choose returns a number in [0, n).
func (c *Continued) Choose(n int) int {
	if !c.first.Exhausted() {
		return c.first.Choose(n)
	}
	return c.rest.Choose(n)
}
