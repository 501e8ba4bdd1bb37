package garrigue_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"

	"garrigue/internal/civil"
	"garrigue/internal/demo"
	"garrigue/internal/disclosure"
	"garrigue/internal/geo"
	"garrigue/internal/ingest"
	"garrigue/internal/observation"
	"garrigue/internal/publish"
	"garrigue/internal/vault"
)

// The benchmarks of the whole way, each against a limit measured in the same run. They print
// ratios and judge nothing: machines differ. `make bench` runs them; sizes come from
// GARRIGUE_BENCH_ROWS (default 100000,1900000), real references from ../shared when there,
// and GARRIGUE_BENCH_DIR keeps the instances for another run.

func benchSizes(b *testing.B) []int {
	b.Helper()
	text := os.Getenv("GARRIGUE_BENCH_ROWS")
	if text == "" {
		text = "100000,1900000"
	}
	var sizes []int
	for _, s := range strings.Split(text, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(s))
		if err != nil || n < 1 {
			b.Fatalf("GARRIGUE_BENCH_ROWS: %q", s)
		}
		sizes = append(sizes, n)
	}
	return sizes
}

// benchReference is the folder of real references, "" when the fictional ones must do.
func benchReference() string {
	dir := filepath.Join("..", "shared", "data", "reference")
	if _, err := os.Stat(dir); err != nil {
		return ""
	}
	return dir
}

// benchInstance is an instance with references loaded and a file of n observations.
type benchInstance struct {
	dir   string
	files demo.Files
	fresh bool
}

func prepare(b *testing.B, n int) benchInstance {
	b.Helper()
	root := os.Getenv("GARRIGUE_BENCH_DIR")
	if root == "" {
		root = filepath.Join(os.TempDir(), "garrigue-bench-"+strconv.Itoa(os.Getpid()))
		b.Cleanup(func() { os.RemoveAll(root) })
	}
	in := benchInstance{dir: filepath.Join(root, strconv.Itoa(n))}
	if err := os.MkdirAll(in.dir, 0o750); err != nil {
		b.Fatal(err)
	}
	ctx := context.Background()
	var err error
	in.files, err = demo.Generate(ctx, demo.Options{Dir: in.dir, Observations: n, Reference: benchReference(), Today: benchDay()})
	if err != nil {
		b.Fatal(err)
	}
	path := filepath.Join(in.dir, "vault.sqlite")
	if _, err := os.Stat(path); err == nil {
		return in
	}
	in.fresh = true
	db, err := vault.Open(ctx, path)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	for _, r := range in.files.References {
		if _, err := ingest.LoadReference(ctx, db, r.Kind, r.Path, ingest.ReferenceOptions{AreaKind: r.Area}); err != nil {
			b.Fatal(err)
		}
	}
	return in
}

func benchDay() civil.Date { d, _ := civil.Make(2026, 11, 1); return d }

// BenchmarkImport measures the import of a file, all checks on, against inserting the very
// same rows into the same engine: same table, same indexes, one transaction, typed binds.
func BenchmarkImport(b *testing.B) {
	for _, n := range benchSizes(b) {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			in := prepare(b, n)
			path := filepath.Join(in.dir, "vault.sqlite")
			for range b.N {
				took := importOnce(b, in, path)
				b.ReportMetric(float64(n)/took.Seconds(), "rows/s")
				// The peak is that of import and what came before; the raw insert holds all rows.
				b.ReportMetric(float64(peakRSS(b, os.Getpid()))/(1<<20), "MB-peak")
				b.ReportMetric(rawInsert(b, path)/took.Seconds(), "of-raw-insert")
			}
		})
	}
}

// importOnce imports the file into a copy of the vault that has references only.
func importOnce(b *testing.B, in benchInstance, path string) time.Duration {
	b.Helper()
	ctx := context.Background()
	if !in.fresh {
		b.Skip("the instance kept in GARRIGUE_BENCH_DIR is imported already: remove it to measure again")
	}
	db, err := vault.Open(ctx, path)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	im, err := ingest.NewImporter(ctx, db, ingest.Settings{Today: benchDay(), CRS: 2154})
	if err != nil {
		b.Fatal(err)
	}
	start := time.Now()
	rep, err := im.Import(ctx, in.files.Observations, ingest.Options{})
	took := time.Since(start)
	if err != nil {
		b.Fatal(err)
	}
	if rep.Read != rep.Created+rep.Updated+rep.Unchanged+rep.Rejected {
		b.Fatalf("read %d is not the sum", rep.Read)
	}
	b.Logf("%d rows read, %d created, %d rejected, held %v, in %v", rep.Read, rep.Created, rep.Rejected, rep.Held, took.Round(time.Millisecond))
	return took
}

