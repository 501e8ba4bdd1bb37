package ingest

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"garrigue/internal/fault"
	"garrigue/internal/i18n"
)

// TestHeaderFile: every name of headers.csv is of an attribute, and none twice of the same.
func TestHeaderFile(t *testing.T) {
	rows, err := csv.NewReader(strings.NewReader(headerFile)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, r := range rows[1:] {
		f, ok := fieldOf(r[0])
		if !ok || f.String() != r[0] {
			t.Errorf("no attribute %q", r[0])
		}
		if k := r[0] + "|" + columnKey(r[1]); seen[k] {
			t.Errorf("%s %q twice", r[0], r[1])
		} else {
			seen[k] = true
		}
	}
	if names, err := synonyms(); err != nil || len(names) < len(rows) {
		t.Errorf("%d synonyms of %d rows: %v", len(names), len(rows), err)
	}
}

// TestBestAssignment compares with every possible assignment.
func TestBestAssignment(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, m := rapid.IntRange(1, 5).Draw(t, "rows"), rapid.IntRange(1, 5).Draw(t, "columns")
		gain := make([][]float64, n)
		for i := range gain {
			gain[i] = make([]float64, m)
			for j := range gain[i] {
				if rapid.Bool().Draw(t, "some") {
					gain[i][j] = float64(rapid.IntRange(1, 100).Draw(t, "gain")) / 100
				}
			}
		}
		used, total := map[int]bool{}, 0.0
		for i, j := range bestAssignment(gain) {
			if j < 0 {
				continue
			}
			if used[j] || gain[i][j] == 0 {
				t.Fatalf("row %d is given column %d", i, j)
			}
			used[j] = true
			total += gain[i][j]
		}
		var best func(i int, taken uint) float64
		best = func(i int, taken uint) float64 {
			if i == n {
				return 0
			}
			most := best(i+1, taken)
			for j := range m {
				if taken&(1<<j) == 0 && gain[i][j] > 0 {
					most = max(most, gain[i][j]+best(i+1, taken|1<<j))
				}
			}
			return most
		}
		if want := best(0, 0); math.Abs(want-total) > 1e-9 {
			t.Fatalf("total %v, best %v", total, want)
		}
	})
}

