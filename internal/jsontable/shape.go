package jsontable

import (
	"io"
	"slices"
)

// shape is where the records are in each value of the text, one after another: at the top, or
// at the end of a path of members. Each level may have several names.
type shape struct {
	path        [][]string
	visioNature bool
	features    bool // records are GeoJSON features
}

// wrappers are names that programs give to the list of what was asked for.
func wrapper(name string) bool {
	return slices.Contains([]string{"items", "results", "features", "data", "records", "observations", "occurrences", "rows", "value", "hits"}, name)
}

// at returns the shape of records found in a member.
func at(names ...string) shape {
	var s shape
	for _, n := range names {
		s.path = append(s.path, []string{n})
	}
	s.features = names[len(names)-1] == "features"
	return s
}

func visioNature() shape {
	return shape{visioNature: true, path: [][]string{{"data"}, {"sightings", "forms", "deleted"}}}
}

// look reads as much of the text as it takes to tell its shape.
func look(s *scanner) (shape, error) {
	c, err := s.peek()
	if err != nil {
		return shape{}, err
	}
	if c != '{' {
		return shape{}, nil
	}
	s.take()
	var lists, others int
	var only string
	found, decided := shape{}, false
	schema := false
	err = s.members(func(name string, first byte) (bool, error) {
		switch {
		case name == "$schema":
			schema = true
			return false, nil
		case wrapper(name) && first == '{':
			sh, ok, err := s.lookInside(name)
			found, decided = sh, ok
			others++
			return true, err
		case first == '[':
			s.take()
			c, err := s.inside()
			if err != nil {
				return false, err
			}
			if wrapper(name) && (c == '{' || c == ']') {
				found, decided = at(name), true
				return true, nil
			}
			if c == '{' {
				lists++
				only = name
			}
			return true, s.rest()
		case first == '{':
			others++
		}
		return false, nil
	}, &decided)
	switch {
	case err != nil && !decided:
		return shape{}, err
	case decided:
		return found, nil
	case schema:
		return shape{}, errSchema
	}
	// One object alone that holds one list and otherwise plain values is a wrapper; else it is a record.
	if _, err := s.peek(); err == io.EOF && lists == 1 && others == 0 {
		return at(only), nil
	}
	return shape{}, nil
}

// members calls f for each member of the object just entered, until *stop: f takes the value
// itself and returns true, or leaves it to be passed over.
func (s *scanner) members(f func(name string, first byte) (taken bool, err error), stop *bool) error {
	for {
		c, err := s.inside()
		if err != nil {
			return err
		}
		if c == '}' || c == ',' {
			s.take()
			if c == '}' {
				return nil
			}
			continue
		}
		name, err := s.key()
		if err != nil {
			return err
		}
		if c, err = s.inside(); err != nil {
			return err
		}
		taken, err := f(name, c)
		if err != nil || *stop {
			return err
		}
		if !taken {
			if _, err := s.value(nil, false); err != nil {
				return err
			}
		}
	}
}

// lookInside looks for records in an object that is a member of the wrapper.
func (s *scanner) lookInside(name string) (sh shape, ok bool, err error) {
	s.take()
	err = s.members(func(inner string, first byte) (bool, error) {
		switch {
		case name == "data" && (inner == "sightings" || inner == "forms" || inner == "deleted"):
			sh, ok = visioNature(), true
		case first == '[' && wrapper(inner):
			sh, ok = at(name, inner), true
		}
		return false, nil
	}, &ok)
	return sh, ok, err
}

// rest passes over what is left of the array just entered.
func (s *scanner) rest() error {
	for {
		c, err := s.inside()
		if err != nil {
			return err
		}
		if c == ']' || c == ',' {
			s.take()
			if c == ']' {
				return nil
			}
			continue
		}
		if _, err := s.value(nil, false); err != nil {
			return err
		}
	}
}

// walker gives the records of a text one after another.
type walker struct {
	s     *scanner
	sh    shape
	open  []frame
	which string // name of the list the record is in
	raw   []byte
	line  int
}

// frame is a list or an object that is open on the way to the records.
type frame struct {
	kind  byte // '[' a list of records, '{' an object on the path, 'm' an object whose members are records
	level int  // of an object on the path
}

// next finds the next record: its text is in w.raw until the next call. io.EOF after the last.
func (w *walker) next() error {
	for {
		if len(w.open) == 0 {
			found, err := w.top()
			if found || err != nil {
				return err
			}
			continue
		}
		f := w.open[len(w.open)-1]
		c, err := w.s.inside()
		if err != nil {
			return err
		}
		switch {
		case c == ',':
			w.s.take()
		case c == ']' && f.kind == '[', c == '}' && f.kind != '[':
			w.s.take()
			w.open = w.open[:len(w.open)-1]
		case f.kind == '[':
			return w.record()
		default:
			name, err := w.s.key()
			if err != nil {
				return err
			}
			if f.kind == 'm' {
				return w.record()
			}
			if err := w.member(f.level, name); err != nil {
				return err
			}
		}
	}
}

// top handles a value that stands alone.
func (w *walker) top() (found bool, err error) {
	c, err := w.s.peek()
	if err != nil {
		return false, err
	}
	switch {
	case c == '[' && len(w.sh.path) == 0:
		w.s.take()
		w.open = append(w.open, frame{kind: '['})
		return false, nil
	case c == '{' && len(w.sh.path) > 0:
		w.s.take()
		w.open = append(w.open, frame{kind: '{'})
		return false, nil
	case c == '{':
		return true, w.record()
	case c == ',', c == ':', c == ']', c == '}':
		return false, errSyntax
	}
	_, err = w.s.value(nil, false)
	return false, err
}

// member goes down a member of the path, or passes over another one.
func (w *walker) member(level int, name string) error {
	c, err := w.s.inside()
	if err != nil {
		return err
	}
	last := level == len(w.sh.path)-1
	switch {
	case !slices.Contains(w.sh.path[level], name):
	case last && c == '[':
		w.s.take()
		w.which = name
		w.open = append(w.open, frame{kind: '['})
		return nil
	case last && c == '{': // PHP writes a list with holes as an object
		w.s.take()
		w.which = name
		w.open = append(w.open, frame{kind: 'm'})
		return nil
	case c == '{':
		w.s.take()
		w.open = append(w.open, frame{kind: '{', level: level + 1})
		return nil
	}
	_, err = w.s.value(nil, false)
	return err
}

func (w *walker) record() (err error) {
	if _, err = w.s.inside(); err != nil {
		return err
	}
	w.line = w.s.line
	w.raw, err = w.s.value(w.raw[:0], true)
	return err
}

// Wrapped reports whether the beginning of a JSON text has a GeoJSON collection inside something
// else, as the pages of an API have it: readers of GeoJSON alone cannot read it.
func Wrapped(head []byte) bool {
	depth, start := 0, -1
	for i, escaped := 0, false; i < len(head); i++ {
		switch c := head[i]; {
		case start >= 0 && escaped:
			escaped = false
		case start >= 0 && c == '\\':
			escaped = true
		case start >= 0 && c == '"':
			if depth > 1 && string(head[start:i]) == "FeatureCollection" {
				return true
			}
			start = -1
		case start >= 0:
		case c == '"':
			start = i + 1
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}
