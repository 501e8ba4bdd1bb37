package cli

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"garrigue/internal/civil"
	"garrigue/internal/disclosure"
	"garrigue/internal/fault"
	"garrigue/internal/geo"
	"garrigue/internal/i18n"
	"garrigue/internal/observation"
	"garrigue/internal/sensitivity"
)

const identity = "[identity]\nname = \"Essai\"\nterritory = \"Ailleurs\"\n"

// instanceWith writes settings and other files in a folder.
func instanceWith(t *testing.T, policy string, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(settingsFile, identity+policy)
	for name, text := range files {
		write(name, text)
	}
	return dir
}

func date(t *testing.T, s string) civil.Date {
	t.Helper()
	d, ok := civil.Parse(s)
	if !ok {
		t.Fatal(s)
	}
	return d
}

func TestPolicyOfSettings(t *testing.T) {
	from := func(change func(p *disclosure.Policy)) disclosure.Policy {
		p := disclosure.SINP()
		p.From, p.Today = civil.NoDate, date(t, "2026-11-21")
		change(&p)
		return p
	}
	for name, c := range map[string]struct {
		policy string
		want   disclosure.Policy
	}{
		"nothing said": {"", from(func(*disclosure.Policy) {})},
		"as before": {"[policy]\nversion = \"x\"\nlevels.1 = [\"cell10\"]\nlevels.4 = []\n", from(func(p *disclosure.Policy) {
			p.Version, p.Levels[1] = "x", []geo.Kind{geo.Cell10}
		})},
		"by cells": {"[map]\nmesh_km = 2\n[policy]\nmodel = \"mesh\"\nlevels.\"2.3\" = [\"cell10\"]\n", func() disclosure.Policy {
			p := disclosure.MeshOnly()
			p.From, p.Today, p.Mesh = civil.NoDate, date(t, "2026-11-21"), geo.Cell2
			p.Scale = []disclosure.LevelRule{{Level: sensitivity.Km25, Kinds: []geo.Kind{geo.Cell10}}}
			return p
		}()},
		"all of it": {"[policy]\nversion = \"x\"\nfrom = 2026-01-01\nblurred_dates = \"year\"\n[policy.batch]\nevery = \"week\"\nminimum = 0\n" +
			"[[policy.level]]\nlist = 16\ncode = 2.4\nrank = 5\nareas = [\"cell10\", \"department\"]\n[[policy.level]]\nlist = \"9\"\ncode = \"3\"\nareas = []\n",
			from(func(p *disclosure.Policy) {
				p.Version, p.From, p.BlurredDates, p.Batch = "x", date(t, "2026-01-01"), observation.Year, disclosure.Batch{Every: "week"}
				p.Scale = []disclosure.LevelRule{{List: "16", Level: sensitivity.Km100, Rank: 5, Kinds: []geo.Kind{geo.Cell10, geo.Department}}, {List: "9", Level: 3}}
			})},
	} {
		s, err := loadSettings(instanceWith(t, c.policy, nil))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got, err := s.policy(date(t, "2026-11-21")); err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, %v\nwant %+v", name, got, err, c.want)
		}
	}
}

func TestPolicyRefused(t *testing.T) {
	for policy, want := range map[string]string{
		"model = \"x\"": "policy.model x", "from = \"hier\"": "policy.from hier", "blurred_dates = \"hour\"": "policy.blurred_dates hour",
		"batch.every = \"hour\"": "policy.batch.every hour", "batch.minimum = -1": "policy.batch.minimum -1",
		"levels.5 = [\"commune\"]": "policy.levels 5", "levels.0 = []": "policy.levels 0", "levels.4 = [\"region\"]": "policy.levels.4 region",
		"levels.1 = [\"village\"]": "policy.levels.1 village", "levels.1 = [\"water-body\"]": "policy.levels.1 water-body",
		"[[policy.level]]\ncode = 2.9\nareas = []":                                                     "policy.level[1].code 2.9",
		"[[policy.level]]\nareas = []":                                                                 "policy.level[1].code ",
		"[[policy.level]]\ncode = 2.1":                                                                 "policy.level[1].areas ",
		"[[policy.level]]\ncode = 2.1\nareas = [\"cell3\"]":                                            "policy.level[1].areas cell3",
		"[[policy.level]]\ncode = 2.8\nareas = [\"region\"]":                                           "policy.level[1].areas region",
		"[[policy.level]]\ncode = 2\nrank = -1\nareas = []":                                            "policy.level[1].rank -1",
		"[[policy.level]]\ncode = 2\nareas = []\n[[policy.level]]\ncode = \"2\"\nareas = [\"region\"]": "policy.level[2].code 2",
		"levels.2 = [\"cell10\"]\n[[policy.level]]\ncode = 2\nareas = []":                              "policy.level[1].code 2",
		"[[policy.level]]\ncodes = 2":                                                                  "policy.level.codes",
		"[[policy.level]]\ncode = [2]":                                                                 "garrigue.toml",
		"files = [\"none.toml\"]":                                                                      "settings.unreadable", "files = [\"undated.toml\"]": "settings.policy.undated",
		"files = [\"empty.toml\"]": "settings.policy.none", "files = [\"unknown.toml\"]": "policy.level.where",
		"files = [\"broken.toml\"]": "settings.syntax", "files = [\"a.toml\", \"same.toml\"]": "settings.policy.same_day",
		"files = [\"nested.toml\"]": "policy.files", "files = [\"wrong.toml\"]": "wrong.toml policy.level[1].code 7",
		"from = 2100-01-01": "settings.policy.later",
	} {
		dir := instanceWith(t, "[policy]\n"+policy+"\n", map[string]string{
			"undated.toml": "[policy]\nversion = \"x\"\n", "empty.toml": "[map]\nmesh_km = 2\n", "unknown.toml": "[policy]\nfrom = 2027-01-01\n[[policy.level]]\nwhere = 1\n",
			"broken.toml": "[policy\n", "a.toml": "[policy]\nfrom = 2027-01-01\n", "same.toml": "[policy]\nfrom = \"2027-01-01\"\n",
			"nested.toml": "[policy]\nfrom = 2027-01-01\nfiles = [\"a.toml\"]\n", "wrong.toml": "[policy]\nfrom = 2027-01-01\n[[policy.level]]\ncode = 7\nareas = []\n"})
		s, err := loadSettings(dir)
		if err == nil {
			_, err = s.policy(date(t, "2026-11-21"))
		}
		if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", policy, err, want)
		}
	}
}

