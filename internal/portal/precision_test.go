package portal

import (
	"strings"
	"testing"

	"garrigue/internal/atlas"
	"garrigue/internal/atlas/atlastest"
	"garrigue/internal/geo"
	"garrigue/internal/i18n"
	"garrigue/internal/organisation"
)

// TestPrecisionRows: the table says what the policy of the snapshot does, whatever it is.
func TestPrecisionRows(t *testing.T) {
	sinp := [][]string{{"commune", "cell10", "department"}, {"cell10", "department"}, {"department"}}
	settled := [][]string{{"cell5", "cell10", "department"}, {"cell10", "department"}, {"department"}}
	cells := [][]string{{"cell10", "cell20"}, {"cell20"}, {"cell50"}}
	const untold = "sur une zone assez large pour ne pas l’exposer"
	for _, c := range []struct {
		name   string
		lang   i18n.Lang
		mesh   geo.Kind
		levels [][]string
		want   [4]string // ordinary, then levels 1 to 3
	}{
		{"sinp", i18n.FR, geo.Cell5, sinp, [4]string{"à la maille de 5 km et dans sa commune",
			"commune entière ; si le lieu n’y tient pas : maille de 10 km, département entier",
			"maille de 10 km ; si le lieu n’y tient pas : département entier", "département entier"}},
		{"communes smaller than the mesh", i18n.FR, geo.Cell5, settled, [4]string{"à la maille de 5 km et dans sa commune",
			"maille de 5 km seule, sans la commune ; si le lieu n’y tient pas : maille de 10 km, département entier",
			"maille de 10 km ; si le lieu n’y tient pas : département entier", "département entier"}},
		{"cells", i18n.EN, geo.Cell10, cells, [4]string{"by 10 km cell and in its commune",
			"10 km cell alone, without the commune; where the place does not fit in: 20 km cell", "20 km cell", "50 km cell"}},
		{"occitan", i18n.OC, geo.Cell5, sinp, [4]string{"à la maille de 5 km et dans sa commune",
			"comuna entièra ; se lo luòc i cap pas : malha de 10 km, departament entièr",
			"malha de 10 km ; se lo luòc i cap pas : departament entièr", "departament entièr"}},
		{"an older snapshot", i18n.FR, geo.Cell2, nil, [4]string{"à la maille de 2 km et dans sa commune", untold, untold, untold}},
		{"kinds of a later version", i18n.FR, geo.Cell5, [][]string{{"canton"}, {"canton", "department"}},
			[4]string{"à la maille de 5 km et dans sa commune", untold, "département entier", untold}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := &frame{Lang: c.lang, Meta: &atlas.Meta{Mesh: c.mesh, Levels: c.levels}}
			rows := f.precisionRows()
			if len(rows) != 7 {
				t.Fatalf("%d rows", len(rows))
			}
			for i, want := range c.want {
				if got := plainSpaces(rows[i][1]); got != want {
					t.Errorf("row %d: %q, want %q", i+1, got, want)
				}
			}
			for i, row := range rows {
				for _, cell := range row {
					if cell == "" || strings.Contains(cell, "portal.") || strings.Contains(cell, "{") {
						t.Errorf("row %d: %q", i+1, row)
					}
				}
			}
		})
	}
}

// plainSpaces puts ordinary spaces for those that hold punctuation.
func plainSpaces(s string) string {
	return strings.NewReplacer("\u202f", " ", "\u00a0", " ").Replace(s)
}

// TestUnknownOrganisation: the standard's word for "not known" is no organisation's name.
func TestUnknownOrganisation(t *testing.T) {
	dir := t.TempDir()
	d, err := atlas.OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	ps := atlastest.Published()
	for i := range ps {
		ps[i].Organisation = organisation.Unknown
	}
	m := atlastest.Write(t, d.Temp(), atlastest.Identity(), atlastest.References(t), ps)
	if err := d.Swap(d.Temp(), m.ID, 7); err != nil {
		t.Fatal(err)
	}
	p := openDir(t, dir, Options{Languages: []string{"fr", "en", "oc"}})
	for lang, want := range map[i18n.Lang]string{i18n.FR: "Organisme non précisé", i18n.EN: "Organisation not stated", i18n.OC: "Organisme non precisat"} {
		for _, path := range []string{"/espece/79273", "/commune/34001"} {
			_, body := page(t, p, p.href(lang, path))
			if !strings.Contains(body, ">"+want+"<") || strings.Contains(body, ">"+organisation.Unknown+"<") {
				t.Errorf("%s%s does not say %q", lang, path, want)
			}
		}
	}
}