func diagnose(t *testing.T, text string, o Options) Diagnosis {
	t.Helper()
	db, _ := smallVault(t)
	d, err := newImporter(t, db).Diagnose(context.Background(), fileOf(t, "essai.csv", text), o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestDiagnose: small files as producers write them, and what each column is taken for.
func TestDiagnose(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       map[string]string // column → attribute and level
		missing    string
		sure       bool
	}{
		{"French words", "Espèce;Date;Lat;Long;Nb;Sexe;Remarques\nRana temporaria;03/05/2021;43,55;3,05;2;mâle;x\nLynx lynx;14/05/2021;43,56;3,06;1;Femelle;\n",
			map[string]string{"Espèce": "nomCite sure", "Date": "dateDebut sure", "Lat": "latitude sure", "Long": "longitude sure", "Nb": "denombrement sure", "Sexe": "occSexe sure", "Remarques": "commentaire sure"}, "", true},
		{"contents without names", "a;b;c;d\nRana temporaria;2021-05-03;43.551;3.051\nLynx lynx;2021-05-04;43.562;3.062\nRana temporaria;2021-05-05;43.57;3.08\nLynx lynx;2021-05-06;43.58;3.09\nLynx lynx;2021-05-07;43.581;3.091\nLynx lynx;2021-05-07;43.585;3.095\n",
			map[string]string{"a": "nom scientifique sure", "b": "dateDebut likely", "c": "latitude doubt", "d": "longitude doubt"}, "place", false},
		{"ages are no caterpillars", "espece,date,lat,lon,age\nRana temporaria,2021-05-03,43.55,3.05,7\n",
			map[string]string{"espece": "nomCite sure", "date": "dateDebut sure", "lat": "latitude sure", "lon": "longitude sure", "age": ""}, "", true},
		{"degrees named x and y", "X;Y;taxon;date\n3.05;43.55;Lynx lynx;2021-05-03\n3.06;43.55;Lynx lynx;2021-05-04\n",
			map[string]string{"X": "longitude sure", "Y": "latitude sure", "taxon": "nomCite sure", "date": "dateDebut sure"}, "", true},
		{"metres named x and y", "X;Y;taxon;date\n704041;6272326;Lynx lynx;2021-05-03\n704042;6272327;Lynx lynx;2021-05-04\n",
			map[string]string{"X": "x sure", "Y": "y sure", "taxon": "nomCite sure", "date": "dateDebut sure"}, "", true},
		{"no taxon", "station;date;lat;lon\nA;2021-05-03;43.55;3.05\nB;2021-05-03;43.55;3.06\n",
			map[string]string{"station": "nomLieu sure", "date": "dateDebut sure", "lat": "latitude sure", "lon": "longitude sure"}, "taxon", false},
		{"a dictionary", "code;libellé\n1;beau temps\n2;pluie\n", map[string]string{"code": "", "libellé": ""}, "all taxon date place", false},
		{"a list of taxa", "nom;auteur\nRana temporaria;Linnaeus\nLynx lynx;Linnaeus\n", nil, "taxa date place", false},
		{"flower and visitor", "fleur;insecte;date;lat;lon\nRana temporaria;Lynx lynx;2021-05-03;43.55;3.05\nLynx lynx;Alburnus alburnus;2021-05-03;43.55;3.05\n", nil, "", false},
		{"a code and its names", "cd_nom;nom_vernaculaire;nom_scientifique;date;lat;lon\n351;Grenouille rousse;Rana temporaria;2021-05-03;43.55;3.05\n60612;Lynx boréal;Lynx lynx;2021-05-03;43.55;3.06\n",
			map[string]string{"cd_nom": "cdNom sure", "nom_scientifique": "nom scientifique sure", "nom_vernaculaire": "nomCite sure"}, "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := diagnose(t, c.text, Options{})
			got := map[string]string{}
			for _, col := range d.Columns {
				if _, ok := c.want[col.Name]; ok {
					got[col.Name] = strings.TrimSpace(col.Attribute + " " + col.Level)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" && c.want != nil {
				t.Error(diff)
			}
			var missing []string
			for _, l := range d.Missing {
				missing = append(missing, l.What)
			}
			if m := strings.Join(missing, " "); m != c.missing || d.Sure != c.sure {
				t.Errorf("missing %q, sure %v (%v)", m, d.Sure, d.Doubtful())
			}
			sentences(t, d)
		})
	}
}

// sentences checks that all the doctor says has its words.
func sentences(t *testing.T, d Diagnosis) {
	t.Helper()
	var keys []string
	for _, c := range d.Columns {
		keys = append(keys, "doctor.holds."+c.Holds)
		if c.Level != "" {
			keys = append(keys, "doctor.level."+c.Level)
		}
		for _, w := range c.Why {
			keys = append(keys, w.Key)
		}
	}
	for _, l := range d.Missing {
		keys = append(keys, "doctor.lack."+l.What, "doctor.missing."+l.What)
	}
	for _, x := range d.Derived {
		keys = append(keys, x.Why.Key)
	}
	for _, k := range keys {
		if !i18n.Has(i18n.FR, k) || !i18n.Has(i18n.EN, k) {
			t.Errorf("no sentence %s", k)
		}
	}
}

// TestDoctorDecides: an import of an unknown file goes by the doctor only when it is sure, and
// reads what it proposed.
func TestDoctorDecides(t *testing.T) {
	db, _ := smallVault(t)
	im := newImporter(t, db)
	ctx := context.Background()
	rep, err := im.Import(ctx, fileOf(t, "a.csv", "Espèce;Quand;Date;Lat;Long\nRana temporaria;matin;03/05/2021;43,55;3,05\n"), Options{})
	if err != nil || rep.Told != "doctor" || rep.Created != 1 || len(rep.Held) != 0 {
		t.Fatalf("%+v %v", rep, err)
	}
	for text, key := range map[string]string{
		"Espèce;Date;Lat;Long;Confidentiel\nRana temporaria;03/05/2021;43,55;3,05;oui\n": "doctor.unsure",
		"fleur;insecte;date;lat;lon\nRana temporaria;Lynx lynx;2021-05-03;43.55;3.05\n":  "doctor.unsure",
		"station;date;lat;lon\nA;2021-05-03;43.55;3.05\nB;2021-05-03;43.55;3.06\n":       "doctor.missing.taxon",
		"Espèce;Lat;Long\nRana temporaria;43,55;3,05\n":                                  "doctor.missing.date",
		"Espèce;Date\nRana temporaria;03/05/2021\n":                                      "doctor.missing.place",
		"code;libellé\n1;beau temps\n":                                                   "doctor.missing.all",
	} {
		_, err := im.Import(ctx, fileOf(t, "b.csv", text), Options{})
		if k := sentence(t, err); k != key {
			t.Errorf("%q: %s, want %s", text, k, key)
		}
	}
	rep, err = im.Import(ctx, fileOf(t, "c.csv", "station;date;lat;lon\nA;2021-05-03;43.55;3.05\nB;2021-05-03;43.55;3.06\n"), Options{Set: []Setting{{"cdNom", "351"}}})
	if err != nil || rep.Created != 2 || rep.Told != "doctor" {
		t.Errorf("with a taxon told: %+v %v", rep, err)
	}
}

// TestDoctorHidesPeople: no sample of a column that names people, no precise place, and none
// in the saved mapping either.
func TestDoctorHidesPeople(t *testing.T) {
	d := diagnose(t, "Espèce;Observateur;Mail;Lat;Long;Géométrie;Remarques\nRana temporaria;Jeanne MARTIN;jeanne@exemple.fr;43.551234;3.051234;POINT(3.051234 43.551234);vu par Jeanne MARTIN\n"+
		"Lynx lynx;Paul DURAND;paul@exemple.fr;43.561234;3.061234;POINT(3.061234 43.561234);\n", Options{})
	b, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	all := string(b) + string(d.Proposal.Text(func(string, ...any) string { return "x" }, d.Notes(func(string, ...any) string { return "y" })))
	for _, secret := range []string{"Jeanne", "DURAND", "exemple.fr", "551234", "051234"} {
		if strings.Contains(all, secret) {
			t.Errorf("%q is shown", secret)
		}
	}
	if !strings.Contains(all, "Rana temporaria") {
		t.Error("no sample at all")
	}
}

// TestDoctorHidesPeopleElsewhere: under a name no list has, under one that a Shapefile cut, in
// the free words of any column.
func TestDoctorHidesPeopleElsewhere(t *testing.T) {
	d := diagnose(t, "espece;observateu;Qui;rmq_terr;PRIVATE_COMMENT;habitat\nRana temporaria;Jeanne MARTIN;Paul DURAND;vu par Ana;MARTIN Jeanne;Mare\n"+
		"Lynx lynx;Luc PETIT;Ana LOPEZ;vu par Ana;PETIT Luc;Bois\n", Options{})
	b, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"MARTIN", "DURAND", "LOPEZ", "Ana"} {
		if strings.Contains(string(b), secret) {
			t.Errorf("%q is shown", secret)
		}
	}
	if c := d.Columns[1]; c.Attribute != "observateur" || !c.Personal {
		t.Errorf("%+v", c)
	}
	if !strings.Contains(string(b), "Mare") {
		t.Error("no sample at all")
	}
}

