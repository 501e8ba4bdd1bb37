package source

import (
	"cmp"
	"context"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"garrigue/internal/fault"
)

// kind is one way to reach a source.
type kind struct {
	name string
	// options and secrets are the names it knows, beyond those every kind has.
	options []string
	secrets []string
	// check (may be nil) says what is wrong with the settings, touching nothing outside.
	check func(cfg Config) error
	fetch func(ctx context.Context, cfg Config, state State, env Env) (Result, error)
	test  func(ctx context.Context, cfg Config, env Env) (TestReport, error)
}

// kinds is the whole list.
func kinds() []kind {
	return []kind{
		{name: KindFile, options: []string{OptionKeyHeader, OptionFingerprint, OptionKnownHosts},
			secrets: []string{"user", "password", "token", "key"}, check: checkFile, fetch: fetchFile, test: testFile},
		{name: KindFolder, options: []string{OptionSettle, OptionDone, OptionError}, check: checkFolder, fetch: fetchFolder, test: testFolder},
		{name: KindPostgreSQL, options: []string{OptionSince, OptionOverlap, OptionStatementTimeout},
			secrets: []string{"dsn", "user", "password"}, check: checkPostgreSQL, fetch: fetchPostgreSQL, test: testPostgreSQL},
		geoNatureKind(), visioNatureKind(),
	}
}

// Options of every remote kind.
const (
	OptionTries   = "tries"    // of a request, 6
	OptionTimeout = "timeout"  // without a byte before a try is given up: "2m"
	OptionMaxSize = "max_size" // of one answer: "20GB"
)

// TestReport is what a test of a source saw. Nothing is imported by it.
type TestReport struct {
	Reached bool     `json:"reached"`           // the other side answered
	Allowed bool     `json:"allowed"`           // and lets us read
	Place   string   `json:"place"`             // what was asked, without secrets
	Files   int      `json:"files,omitempty"`   // found
	Rows    int64    `json:"rows,omitempty"`    // announced or counted; 0 when unknown
	Bytes   int64    `json:"bytes,omitempty"`   // announced; 0 when unknown
	Columns []string `json:"columns,omitempty"` // the first ones
	Resumes bool     `json:"resumes"`           // a broken transfer goes on where it broke
	Notes   []Note   `json:"notes,omitempty"`
}

// Note is a sentence of the catalogues that is no error.
type Note struct {
	Key  string `json:"key"`
	Args []any  `json:"args,omitempty"`
}

func kindNamed(name string) (kind, bool) {
	for _, k := range kinds() {
		if k.name == name {
			return k, true
		}
	}
	return kind{}, false
}

// kindNames lists the names of the kinds.
func kindNames() (names []string) {
	for _, k := range kinds() {
		names = append(names, k.name)
	}
	return names
}

// Fetch brings what is new at the source to files ready for import. state is that of the last
// run whose files were all imported, nil at first. Beside an error, the Result tells the bytes
// that travelled and nothing else.
//
// Errors: Invalid (settings, an answer that is not what was announced), Forbidden (the other
// side refuses us), NotFound, Unavailable (away, too slow, cut: run again later).
func Fetch(ctx context.Context, cfg Config, state State, env Env) (_ Result, err error) {
	defer fault.Wrap(&err, "source.Fetch(%s)", cfg.Name)
	if err := Check(cfg); err != nil {
		return Result{}, err
	}
	k, _ := kindNamed(cfg.Kind)
	res, err := k.fetch(ctx, cfg, state, env.withDefaults())
	if err != nil {
		return Result{Bytes: res.Bytes}, err
	}
	for i := range res.Files {
		f := &res.Files[i]
		f.Format = cmp.Or(f.Format, cfg.Format)
		f.Table = cmp.Or(f.Table, cfg.Table)
		// The source's name rather than the file's, which may change every day: under another
		// name the same rows would be other observations.
		f.Dataset = cmp.Or(f.Dataset, cfg.Dataset, cfg.Name)
		f.Organisation = cmp.Or(f.Organisation, cfg.Organisation)
	}
	if cfg.Complete {
		if err := oneEach(cfg, res.Files); err != nil {
			return Result{Bytes: res.Bytes}, err
		}
	}
	return res, nil
}

// oneEach refuses two files that would each be the whole of the same dataset: the second
// would withdraw the first.
func oneEach(cfg Config, files []File) error {
	seen := map[string]string{}
	for _, f := range files {
		if first, twice := seen[f.Dataset]; twice {
			return fault.Say(fault.Invalid, "source.complete_many", cfg.Name, first, f.Name)
		}
		seen[f.Dataset] = f.Name
	}
	return nil
}

// Test reaches the source and looks at what it would bring. Errors are those of Fetch.
func Test(ctx context.Context, cfg Config, env Env) (_ TestReport, err error) {
	defer fault.Wrap(&err, "source.Test(%s)", cfg.Name)
	if err := Check(cfg); err != nil {
		return TestReport{}, err
	}
	k, _ := kindNamed(cfg.Kind)
	return k.test(ctx, cfg, env.withDefaults())
}

