package atlas

// sheetReader reads a sheet once, from its beginning to its end: what is asked for is decoded, the
// rest passed over. encoding/json would read the whole of it several times, and allocate.
//
// Sheets are written without blanks. What is cut short, blank, or of another type than asked for
// leaves the reader broken, at the end of what it reads.
type sheetReader struct {
	b      []byte
	at     int
	broken bool
}

func (r *sheetReader) fail() { r.at, r.broken = len(r.b), true }

// peek is the byte ahead, 0 at the end.
func (r *sheetReader) peek() byte {
	if r.at < len(r.b) {
		return r.b[r.at]
	}
	return 0
}

func (r *sheetReader) take(c byte) bool {
	if r.peek() != c {
		r.fail()
		return false
	}
	r.at++
	return true
}

// word passes over a string and returns what is between its quotes, as it is written.
func (r *sheetReader) word() []byte {
	if !r.take('"') {
		return nil
	}
	b := r.b
	for i := r.at; i < len(b); i++ {
		if b[i] == '"' {
			w := b[r.at:i]
			r.at = i + 1
			return w
		}
		if b[i] == '\\' {
			i++
		}
	}
	r.fail()
	return nil
}

// object calls member with the name of each member; member reads its value, or skips it.
func (r *sheetReader) object(member func(name []byte)) {
	if !r.take('{') {
		return
	}
	for first := true; r.peek() != '}'; first = false {
		if !first && !r.take(',') {
			return
		}
		name := r.word()
		if !r.take(':') {
			return
		}
		if member(name); r.broken {
			return
		}
	}
	r.at++
}

// list calls item for each element, which item reads or skips. null is a list of none.
func (r *sheetReader) list(item func()) {
	if r.peek() == 'n' {
		r.literal()
		return
	}
	if !r.take('[') {
		return
	}
	for first := true; r.peek() != ']'; first = false {
		if !first && !r.take(',') {
			return
		}
		if item(); r.broken {
			return
		}
	}
	r.at++
}

// number reads an integer of at most 18 digits.
func (r *sheetReader) number() int {
	from, n := r.at, 0
	negative := r.peek() == '-'
	if negative {
		r.at++
		from++
	}
	for ; r.at < len(r.b) && r.b[r.at]-'0' <= 9; r.at++ {
		n = n*10 + int(r.b[r.at]-'0')
	}
	digits := r.at - from
	if digits == 0 || digits > 18 || digits > 1 && r.b[from] == '0' || !r.ended() {
		r.fail()
		return 0
	}
	if negative {
		return -n
	}
	return n
}

// ended says whether what is ahead may follow a value.
func (r *sheetReader) ended() bool {
	c := r.peek()
	return c == ',' || c == '}' || c == ']'
}

// numbers fills out with a list of as many integers.
func (r *sheetReader) numbers(out []int) {
	i := 0
	r.list(func() {
		if i == len(out) {
			r.fail()
			return
		}
		out[i] = r.number()
		i++
	})
	if i != len(out) {
		r.fail()
	}
}

// total adds up one member of the objects of a list.
func (r *sheetReader) total(of string) (sum int) {
	r.list(func() {
		r.object(func(name []byte) {
			if string(name) == of {
				sum += r.number()
			} else {
				r.skip()
			}
		})
	})
	return sum
}

// literal passes over true, false, null or a number.
func (r *sheetReader) literal() {
	from := r.at
	for r.at < len(r.b) && !r.ended() {
		r.at++
	}
	if r.at == from {
		r.fail()
	}
}

// Bytes that matter when a value is passed over, and what they do to the depth.
var depths = [256]struct {
	matters bool
	by      int8
}{'"': {true, 0}, '{': {true, 1}, '[': {true, 1}, '}': {true, -1}, ']': {true, -1}}

// skip passes over a value. Most of a sheet is passed over.
func (r *sheetReader) skip() {
	switch r.peek() {
	case '"':
		r.word()
		return
	case '{', '[':
	default:
		r.literal()
		return
	}
	b, depth := r.b, 0
	for i := r.at; i < len(b); i++ {
		c := &depths[b[i]]
		if !c.matters {
			continue
		}
		if depth += int(c.by); depth == 0 {
			r.at = i + 1
			return
		}
		if c.by == 0 {
			for i++; i < len(b) && b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
		}
	}
	r.fail()
}

// done says whether the whole was read, and nothing is left.
func (r *sheetReader) done() bool { return !r.broken && r.at == len(r.b) }