// rawInsert returns the seconds it takes to insert the observation rows of a vault into a new
// file of the same engine, with the same table and indexes.
func rawInsert(b *testing.B, path string) float64 {
	b.Helper()
	src, err := sqlite.OpenConn(path, sqlite.OpenReadOnly)
	if err != nil {
		b.Fatal(err)
	}
	defer src.Close()
	ddl := query(b, src, "SELECT sql FROM sqlite_master WHERE tbl_name = 'observation' AND sql IS NOT NULL ORDER BY type DESC")
	rows, width := loadRows(b, src)
	dst, err := sqlite.OpenConn(filepath.Join(b.TempDir(), "raw.sqlite"), sqlite.OpenReadWrite|sqlite.OpenCreate)
	if err != nil {
		b.Fatal(err)
	}
	defer dst.Close()
	for _, q := range []string{"PRAGMA journal_mode=WAL", "PRAGMA synchronous=NORMAL"} {
		run(b, dst, q)
	}
	for _, q := range ddl {
		run(b, dst, q)
	}
	stmt, _, err := dst.PrepareTransient("INSERT INTO observation VALUES (?" + strings.Repeat(",?", width-1) + ")")
	if err != nil {
		b.Fatal(err)
	}
	defer stmt.Finalize()
	start := time.Now()
	run(b, dst, "BEGIN IMMEDIATE")
	for _, r := range rows {
		for i, v := range r {
			switch v := v.(type) {
			case nil:
				stmt.BindNull(i + 1)
			case int64:
				stmt.BindInt64(i+1, v)
			case float64:
				stmt.BindFloat(i+1, v)
			case string:
				stmt.BindText(i+1, v)
			case []byte:
				stmt.BindBytes(i+1, v)
			}
		}
		if _, err := stmt.Step(); err != nil {
			b.Fatal(err)
		}
		if err := stmt.Reset(); err != nil {
			b.Fatal(err)
		}
	}
	run(b, dst, "COMMIT")
	return time.Since(start).Seconds()
}

// loadRows reads every observation row into memory as the engine's own types.
func loadRows(b *testing.B, src *sqlite.Conn) ([][]any, int) {
	b.Helper()
	stmt, _, err := src.PrepareTransient("SELECT * FROM observation")
	if err != nil {
		b.Fatal(err)
	}
	defer stmt.Finalize()
	width := stmt.ColumnCount()
	var rows [][]any
	for {
		more, err := stmt.Step()
		if err != nil {
			b.Fatal(err)
		}
		if !more {
			return rows, width
		}
		r := make([]any, width)
		for i := range r {
			switch stmt.ColumnType(i) {
			case sqlite.TypeInteger:
				r[i] = stmt.ColumnInt64(i)
			case sqlite.TypeFloat:
				r[i] = stmt.ColumnFloat(i)
			case sqlite.TypeText:
				r[i] = stmt.ColumnText(i)
			case sqlite.TypeBlob:
				buf := make([]byte, stmt.ColumnLen(i))
				stmt.ColumnBytes(i, buf)
				r[i] = buf
			}
		}
		rows = append(rows, r)
	}
}

func run(b *testing.B, c *sqlite.Conn, q string) {
	b.Helper()
	query(b, c, q)
}

func query(b *testing.B, c *sqlite.Conn, q string) []string {
	b.Helper()
	stmt, _, err := c.PrepareTransient(q)
	if err != nil {
		b.Fatalf("%s: %v", q, err)
	}
	defer stmt.Finalize()
	var out []string
	for {
		more, err := stmt.Step()
		if err != nil {
			b.Fatalf("%s: %v", q, err)
		}
		if !more {
			return out
		}
		out = append(out, stmt.ColumnText(0))
	}
}

// BenchmarkPublish measures a full publication against one bare read of the same rows out of
// the vault.
func BenchmarkPublish(b *testing.B) {
	for _, n := range benchSizes(b) {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			in := imported(b, n)
			db, err := vault.Open(b.Context(), filepath.Join(in.dir, "vault.sqlite"))
			if err != nil {
				b.Fatal(err)
			}
			defer db.Close()
			for range b.N {
				start := time.Now()
				rows := 0
				if err := db.Observations(b.Context(), disclosure.Grant{Who: "bench", Reason: "bare read"}, vault.ForPublication,
					func(*observation.Observation) error { rows++; return nil }); err != nil {
					b.Fatal(err)
				}
				bare := time.Since(start)
				start = time.Now()
				res, err := publish.Run(b.Context(), db, publishOptions(in.dir))
				if err != nil {
					b.Fatal(err)
				}
				took := time.Since(start)
				steps, _ := json.Marshal(res.Steps)
				b.Logf("%d observations, %d published, %d taxa: %s", rows, res.Published, res.Taxa, steps)
				b.ReportMetric(took.Seconds(), "s")
				b.ReportMetric(res.Proof.Seconds, "s-proof")
				b.ReportMetric(took.Seconds()/bare.Seconds(), "bare-reads")
			}
		})
	}
}

