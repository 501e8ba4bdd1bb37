package ingest

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"garrigue/internal/disclosure"
	"garrigue/internal/fault"
	"garrigue/internal/i18n"
	"garrigue/internal/observation"
	"garrigue/internal/quality"
	"garrigue/internal/vault"
)

var update = flag.Bool("update", false, "write want.json from what the import gives")

// wantCase is what a case's want.json holds: readable by who knows the data.
type wantCase struct {
	Error    string         `json:"error,omitempty"`
	Format   string         `json:"format,omitempty"`
	Reading  string         `json:"reading,omitempty"` // encoding, separator, projection, dates
	Counts   string         `json:"counts,omitempty"`
	Held     map[string]int `json:"held,omitempty"`
	Warnings map[string]int `json:"warnings,omitempty"`
	Accepted []string       `json:"accepted,omitempty"`
	Rejected []string       `json:"rejected,omitempty"`
}

// TestCases imports each case of testdata/cases into the small world and compares what came
// of it with want.json. Run with -update after a change, and read the difference.
func TestCases(t *testing.T) {
	dirs, err := filepath.Glob("testdata/cases/*")
	if err != nil || len(dirs) < 15 {
		t.Fatalf("%d cases found: %v", len(dirs), err)
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			got := runCase(t, dir)
			b := bytes.Buffer{}
			e := json.NewEncoder(&b)
			e.SetEscapeHTML(false)
			e.SetIndent("", "  ")
			if err := e.Encode(got); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, "want.json")
			if *update {
				if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), b.String()); d != "" {
				t.Error(d)
			}
		})
	}
}

func runCase(t *testing.T, dir string) wantCase {
	db, _ := smallVault(t)
	im := newImporter(t, db)
	ctx := context.Background()
	rep, err := im.Import(ctx, filepath.Join(dir, "input.csv"), Options{})
	if err != nil {
		var e *fault.Error
		if !asFault(err, &e) || e.Kind != fault.Invalid {
			t.Fatalf("not a fault of the file: %v", err)
		}
		return wantCase{Error: i18n.T(i18n.FR, e.Key, e.Args...)}
	}
	checkInvariant(t, rep)
	got := wantCase{Format: rep.Format, Reading: strings.Join([]string{rep.Encoding, rep.Separator, rep.Projection, rep.DateStyle, rep.Decimal}, " | "),
		Counts: fmt.Sprintf("read %d = created %d + updated %d + unchanged %d + rejected %d", rep.Read, rep.Created, rep.Updated, rep.Unchanged, rep.Rejected),
		Held:   rep.Held, Warnings: rep.Warnings}
	err = db.Observations(ctx, disclosure.Grant{Who: "test", Reason: "comparison"}, vault.Complete, func(o *observation.Observation) error {
		got.Accepted = append(got.Accepted, summary(o))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	rejects, err := db.Rejects(ctx, rep.Batch)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rejects {
		var says []string
		for _, f := range r.Findings {
			says = append(says, string(f.Code)+": "+quality.Sentence(i18n.FR, f))
		}
		got.Rejected = append(got.Rejected, fmt.Sprintf("%d: %s", r.Line, strings.Join(says, " + ")))
	}
	// The same file again changes nothing.
	again, err := im.Import(ctx, filepath.Join(dir, "input.csv"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if again.Created+again.Updated != 0 || again.Unchanged != rep.Created+rep.Unchanged || again.Rejected != rep.Rejected {
		t.Errorf("second import: created %d, updated %d, unchanged %d, rejected %d", again.Created, again.Updated, again.Unchanged, again.Rejected)
	}
	return got
}

func checkInvariant(t *testing.T, r Report) {
	t.Helper()
	if r.Read != r.Created+r.Updated+r.Unchanged+r.Rejected {
		t.Errorf("%s: read %d ≠ created %d + updated %d + unchanged %d + rejected %d", r.File, r.Read, r.Created, r.Updated, r.Unchanged, r.Rejected)
	}
}

// summary writes an observation in one line that a person can check against the input.
func summary(o *observation.Observation) string {
	var b strings.Builder
	say := func(name, v string) {
		if v != "" {
			fmt.Fprintf(&b, " %s=%s", name, v)
		}
	}
	key := o.SourceKey
	if strings.HasPrefix(key, "#") {
		key = "#…" + key[min(len(key), 25):]
	}
	fmt.Fprintf(&b, "[%s] taxon %d→%d %q", key, o.CdNom, o.CdRef, o.NameCited)
	fmt.Fprintf(&b, " %s", o.When.Start)
	if o.When.End != o.When.Start {
		fmt.Fprintf(&b, "…%s", o.When.End)
	}
	say("heure", strings.Trim(o.When.StartTime+"-"+o.When.EndTime, "-"))
	say("précision", [...]string{"", "mois", "année", "années"}[o.When.Precision])
	say("présence", [...]string{"NSP", "", "No"}[o.Presence])
	p := &o.Place
	fmt.Fprintf(&b, " | %s %.4f %.4f", [...]string{"nulle part", "géométrie", "commune", "département", "maille"}[p.Georeference], p.Lon, p.Lat)
	if len(p.Geometry) > 5 && p.Geometry[1] != 1 {
		say("wkb", hex.EncodeToString(p.Geometry[1:2])+"…")
	}
	fmt.Fprintf(&b, " boîte %.0f %.0f %.0f %.0f", p.Box.MinX, p.Box.MinY, p.Box.MaxX, p.Box.MaxY)
	say("commune", p.Commune.Code())
	say("département", p.Department.Code())
	say("attaché", p.Attached.Code())
	say("nature", p.Nature)
	say("lieu", p.Name)
	if p.Uncertainty > 0 {
		say("incertitude", itoa(p.Uncertainty))
	}
	if p.AltitudeMin != observation.NoAltitude || p.AltitudeMax != observation.NoAltitude {
		fmt.Fprintf(&b, " alt=%d/%d", p.AltitudeMin, p.AltitudeMax)
	}
	b.WriteString(" |")
	if o.CountMin >= 0 {
		fmt.Fprintf(&b, " n=%d-%d", o.CountMin, o.CountMax)
	}
	for _, f := range [][2]string{{"objet", o.CountObject}, {"type", o.CountType}, {"stade", o.LifeStage}, {"sexe", o.Sex}, {"statut", o.BioStatus}, {"comportement", o.Behaviour},
		{"technique", o.Technique}, {"obs", o.Observers}, {"dét", o.Determiner}, {"org", o.Organisation}, {"public", o.Public}, {"diffusion", o.Diffusion}, {"floutage", o.Blurring}, {"com", o.Comment}} {
		say(f[0], f[1])
	}
	if o.StatedLevel > 0 || o.Sensitivity > 0 {
		fmt.Fprintf(&b, " sensibilité=%d (dite %d, liste %s)", o.Sensitivity, o.StatedLevel, o.SensList)
	}
	fmt.Fprintf(&b, " validation=%d", o.Validation)
	if o.Held != observation.NotHeld {
		say("retenue", holdName(o.Held))
	}
	keys := slices.Sorted(maps.Keys(o.Extra))
	for i, k := range keys {
		keys[i] = k + "=" + o.Extra[k]
	}
	if len(keys) > 0 {
		fmt.Fprintf(&b, " | extra %s", strings.Join(keys, "; "))
	}
	return b.String()
}