// TestCutNames: the names a Shapefile cuts are completed, with doubt where several would do.
func TestCutNames(t *testing.T) {
	names, err := synonyms()
	if err != nil {
		t.Fatal(err)
	}
	for header, want := range map[string]map[field]float64{
		"observateu": {fObservers: 0.75}, "denombreme": {fCountMin: 0.5, fCountMax: 0.5}, "observate": {}, "nom_scient": {fScientificName: 0.75}} {
		got := completed(header, names)
		for f, s := range want {
			if got[f].strength < s {
				t.Errorf("%s: %s %v, want %v", header, f, got[f].strength, s)
			}
		}
		if len(want) == 0 && len(got) > 0 || want[fCountMin] > 0 && got[fCountMin].strength > 0.5 {
			t.Errorf("%s: %v", header, got)
		}
	}
}

// TestDoctorKeepsLittle: whatever the length of the values, what is kept of a column is
// bounded, and one value at least tells what it holds.
func TestDoctorKeepsLittle(t *testing.T) {
	s := newColumnStats(64)
	kept := 0
	for i := range 100 {
		s.add(fmt.Sprintf("%d %s", i, strings.Repeat("x", 300<<10)))
	}
	for v := range s.seen {
		kept += len(v)
	}
	if len(s.seen) == 0 || kept > mostKept/64 || !s.many || s.filled != 100 {
		t.Errorf("%d values, %d bytes, many %v", len(s.seen), kept, s.many)
	}
	long := newColumnStats(mostKept)
	long.add(strings.Repeat("x", 1000))
	if long.add("y"); len(long.seen) != 1 {
		t.Errorf("%d values", len(long.seen))
	}
	if out := shortFields([]string{"Lynx lynx", strings.Repeat("x", 1000)}); out[0] != "Lynx lynx" || out[1] != "" {
		t.Errorf("%.20q", out)
	}
}