func publishOptions(dir string) publish.Options {
	p := disclosure.SINP()
	p.Today = benchDay()
	name, territory, publisher := demo.Identity(true)
	o := publish.Options{Dir: filepath.Join(dir, "atlas"), Kept: filepath.Join(dir, "kept"), Policy: p}
	o.Meta.Title, o.Meta.Territory, o.Meta.Publisher, o.Meta.Fictional, o.Meta.Mesh = name, territory, publisher, true, geo.Cell5
	return o
}

// imported is an instance whose file is imported.
func imported(b *testing.B, n int) benchInstance {
	b.Helper()
	in := prepare(b, n)
	if in.fresh {
		importOnce(b, in, filepath.Join(in.dir, "vault.sqlite"))
	}
	return in
}

// BenchmarkServe measures species sheets served by the program itself, in a process of its
// own: response times at 300 requests a second from a cold start, requests a second at full
// load, its memory, and, as the limit, what the same Go server does with ready bytes of the
// same length.
func BenchmarkServe(b *testing.B) {
	bin := filepath.Join(b.TempDir(), "garrigue")
	if out, err := exec.Command("go", "build", "-o", bin, "./cmd/garrigue").CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	for _, n := range benchSizes(b) {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			in := imported(b, n)
			writeBenchSettings(b, in.dir)
			publishOnce(b, in.dir)
			for range b.N {
				base, pid, stop := startServer(b, bin, in.dir)
				urls := speciesURLs(b, base, 3000)
				p50, p99 := paced(b, urls, 300, 20*time.Second)
				rate := fullLoad(b, urls, 8*time.Second)
				size := len(fetch(b, urls[0]))
				rss := residentNow(b, pid)
				stop()
				b.ReportMetric(p50.Seconds()*1000, "ms-p50-at-300/s")
				b.ReportMetric(p99.Seconds()*1000, "ms-p99-at-300/s")
				b.ReportMetric(rate, "req/s")
				b.ReportMetric(rate/readyBytes(b, size), "of-ready-bytes")
				b.ReportMetric(float64(rss)/(1<<20), "MB-serving")
			}
		})
	}
}

func writeBenchSettings(b *testing.B, dir string) {
	b.Helper()
	s := "fictional = true\n[identity]\nname = \"Essai\"\nterritory = \"Essai\"\npublisher = \"Essai\"\n"
	if err := os.WriteFile(filepath.Join(dir, "garrigue.toml"), []byte(s), 0o600); err != nil {
		b.Fatal(err)
	}
}

func publishOnce(b *testing.B, dir string) {
	b.Helper()
	if _, err := os.Stat(filepath.Join(dir, "atlas", "current")); err == nil {
		return
	}
	db, err := vault.Open(b.Context(), filepath.Join(dir, "vault.sqlite"))
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	if _, err := publish.Run(b.Context(), db, publishOptions(dir)); err != nil {
		b.Fatal(err)
	}
}

// startServer runs `garrigue serve` on a free port and waits for its first answer.
func startServer(b *testing.B, bin, dir string) (base string, pid int, stop func()) {
	b.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	addr := ln.Addr().String()
	ln.Close()
	cmd := exec.Command(bin, "serve", "-C", dir, "--addr", addr)
	cmd.Stderr = io.Discard
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	stop = func() { cmd.Process.Signal(os.Interrupt); cmd.Wait() }
	for range 200 {
		if r, err := http.Get("http://" + addr + "/api/v1/atlas"); err == nil {
			r.Body.Close()
			return "http://" + addr, cmd.Process.Pid, stop
		}
		time.Sleep(50 * time.Millisecond)
	}
	stop()
	b.Fatal("the server did not answer")
	return "", 0, nil
}

