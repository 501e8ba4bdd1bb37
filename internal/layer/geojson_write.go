package layer

import (
	"bytes"
	"encoding/json"
	"io"
)

// GeoJSONWriter writes features as they were read, with some properties more.
type GeoJSONWriter struct {
	w     io.Writer
	b     bytes.Buffer
	count int
	crs   string
}

// NewGeoJSONWriter begins a collection whose system is crs, as the file named it.
func NewGeoJSONWriter(w io.Writer, crs string) *GeoJSONWriter { return &GeoJSONWriter{w: w, crs: crs} }

// Feature writes a feature, given as text, without its properties of these names and with
// those given instead, in their order. What is no feature is kept in a property "original".
func (g *GeoJSONWriter) Feature(text string, names, values []string) error {
	if g.count == 0 {
		if err := g.head(); err != nil {
			return err
		}
	} else {
		g.b.WriteString(",\n")
	}
	g.count++
	if err := g.feature(text, names, values); err != nil {
		return err
	}
	_, err := g.w.Write(g.b.Bytes())
	g.b.Reset()
	return err
}

func (g *GeoJSONWriter) head() error {
	g.b.WriteString(`{"type":"FeatureCollection",`)
	if g.crs != "" {
		g.b.WriteString(`"crs":{"type":"name","properties":{"name":`)
		if err := g.text(g.crs); err != nil {
			return err
		}
		g.b.WriteString(`}},`)
	}
	g.b.WriteString("\"features\":[\n")
	return nil
}

func (g *GeoJSONWriter) text(s string) error {
	e := json.NewEncoder(&g.b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		return err
	}
	g.b.Truncate(g.b.Len() - 1) // the line end
	return nil
}

func (g *GeoJSONWriter) feature(text string, names, values []string) error {
	members, err := membersOf(json.RawMessage(text), nil)
	if err != nil {
		members = []member{{"type", json.RawMessage(`"Feature"`)}, {"geometry", json.RawMessage("null")}, {"properties", nil}}
		quoted, err := json.Marshal(text)
		if err != nil {
			return err
		}
		members[2].value = json.RawMessage(`{"original":` + string(quoted) + `}`)
	}
	has := false
	for i, m := range members {
		g.b.WriteByte("{,"[min(i, 1)])
		if err := g.text(m.key); err != nil {
			return err
		}
		g.b.WriteByte(':')
		if m.key != "properties" || has {
			g.b.Write(m.value)
			continue
		}
		has = true
		if err := g.properties(m.value, names, values); err != nil {
			return err
		}
	}
	if !has {
		g.b.WriteByte("{,"[min(len(members), 1)])
		g.b.WriteString(`"properties":`)
		if err := g.properties(nil, names, values); err != nil {
			return err
		}
	}
	g.b.WriteByte('}')
	return nil
}

func (g *GeoJSONWriter) properties(raw json.RawMessage, names, values []string) error {
	own, err := membersOf(raw, nil)
	if err != nil {
		own = nil // null
	}
	n := 0
	put := func(key string) error {
		g.b.WriteByte("{,"[min(n, 1)])
		n++
		if err := g.text(key); err != nil {
			return err
		}
		g.b.WriteByte(':')
		return nil
	}
members:
	for _, m := range own {
		for _, name := range names {
			if m.key == name {
				continue members
			}
		}
		if err := put(m.key); err != nil {
			return err
		}
		g.b.Write(m.value)
	}
	for i, name := range names {
		if err := put(name); err != nil {
			return err
		}
		if err := g.text(values[i]); err != nil {
			return err
		}
	}
	if n == 0 {
		g.b.WriteByte('{')
	}
	g.b.WriteByte('}')
	return nil
}

// Close ends the collection.
func (g *GeoJSONWriter) Close() error {
	if g.count == 0 {
		if err := g.head(); err != nil {
			return err
		}
		if _, err := g.w.Write(g.b.Bytes()); err != nil {
			return err
		}
	}
	_, err := io.WriteString(g.w, "\n]}\n")
	return err
}