// TestValues: values meet their list by code, label, synonym, whatever case, accents and number;
// those that do not come with what they look like.
func TestValues(t *testing.T) {
	d := diagnose(t, "Espèce;Date;Lat;Long;Stade\nLynx lynx;2021-05-03;43.55;3.05;adulte\nLynx lynx;2021-05-03;43.55;3.06;TETARDS\nLynx lynx;2021-05-03;43.55;3.07;juvenile\nLynx lynx;2021-05-03;43.55;3.08;imago\nLynx lynx;2021-05-03;43.55;3.09;sub adultes mâles\n", Options{})
	v := d.Columns[4].Values
	if v == nil || v.List != "STADE_VIE" {
		t.Fatalf("%+v", d.Columns[4])
	}
	got := map[string]string{}
	for _, m := range v.Matched {
		got[m.Written] = m.Code + " " + m.By
	}
	if diff := cmp.Diff(map[string]string{"adulte": "2 label", "TETARDS": "8 synonym", "juvenile": "3 label", "imago": "15 label"}, got); diff != "" {
		t.Error(diff)
	}
	if len(v.Unmatched) != 1 || len(v.Unmatched[0].Nearest) == 0 || !strings.HasPrefix(v.Unmatched[0].Nearest[0], "5 (") {
		t.Errorf("%+v", v.Unmatched)
	}
}

func TestLikeness(t *testing.T) {
	for _, c := range []struct {
		a, b     string
		min, max float64
	}{{"adulte", "adulte", 1, 1}, {"adulte", "adultes", 0.85, 1}, {"adulte", "chenille", 0, 0.4}, {"", "x", 0, 0}, {"ponte", "pontes fraiches", 0.6, 0.9}} {
		if s := likeness(c.a, c.b); s < c.min || s > c.max {
			t.Errorf("%q %q: %v", c.a, c.b, s)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.StringN(0, 8, 20).Draw(t, "a"), rapid.StringN(0, 8, 20).Draw(t, "b")
		if distance(a, b) != distance(b, a) || (distance(a, b) == 0) != (a == b) || distance(a, b) > max(len(a), len(b)) {
			t.Fatalf("%q %q: %d", a, b, distance(a, b))
		}
	})
}

// TestDoctorOnBadFiles: a file nobody can read is one sentence, as for an import.
func TestDoctorOnBadFiles(t *testing.T) {
	db, _ := smallVault(t)
	im := newImporter(t, db)
	for name, text := range map[string]string{"empty.csv": "", "head.csv": "a;b\n", "binary.csv": "\x00\x01\x02"} {
		if _, err := im.Diagnose(context.Background(), fileOf(t, name, text), Options{}); sentence(t, err) == "" || !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := im.Diagnose(context.Background(), filepath.Join(t.TempDir(), "none.csv"), Options{}); !fault.Is(err, fault.NotFound) {
		t.Error(err)
	}
}

// FuzzDiagnose: whatever the table, the doctor answers, and what it is sure of can be imported
// or is refused in a sentence.
func FuzzDiagnose(f *testing.F) {
	f.Add("Espèce;Date;Lat;Long\nRana temporaria;03/05/2021;43,55;3,05\n")
	f.Add("a,b\n\"x\ny\",\"* Rana temporaria (1)\n* Lynx lynx\"\n")
	f.Add("nom,fichier\nLynx lynx,a_20210504_000000.wav\n")
	db, _ := smallVault(f)
	im := newImporter(f, db)
	path := filepath.Join(f.TempDir(), "x.csv")
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		d, err := im.Diagnose(context.Background(), path, Options{})
		if err != nil {
			return
		}
		if _, err := ParseMapping("x", d.Proposal.Text(nil, nil)); err != nil {
			t.Fatalf("the proposal is no mapping: %v", err)
		}
		if _, err := im.Import(context.Background(), path, Options{DryRun: true}); err != nil && d.Sure && fault.KindOf(err) == fault.Internal {
			t.Fatal(err)
		}
	})
}