// goodName is what a source may be called: it becomes a folder's name.
func goodName(name string) bool {
	return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`).MatchString(name)
}

// Check says what is wrong with the settings of a source: Invalid, naming the setting.
func Check(cfg Config) error {
	if !goodName(cfg.Name) {
		return wrong(cfg, "name", cfg.Name)
	}
	k, ok := kindNamed(cfg.Kind)
	if !ok {
		return fault.Say(fault.Invalid, "source.kind", cfg.Name, cfg.Kind, strings.Join(kindNames(), ", "))
	}
	if cfg.Location == "" && cfg.Kind != KindPostgreSQL {
		return wrong(cfg, "location", `""`)
	}
	if u, err := url.Parse(cfg.Location); err == nil && u.User != nil {
		if _, given := u.User.Password(); given {
			return fault.Say(fault.Invalid, "source.password_in_settings", cfg.Name)
		}
	}
	if cfg.Expected < 0 {
		return wrong(cfg, "expected", strconv.Itoa(cfg.Expected))
	}
	if cfg.Query != "" && cfg.Kind != KindPostgreSQL {
		return wrong(cfg, "query", cfg.Kind)
	}
	options := append(slices.Clone(k.options), OptionTries, OptionTimeout, OptionMaxSize)
	for _, name := range slices.Sorted(maps.Keys(cfg.Options)) {
		if !slices.Contains(options, name) {
			slices.Sort(options)
			return fault.Say(fault.Invalid, "source.option", cfg.Name, "options."+name, strings.Join(options, ", "))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.Secrets)) {
		if !slices.Contains(k.secrets, name) {
			return fault.Say(fault.Invalid, "source.option", cfg.Name, "secrets."+name, strings.Join(k.secrets, ", "))
		}
		if cfg.Secrets[name] == "" {
			return wrong(cfg, "secrets."+name, `""`)
		}
	}
	if _, err := limitsOf(cfg); err != nil {
		return err
	}
	if k.check == nil {
		return nil
	}
	return k.check(cfg)
}

// wrong says that a setting cannot have this value.
func wrong(cfg Config, setting, value string) error {
	return fault.Say(fault.Invalid, "source.value", cfg.Name, setting, value)
}

// Where says where a source is, without secrets nor what may hold one.
func Where(cfg Config) string {
	if cfg.Kind == KindPostgreSQL {
		if c, err := pgx.ParseConfig(cfg.Location); err == nil && cfg.Location != "" {
			return c.Host + "/" + c.Database
		}
		return "postgresql"
	}
	if s, u := scheme(cfg.Location); s != "" && u != nil {
		return place(u)
	}
	return cfg.Location
}

// limits are how patient and how large a run may be.
type limits struct {
	tries   int
	timeout time.Duration // without a byte
	maxSize int64
}

func limitsOf(cfg Config) (l limits, err error) {
	l = limits{tries: 6, timeout: 2 * time.Minute, maxSize: 100 << 30}
	if v := cfg.Options[OptionTries]; v != "" {
		if l.tries, err = strconv.Atoi(v); err != nil || l.tries < 1 || l.tries > 100 {
			return l, wrong(cfg, "options."+OptionTries, v)
		}
	}
	if l.timeout, err = durationOption(cfg, OptionTimeout, l.timeout); err != nil {
		return l, err
	}
	if v := cfg.Options[OptionMaxSize]; v != "" {
		if l.maxSize, err = parseSize(v); err != nil {
			return l, wrong(cfg, "options."+OptionMaxSize, v)
		}
	}
	return l, nil
}

// durationOption reads an option as 90s, 5m, 1h.
func durationOption(cfg Config, name string, otherwise time.Duration) (time.Duration, error) {
	v := cfg.Options[name]
	if v == "" {
		return otherwise, nil
	}
	d, err := time.ParseDuration(v)
	if err != nil || d <= 0 {
		return 0, wrong(cfg, "options."+name, v)
	}
	return d, nil
}

// parseSize reads 500MB, 20GB, 4096.
func parseSize(s string) (int64, error) {
	unit := int64(1)
	up := strings.ToUpper(strings.ReplaceAll(s, " ", ""))
	for _, u := range []struct {
		mark string
		n    int64
	}{{"GB", 1 << 30}, {"GO", 1 << 30}, {"MB", 1 << 20}, {"MO", 1 << 20}, {"KB", 1 << 10}, {"KO", 1 << 10}} {
		if rest, ok := strings.CutSuffix(up, u.mark); ok {
			up, unit = rest, u.n
			break
		}
	}
	n, err := strconv.ParseInt(up, 10, 64)
	if err != nil || n <= 0 || n > (1<<62)/unit {
		return 0, strconv.ErrRange
	}
	return n * unit, nil
}
