package choose

// Choices that were made once can be looked at, edited, and made again: a failing run is kept, and minimised, as a list
// of choices.

// Recorder passes on the choices of another source and remembers them.
type Recorder struct {
	source  Source
	choices []Choice
}

// NewRecorder returns a recorder of what the source chooses.
func NewRecorder(source Source) *Recorder { return &Recorder{source: source} }

// Choose returns what the recorded source chooses.
func (r *Recorder) Choose(n int) int {
	made := r.source.Choose(n)
	r.choices = append(r.choices, Choice{N: n, Made: made})
	return made
}

// Choices returns all choices so far, in order. The slice belongs to the recorder, which goes on appending to it.
func (r *Recorder) Choices() []Choice { return r.choices[:len(r.choices):len(r.choices)] }

// Replay makes choices from a list. A list that fits the code under test, as recorded, makes the code do again what it
// did. One that has been edited need not fit: where the code asks for another n than the list has, the listed choice is
// taken modulo n; when the list is used up all choices are 0.
type Replay struct {
	choices []Choice
	asked   int
	strayed int // how many choices did not fit the list
}

// NewReplay returns a source that makes the listed choices, which must not change while it is in use.
func NewReplay(choices []Choice) *Replay { return &Replay{choices: choices} }

// Choose returns the next choice of the list.
func (r *Replay) Choose(n int) int {
	if n < 1 {
		panic(noChoice)
	}
	position := r.asked
	r.asked++
	if position >= len(r.choices) {
		r.strayed++
		return 0
	}
	c := r.choices[position]
	if c.N != n {
		r.strayed++
	}
	return c.Made % n
}

// Asked returns how many choices have been asked for. What the list holds beyond had no effect.
func (r *Replay) Asked() int { return r.asked }

// Strayed returns how many choices did not fit the list: of another n, or beyond its end. After a faithful replay it is
// zero, and Asked is the length of the list.
func (r *Replay) Strayed() int { return r.strayed }