// speciesURLs returns sheets drawn as visitors would: half among the most observed, half
// among all.
func speciesURLs(b *testing.B, base string, n int) []string {
	b.Helper()
	var all []string
	for offset := 0; ; offset += 500 {
		var page struct {
			Total int
			Items []struct {
				CdRef int `json:"cd_ref"`
			}
		}
		body := fetch(b, fmt.Sprintf("%s/api/v1/taxa?limit=500&offset=%d", base, offset))
		if err := json.Unmarshal(body, &page); err != nil {
			b.Fatal(err)
		}
		for _, t := range page.Items {
			all = append(all, fmt.Sprintf("%s/espece/%d", base, t.CdRef))
		}
		if len(page.Items) == 0 || len(all) >= page.Total {
			break
		}
	}
	if len(all) == 0 {
		b.Fatal("no species")
	}
	rng := rand.New(rand.NewPCG(1, 2))
	urls := make([]string, n)
	for i := range urls {
		if i%2 == 0 {
			urls[i] = all[rng.IntN(min(200, len(all)))]
		} else {
			urls[i] = all[rng.IntN(len(all))]
		}
	}
	return urls
}

var benchClient = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, MaxConnsPerHost: 64, DisableCompression: true},
	Timeout: 30 * time.Second}

func fetch(b *testing.B, url string) []byte {
	b.Helper()
	req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, url, nil)
	if err != nil {
		b.Fatal(err)
	}
	if strings.Contains(url, "/espece/") {
		req.Header.Set("Accept-Encoding", "gzip")
	}
	res, err := benchClient.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	defer res.Body.Close()
	var buf bytes.Buffer
	if _, err := buf.ReadFrom(res.Body); err != nil || res.StatusCode != http.StatusOK {
		b.Fatalf("%s: %d %v", url, res.StatusCode, err)
	}
	return buf.Bytes()
}

// get is fetch for the load: it drops the body.
func get(url string) error {
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept-Encoding", "gzip")
	res, err := benchClient.Do(req)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, res.Body)
	res.Body.Close()
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: status %d", url, res.StatusCode)
	}
	return err
}

// paced sends requests at a fixed rate, whatever the answers do, and returns percentiles of
// the time from when each was due.
func paced(b *testing.B, urls []string, rate int, long time.Duration) (p50, p99 time.Duration) {
	b.Helper()
	n := int(long.Seconds()) * rate
	times := make([]time.Duration, n)
	var wg sync.WaitGroup
	var bad atomic.Int64
	start := time.Now()
	for i := range n {
		due := start.Add(time.Duration(i) * time.Second / time.Duration(rate))
		time.Sleep(time.Until(due))
		wg.Add(1)
		go func() {
			defer wg.Done()
			if err := get(urls[i%len(urls)]); err != nil {
				bad.Add(1)
			}
			times[i] = time.Since(due)
		}()
	}
	wg.Wait()
	if bad.Load() > 0 {
		b.Fatalf("%d requests failed", bad.Load())
	}
	sort.Slice(times, func(i, j int) bool { return times[i] < times[j] })
	return times[n/2], times[n*99/100]
}

// fullLoad keeps eight clients busy and returns the requests answered a second.
func fullLoad(b *testing.B, urls []string, long time.Duration) float64 {
	b.Helper()
	var done, bad atomic.Int64
	var wg sync.WaitGroup
	start := time.Now()
	for w := range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := w; time.Since(start) < long; i += 8 {
				if err := get(urls[i%len(urls)]); err != nil {
					bad.Add(1)
				}
				done.Add(1)
			}
		}()
	}
	wg.Wait()
	if bad.Load() > 0 {
		b.Fatalf("%d requests failed", bad.Load())
	}
	return float64(done.Load()) / time.Since(start).Seconds()
}

// readyBytes is the limit: the same load on a Go server that sends ready bytes of one page,
// in this process.
func readyBytes(b *testing.B, size int) float64 {
	b.Helper()
	body := make([]byte, size)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Write(body)
	})}
	go srv.Serve(ln)
	defer srv.Close()
	return fullLoad(b, []string{"http://" + ln.Addr().String() + "/"}, 4*time.Second)
}

// residentNow and peakRSS read a process's memory from /proc, in bytes; 0 where there is none.
func residentNow(b *testing.B, pid int) int64 { return procStatus(b, pid, "VmRSS:") }
func peakRSS(b *testing.B, pid int) int64     { return procStatus(b, pid, "VmHWM:") }

func procStatus(b *testing.B, pid int, field string) int64 {
	b.Helper()
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	defer f.Close()
	sc := bufio.NewScanner(f)
	for sc.Scan() {
		if rest, ok := strings.CutPrefix(sc.Text(), field); ok {
			kb, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				b.Fatal(err)
			}
			return kb << 10
		}
	}
	return 0
}