func TestPoliciesOfFiles(t *testing.T) {
	dir := instanceWith(t, "[policy]\nversion = \"a\"\nfiles = [\"policy-2027.toml\"]\n", map[string]string{
		"policy-2027.toml": "[policy]\nversion = \"b\"\nfrom = 2027-01-01\nmodel = \"mesh\"\n",
		"new.toml":         identity + "[map]\nmesh_km = 10\n[policy]\nversion = \"c\"\nfrom = 2030-01-01\n"})
	s, err := loadSettings(dir)
	if err != nil {
		t.Fatal(err)
	}
	for day, want := range map[string]string{"2026-12-31": "a", "2027-01-01": "b", "2040-01-01": "b"} {
		if p, err := s.policy(date(t, day)); err != nil || p.Version != want || p.Mesh != geo.Cell5 {
			t.Errorf("%s: %q %v %v, want %q", day, p.Version, p.Mesh, err, want)
		}
	}
	p, err := s.proposed(filepath.Join(dir, "new.toml"), date(t, "2026-11-21"))
	if err != nil || p.Version != "c" || p.Mesh != geo.Cell10 || p.Today != date(t, "2026-11-21") {
		t.Errorf("proposed: %+v, %v", p, err)
	}
	if _, err := s.proposed(filepath.Join(dir, "absent.toml"), civil.NoDate); !fault.Is(err, fault.Invalid) {
		t.Errorf("a file that is not there: %v", err)
	}
}

// TestTemplate: what a new instance says of its policy is the policy it has without saying it, and
// each commented line is a setting that exists.
func TestTemplate(t *testing.T) {
	for _, lang := range []i18n.Lang{i18n.FR, i18n.EN} {
		var b strings.Builder
		if err := writeSettings(&b, lang, "Essai", "Ailleurs", "", "", false); err != nil {
			t.Fatal(err)
		}
		text := b.String()
		a, z := strings.Index(text, "[policy]"), strings.Index(text, "[publish]")
		if a < 0 || z < a {
			t.Fatalf("no [policy] in %s", text)
		}
		var set strings.Builder
		for line := range strings.Lines(text[a:z]) {
			rest, comment := strings.CutPrefix(line, "# ")
			if !comment || strings.Contains(rest, " = ") || strings.HasPrefix(rest, "[") {
				set.WriteString(rest)
			}
		}
		dir := instanceWith(t, set.String(), map[string]string{"policy-2027.toml": "[policy]\nfrom = 2027-01-01\n"})
		if _, err := loadSettings(dir); err != nil {
			t.Errorf("%v without its comments: %v\n%s", lang, err, set.String())
		}
		for _, key := range []string{"version", "from", "blurred_dates", "model", "files", "[policy.batch]", "every", "minimum", "[[policy.level]]", "list", "code", "areas"} {
			if !strings.Contains(text[a:z], "# "+key) && !strings.Contains(text[a:z], "\n"+key) {
				t.Errorf("%v: nothing about %s", lang, key)
			}
		}
		s, err := loadSettings(instanceWith(t, text[a:z], nil))
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.policy(civil.NoDate)
		want := disclosure.SINP()
		want.From, want.Today, want.Version = civil.NoDate, civil.NoDate, got.Version
		if err != nil || got.Fingerprint() != want.Fingerprint() {
			t.Errorf("%v: %+v, %v", lang, got, err)
		}
	}
}

// TestGuideOfPolicies: what the guide tells to write is read as it says.
func TestGuideOfPolicies(t *testing.T) {
	b, err := os.ReadFile("../../docs/guide/politique.md")
	if err != nil {
		t.Fatal(err)
	}
	var versions []string
	for i, block := range strings.Split(string(b), "```toml\n") {
		text, _, _ := strings.Cut(block, "```")
		if i == 0 {
			continue
		}
		s, err := loadSettings(instanceWith(t, text, map[string]string{"policy-2027.toml": "[policy]\nfrom = 2027-01-01\nversion = \"2027\"\n"}))
		if err != nil {
			t.Errorf("%v in\n%s", err, text)
			continue
		}
		p, err := s.policy(date(t, "2027-06-01"))
		if err != nil {
			t.Errorf("%v in\n%s", err, text)
		}
		settled, err := p.Settled(func(k geo.Kind) float64 {
			return map[geo.Kind]float64{geo.Commune: 16.5e6, geo.Department: 5640e6}[k]
		})
		if err != nil {
			t.Errorf("%v of\n%s", err, text)
		}
		if p.Version == "Occitanie 2026" && (settled.KindsOf("16", 3) != nil || settled.KindsOf("16", 1)[0] != geo.Cell10 || settled.KindsOf("14", 3) == nil) {
			t.Errorf("list 16 is not what the guide says: %+v", p.Scale)
		}
		versions = append(versions, p.Version)
	}
	if got := strings.Join(versions, ", "); got != "SINP 0-4, mailles 2022, Occitanie 2026, mailles 2027, 2027" {
		t.Errorf("policies of the guide: %s", got)
	}
}