// BenchmarkDaily measures what a day brings to a full instance: a file of 10,000 rows of which
// each differs from what the vault holds, imported and published, against one bare read of
// the vault.
func BenchmarkDaily(b *testing.B) {
	for _, n := range benchSizes(b) {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			in := imported(b, n)
			publishOnce(b, in.dir)
			path := filepath.Join(in.dir, "vault.sqlite")
			for range b.N {
				changed := changedRows(b, in.files.Observations, n, 10_000)
				start := time.Now()
				db, err := vault.Open(b.Context(), path)
				if err != nil {
					b.Fatal(err)
				}
				im, err := ingest.NewImporter(b.Context(), db, ingest.Settings{Today: benchDay(), CRS: 2154})
				if err != nil {
					b.Fatal(err)
				}
				rep, err := im.Import(b.Context(), changed, ingest.Options{})
				if err != nil {
					b.Fatal(err)
				}
				read := time.Since(start)
				res, err := publish.Run(b.Context(), db, publishOptions(in.dir))
				if err != nil {
					b.Fatal(err)
				}
				took := time.Since(start)
				if err := db.Close(); err != nil {
					b.Fatal(err)
				}
				b.Logf("%d read, %d updated, %d created, %d rejected", rep.Read, rep.Updated, rep.Created, rep.Rejected)
				if rep.Updated < rep.Read*9/10 {
					b.Fatalf("only %d rows of %d differ from the vault's", rep.Updated, rep.Read)
				}
				steps, _ := json.Marshal(res.Steps)
				b.Logf("%s", steps)
				b.ReportMetric(read.Seconds(), "s-import")
				b.ReportMetric(res.Proof.Seconds, "s-proof") // of the publication, what only proves
				b.ReportMetric(took.Seconds(), "s")
			}
		})
	}
}

// changedRows writes a file of some rows of another, spread over it: of four, one has another comment,
// one another day, one another place and one another taxon.
func changedRows(b *testing.B, from string, total, n int) string {
	b.Helper()
	f, err := os.Open(from)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	var in io.Reader = f
	if strings.HasSuffix(from, ".gz") {
		if in, err = gzip.NewReader(f); err != nil {
			b.Fatal(err)
		}
	}
	r, out := csv.NewReader(in), &bytes.Buffer{}
	r.Comma, r.ReuseRecord = ';', true
	w := csv.NewWriter(out)
	w.Comma = ';'
	header, err := r.Read()
	if err != nil {
		b.Fatal(err)
	}
	change := changer(b, header)
	w.Write(header)
	for i := 0; ; i++ {
		row, err := r.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			b.Fatal(err)
		}
		if i%(total/n) == 0 {
			change(row)
			w.Write(row)
		}
	}
	w.Flush()
	path := filepath.Join(b.TempDir(), filepath.Base(strings.TrimSuffix(from, ".gz")))
	if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
		b.Fatal(err)
	}
	return path
}

// changer returns what changes one row after another.
func changer(b *testing.B, header []string) func(row []string) {
	b.Helper()
	at := map[string]int{}
	for _, name := range []string{"commentaire", "dateDebut", "dateFin", "geometrie", "cdNom", "nomCite"} {
		if at[name] = slices.Index(header, name); at[name] < 0 {
			b.Fatalf("no column %s in %v", name, header)
		}
	}
	now := time.Now()
	stamp, rng := "revu "+now.Format(time.RFC3339Nano), rand.New(rand.NewPCG(uint64(now.UnixNano()), 1))
	n, taxon, name := 0, "", ""
	return func(row []string) {
		n++
		row[at["commentaire"]] = stamp
		switch first, last := row[at["dateDebut"]], row[at["dateFin"]]; {
		case n%4 == 1 && first == last && len(first) == len("2026-11-01"):
			day := first[:8] + fmt.Sprintf("%02d", 1+rng.IntN(28))
			if day > benchDay().String() {
				day = first
			}
			row[at["dateDebut"]], row[at["dateFin"]] = day, day
		case n%4 == 2:
			var lon, lat float64
			if k, _ := fmt.Sscanf(row[at["geometrie"]], "POINT (%f %f)", &lon, &lat); k == 2 {
				row[at["geometrie"]] = fmt.Sprintf("POINT (%.6f %.6f)", lon+rng.Float64()*0.02-0.01, lat+rng.Float64()*0.02-0.01)
			}
		case n%4 == 3 && taxon != "":
			row[at["cdNom"]], row[at["nomCite"]], taxon, name = taxon, name, row[at["cdNom"]], row[at["nomCite"]]
		}
		if taxon == "" {
			taxon, name = row[at["cdNom"]], row[at["nomCite"]]
		}
	}
}
