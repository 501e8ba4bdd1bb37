package tabular

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/charmap"
	"pgregory.net/rapid"

	"garrigue/internal/fault"
	"garrigue/internal/i18n"
)

// rows reads a whole table as text: "line|field|field", damaged rows with a star.
func rows(t testing.TB, r *Reader) []string {
	t.Helper()
	var out []string
	for {
		row, err := r.Next()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		s := fmt.Sprintf("%d|%s", row.Line, strings.Join(row.Fields, "|"))
		if row.Damaged {
			s += "*"
		}
		out = append(out, s)
	}
}

func TestRecords(t *testing.T) {
	for _, c := range []struct {
		why, text string
		o         Options
		header    string
		want      []string
	}{
		{"plain", "a;b\n1;2\n3;4\n", Options{}, "a|b", []string{"2|1|2", "3|3|4"}},
		{"no last line end", "a;b\n1;2", Options{}, "a|b", []string{"2|1|2"}},
		{"CR LF", "a;b\r\n1;2\r\n3;4\r\n", Options{}, "a|b", []string{"2|1|2", "3|3|4"}},
		{"CR alone", "a;b\r1;2\r3;4\r", Options{}, "a|b", []string{"2|1|2", "3|3|4"}},
		{"tab", "a\tb\n1,5\t2;3\n", Options{}, "a|b", []string{"2|1,5|2;3"}},
		{"comma", "a,b\n1,2\n", Options{}, "a|b", []string{"2|1|2"}},
		{"pipe", "a|b\n1|2\n", Options{}, "a|b", []string{"2|1|2"}},
		{"decimal commas", "a;x,y;c\n1;2,5;3\n1;2,5;3\n", Options{}, "a|x,y|c", []string{"2|1|2,5|3", "3|1|2,5|3"}},
		{"one column", "nom\nAblette\nTanche, carpe\n", Options{}, "nom", []string{"2|Ablette", "3|Tanche, carpe"}},
		{"byte order mark", "\ufeffa;b\n1;2\n", Options{}, "a|b", []string{"2|1|2"}},
		{"names trimmed, values not", " a ; b\n 1 ;2 \n", Options{}, "a|b", []string{"2| 1 |2 "}},
		{"blank lines", "\n\na;b\n\n1;2\n  \n;\n3;4\n\n", Options{}, "a|b", []string{"5|1|2", "8|3|4"}},
		{"short and long rows", "a;b;c\n1;2\n1;2;3;4\n", Options{}, "a|b|c", []string{"2|1|2", "3|1|2|3|4"}},
		{"trailing separators in rows", "a;b\n1;2;\n1;2;;\n", Options{}, "a|b", []string{"2|1|2", "3|1|2"}},
		{"trailing separator in the header", "a;b;\n1;2\n1;2;\n1;2;x\n", Options{}, "a|b|", []string{"2|1|2|", "3|1|2|", "4|1|2|x"}},
		{"quotes", `a;b` + "\n" + `"1;2";"he said ""no"""` + "\n", Options{}, "a|b", []string{`2|1;2|he said "no"`}},
		{"quoted names", `"a";"b"` + "\n1;2\n", Options{}, "a|b", []string{"2|1|2"}},
		{"line ends in quotes", "a;b\n1;\"x\ny\r\nz\"\n3;4\n", Options{}, "a|b", []string{"2|1|x\ny\r\nz", "5|3|4"}},
		{"empty quotes", "a;b\n\"\";\"\"\n1;2\n", Options{}, "a|b", []string{"2||", "3|1|2"}},
		{"quote inside", "a;b\n1;le \"Mas\" bleu\n", Options{}, "a|b", []string{`2|1|le "Mas" bleu`}},
		{"text after a closing quote", "a;b\n1;\"Mas\" bleu;x\n", Options{}, "a|b", []string{`2|1|"Mas" bleu|x`}},
		{"stray opening quote", "a;b;c\n1;\"Mas;3\n4;5;6\n7;8;9\n", Options{}, "a|b|c", []string{`2|1|"Mas|3`, "3|4|5|6", "4|7|8|9"}},
		{"two stray quotes do not swallow rows", "a;b;c\n1;\"Mas;3\n4;5;6\n7;Le \"Mas\";9\n", Options{}, "a|b|c",
			[]string{`2|1|"Mas|3`, "3|4|5|6", `4|7|Le "Mas"|9`}},
		{"inches", "a\tb\n5\"\t6\"\n7\t8\n", Options{}, "a|b", []string{`2|5"|6"`, "3|7|8"}},
		{"long text in the last column", "a;b\n1;\"x\ny\nz\"\n2;c\n", Options{}, "a|b", []string{"2|1|x\ny\nz", "5|2|c"}},
		{"no quotes", "a;b\n\"1;2\"\n", Options{NoQuote: true}, "a|b", []string{`2|"1|2"`}},
		{"another quote", "a;b\n'1;2';x\n", Options{Quote: '\''}, "a|b", []string{`2|1;2|x`}},
		{"no header", "1;2\n3;4\n", Options{NoHeader: true}, "", []string{"1|1|2", "2|3|4"}},
		{"lines skipped", "# note\na,b\n1;2\n", Options{NoHeader: true, SkipLines: 2}, "", []string{"3|1|2"}},
		{"separator given", "a,b;c\n1,2;3\n", Options{Separator: ','}, "a|b;c", []string{"2|1|2;3"}},
		{"template row of GINCO", "cdNom;nomCite\n// entier;// texte\n1;x\n", Options{}, "cdNom|nomCite", []string{"2|// entier|// texte", "3|1|x"}},
		{"nulls of PostgreSQL", "a\tb\n\\N\t2\n", Options{}, "a|b", []string{`2|\N|2`}},
		{"no rows allowed", "a;b\n", Options{AllowNoRows: true}, "a|b", nil},
		{"bad bytes in UTF-8", "a;b\né;è\nx\xff;ù\n", Options{}, "a|b", []string{"2|é|è", "3|x\ufffd|ù*"}},
		{"NUL late in a text", "a;b\n1;" + strings.Repeat("x", 300<<10) + "\n2;\x00\n", Options{MaxField: 1 << 20}, "a|b",
			[]string{"2|1|" + strings.Repeat("x", 300<<10), "3|2|\ufffd*"}},
	} {
		r := open(t, []byte(c.text), c.why, c.o)
		if h := strings.Join(r.Header(), "|"); h != c.header {
			t.Errorf("%s: header %q, wanted %q", c.why, h, c.header)
		}
		if d := cmp.Diff(c.want, rows(t, r)); d != "" {
			t.Errorf("%s: %s", c.why, d)
		}
		if _, err := r.Next(); err != io.EOF {
			t.Errorf("%s: after the end: %v", c.why, err)
		}
	}
}

func TestRawIsTheProducersText(t *testing.T) {
	text := "a;b\r\n1;\"x\r\ny \"\"z\"\"\"\r\n\"q\"; r \r\n"
	r := open(t, []byte(text), "raw.csv", Options{})
	for _, want := range []string{"1;\"x\r\ny \"\"z\"\"\"", "\"q\"; r "} {
		row, err := r.Next()
		if err != nil || row.Raw != want {
			t.Errorf("%q %v, wanted %q", row.Raw, err, want)
		}
	}
}

func utf16Bytes(s string, order binary.AppendByteOrder, mark bool) []byte {
	var out []byte
	if mark {
		out = order.AppendUint16(out, 0xfeff)
	}
	for _, u := range utf16.Encode([]rune(s)) {
		out = order.AppendUint16(out, u)
	}
	return out
}

func TestEncodings(t *testing.T) {
	text := "nom;commune\nChêne;Sète\nBœuf;Lapeyrouse-Fossat\n"
	of := func(m *charmap.Charmap) []byte {
		b, err := m.NewEncoder().Bytes([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	want := []string{"2|Chêne|Sète", "3|Bœuf|Lapeyrouse-Fossat"}
	long := "nom;commune\n" + strings.Repeat("Tanche;Lattes\n", 40000) // 560 kB of ASCII first
	for _, c := range []struct {
		why  string
		b    []byte
		o    Options
		enc  Encoding
		skip int
	}{
		{"UTF-8", []byte(text), Options{}, UTF8, 0},
		{"UTF-8 with mark", []byte("\ufeff" + text), Options{}, UTF8, 0},
		{"mark against what was asked", []byte("\ufeff" + text), Options{Encoding: Windows1252}, UTF8, 0},
		{"UTF-16LE with mark", utf16Bytes(text, binary.LittleEndian, true), Options{}, UTF16LE, 0},
		{"UTF-16BE with mark", utf16Bytes(text, binary.BigEndian, true), Options{}, UTF16BE, 0},
		{"UTF-16LE without mark", utf16Bytes(text, binary.LittleEndian, false), Options{}, UTF16LE, 0},
		{"UTF-16BE without mark", utf16Bytes(text, binary.BigEndian, false), Options{}, UTF16BE, 0},
		{"Windows-1252", of(charmap.Windows1252), Options{}, Windows1252, 0},
		{"Latin-9", of(charmap.ISO8859_15), Options{}, Latin9, 0},
		{"Latin-9 asked", of(charmap.ISO8859_15), Options{Encoding: Latin9}, Latin9, 0},
		{"UTF-8 late", append([]byte(long), text[12:]...), Options{}, UTF8, 40000},
		{"Windows-1252 late", append([]byte(long), of(charmap.Windows1252)[12:]...), Options{}, Windows1252, 40000},
	} {
		r := open(t, c.b, c.why, c.o)
		got := rows(t, r)[c.skip:]
		for i := range got {
			got[i] = got[i][strings.IndexByte(got[i], '|'):]
			if w := want[i][1:]; got[i] != w {
				t.Errorf("%s: %q, wanted %q", c.why, got[i], w)
			}
		}
		if r.Encoding() != c.enc || len(got) != 2 {
			t.Errorf("%s: %d rows read as %s, wanted %s", c.why, len(got), r.Encoding(), c.enc)
		}
	}
}

// Every byte of the two Western encodings means what golang.org/x/text says.
func TestWesternTables(t *testing.T) {
	for enc, m := range map[Encoding]*charmap.Charmap{Windows1252: charmap.Windows1252, Latin9: charmap.ISO8859_15} {
		for c := 0x80; c <= 0xff; c++ {
			want := m.DecodeByte(byte(c))
			if c < 0xa0 && enc == Latin9 {
				want = '\ufffd'
			}
			if got := enc.char(byte(c)); got != want {
				t.Errorf("%s %x: %q, wanted %q", enc, c, got, want)
			}
		}
	}
	r := open(t, []byte("a;b\n\xe9;\x81\n\xe9;\x92\n"), "hole.csv", Options{})
	if d := cmp.Diff([]string{"2|é|\ufffd*", "3|é|’"}, rows(t, r)); d != "" {
		t.Error(d)
	}
	r = open(t, append(utf16Bytes("a;b\n1;2\n", binary.LittleEndian, true), 0x00, 0xd8, '3', 0, '\n', 0, 0x7f), "lone.csv", Options{})
	if d := cmp.Diff([]string{"2|1|2", "3|\ufffd3*", "4|\ufffd*"}, rows(t, r)); d != "" {
		t.Error(d)
	}
}

func TestParseEncoding(t *testing.T) {
	for name, want := range map[string]Encoding{"UTF-8": UTF8, "utf8": UTF8, "ISO-8859-1": Windows1252, "latin1": Windows1252,
		"windows-1252": Windows1252, "CP1252": Windows1252, "ISO-8859-15": Latin9, "UTF-16": UTF16LE, "UTF_16BE": UTF16BE, "": Auto} {
		if got, ok := ParseEncoding(name); !ok || got != want {
			t.Errorf("%q is %q", name, got)
		}
	}
	if _, ok := ParseEncoding("EBCDIC"); ok {
		t.Error("EBCDIC is read")
	}
}

func gzipped(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	w.Write(b)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func zipped(t testing.TB, files ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for i := 0; i < len(files); i += 2 {
		f, err := w.Create(files[i])
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(f, files[i+1])
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestArchives(t *testing.T) {
	const table = "a;b\n1;2\n3;4\n"
	for why, b := range map[string][]byte{
		"gzip":            gzipped(t, []byte(table)),
		"two gzip in row": append(gzipped(t, []byte(table[:6])), gzipped(t, []byte(table[6:]))...),
		"zip":             zipped(t, "x/observations.csv", table),
		"zip with notes":  zipped(t, "LISEZMOI.txt", strings.Repeat("Bonjour. ", 99), "x.txt", table, "meta.xml", strings.Repeat("<x/>", 99), "metadata.csv", strings.Repeat("x;y\n", 99)),
		"two tables":      zipped(t, "small.csv", "x;y\n9;9\n", "large.csv", table),
		"no extension":    zipped(t, "observations", table, "photo.jpg", strings.Repeat("x", 999)),
	} {
		r := open(t, b, why, Options{})
		if d := cmp.Diff([]string{"2|1|2", "3|3|4"}, rows(t, r)); d != "" {
			t.Errorf("%s: %s", why, d)
		}
		if r.Offset() != r.Size() || r.Size() == 0 {
			t.Errorf("%s: %d of %d bytes", why, r.Offset(), r.Size())
		}
	}
	two := zipped(t, "small.csv", "x;y\n9;9\n", "large.csv", table, "LISEZMOI.txt", "Bonjour.", "photo.jpg", "x")
	if got := open(t, two, "two", Options{}).Others(); !slices.Equal(got, []string{"small.csv"}) {
		t.Errorf("left unread: %v", got)
	}
	r := open(t, two, "two", Options{Entry: "small.csv"})
	if d := cmp.Diff([]string{"2|9|9"}, rows(t, r)); d != "" || r.Others() != nil {
		t.Error(d, r.Others())
	}
}

// failsWith reads to the first error, which must be the producer's fault with that sentence.
func failsWith(t testing.TB, why string, r io.ReaderAt, size int64, o Options, key string) {
	t.Helper()
	reader, err := Open(r, size, "f.csv", o)
	for err == nil {
		_, err = reader.Next()
	}
	var f *fault.Error
	if !errors.As(err, &f) || f.Key != key || f.Kind != fault.Invalid && f.Kind != fault.NotFound {
		t.Errorf("%s: %v, wanted %s", why, err, key)
		return
	}
	if s := i18n.T(i18n.FR, f.Key, f.Args...); s == f.Key || strings.Contains(s, "{") || !strings.Contains(s, "f.csv") {
		t.Errorf("%s: the sentence is %q", why, s)
	}
	if !i18n.Has(i18n.EN, f.Key) {
		t.Errorf("%s is not in English", f.Key)
	}
	if reader != nil {
		if _, again := reader.Next(); again != err {
			t.Errorf("%s: then %v", why, again)
		}
	}
}

func TestBadFiles(t *testing.T) {
	long := "a;b\n" + strings.Repeat("1;2\n", 100000)
	table := zipped(t, "t.csv", long)
	encrypted := zipped(t, "t.csv", long)
	for _, at := range []int{6, bytes.Index(encrypted, []byte("PK\x01\x02")) + 8} {
		encrypted[at] |= 1
	}
	odd := zipped(t, "t.csv", long)
	odd[bytes.Index(odd, []byte("PK\x01\x02"))+10] = 12 // bzip2
	corrupt := bytes.Clone(table)
	corrupt[200] ^= 0xff
	wrongSum := bytes.Clone(table)
	wrongSum[bytes.Index(wrongSum, []byte("PK\x01\x02"))+16] ^= 0xff
	zeros := bytes.Repeat([]byte("0"), 65<<20)
	for _, c := range []struct {
		why string
		b   []byte
		o   Options
		key string
	}{
		{"empty", nil, Options{}, "tabular.empty"},
		{"blank", []byte("\n \n\n"), Options{}, "tabular.empty"},
		{"a mark only", []byte("\ufeff"), Options{}, "tabular.empty"},
		{"empty without header", []byte("x\n"), Options{NoHeader: true, SkipLines: 1}, "tabular.empty"},
		{"header alone", []byte("a;b\n"), Options{}, "tabular.no_rows"},
		{"header and blank lines", []byte("a;b\n\n;\n"), Options{}, "tabular.no_rows"},
		{"column twice", []byte("a;b; a\n1;2;3\n"), Options{}, "tabular.header_twice"},
		{"binary", []byte("\x7fELF\x02\x01\x00\x00\x00"), Options{}, "tabular.binary"},
		{"control characters", bytes.Repeat([]byte{1, 2, 3, 'a'}, 99), Options{}, "tabular.binary"},
		{"PDF", []byte("%PDF-1.7\n%\xe2\xe3\x00\x01"), Options{}, "tabular.binary"},
		{"Excel 97", []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1xxxx"), Options{}, "tabular.spreadsheet"},
		{"xlsx", zipped(t, "[Content_Types].xml", "x", "xl/worksheets/sheet1.xml", "<x/>"), Options{}, "tabular.spreadsheet"},
		{"ods", zipped(t, "mimetype", "x", "content.xml", "<x/>"), Options{}, "tabular.spreadsheet"},
		{"empty zip", zipped(t), Options{}, "tabular.no_table"},
		{"zip without table", zipped(t, "a.shp", "x", "readme.txt", "y"), Options{}, "tabular.no_table"},
		{"no such entry", table, Options{Entry: "u.csv"}, "tabular.no_entry"},
		{"encrypted zip", encrypted, Options{}, "tabular.encrypted"},
		{"odd method", odd, Options{}, "tabular.zip_method"},
		{"truncated zip", table[:len(table)/2], Options{}, "tabular.archive_damaged"},
		{"corrupt zip", corrupt, Options{}, "tabular.archive_damaged"},
		{"zip with a wrong sum", wrongSum, Options{}, "tabular.archive_damaged"},
		{"truncated gzip", gzipped(t, []byte(long))[:300], Options{}, "tabular.archive_damaged"},
		{"gzip cut in its header", gzipped(t, []byte(long))[:5], Options{}, "tabular.archive_damaged"},
		{"gzip without its sum", gzipped(t, []byte(long))[:len(gzipped(t, []byte(long)))-8], Options{}, "tabular.archive_damaged"},
		{"gzip bomb", gzipped(t, zeros), Options{MaxRecord: 1 << 30, MaxField: 1 << 30}, "tabular.bomb"},
		{"zip bomb", zipped(t, "t.csv", string(zeros)), Options{}, "tabular.bomb"},
		{"too large", gzipped(t, []byte(long)), Options{MaxTotal: 1000}, "tabular.total"},
		{"too large, says the zip", table, Options{MaxTotal: 1000}, "tabular.total"},
		{"long record", []byte("a;b\n1;2\n" + strings.Repeat("x;", 3000) + "\n"), Options{MaxRecord: 4000}, "tabular.record"},
		{"long field", []byte("a;b\n1;" + strings.Repeat("x", 3000) + "\n"), Options{MaxField: 2000}, "tabular.field"},
		{"long quoted field", []byte("a;b\n1;\"" + strings.Repeat("x", 3000) + "\"\n"), Options{MaxField: 2000}, "tabular.field"},
		{"long first field", []byte("a;b\n" + strings.Repeat("x", 3000) + ";1\n"), Options{MaxField: 2000}, "tabular.field"},
		{"many columns", []byte(strings.Repeat(";", 5000) + "x\n"), Options{}, "tabular.columns"},
		{"many quoted columns", []byte("a;b\n" + strings.Repeat("\"x\";", 5000) + "\n"), Options{}, "tabular.columns"},
	} {
		failsWith(t, c.why, bytes.NewReader(c.b), int64(len(c.b)), c.o, c.key)
	}
}

// A zip that says less than it holds is stopped by what comes out of it.
func TestDishonestZip(t *testing.T) {
	b := zipped(t, "t.csv", "a;b\n"+strings.Repeat("0;0\n", 20<<20))
	at := bytes.Index(b, []byte("PK\x01\x02"))
	binary.LittleEndian.PutUint32(b[at+24:], 1000)
	failsWith(t, "dishonest", bytes.NewReader(b), int64(len(b)), Options{}, "tabular.bomb")
}

// endless is a file of size bytes that is never held: a header, a row, then filler.
type endless struct {
	size  int64
	start string
	fill  byte
}

func (e endless) ReadAt(p []byte, off int64) (int, error) {
	n := int(min(int64(len(p)), e.size-off))
	if n <= 0 {
		return 0, io.EOF
	}
	for i := range p[:n] {
		p[i] = e.fill
	}
	if off < int64(len(e.start)) {
		copy(p[:n], e.start[off:])
	}
	return n, nil
}

// A line of 1 GB is refused with little memory, however it is quoted.
func TestEndlessLine(t *testing.T) {
	for _, start := range []string{"a;b\n1;2\n", "a;b\n1;2\n3;\"", "\""} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		failsWith(t, start, endless{1 << 30, start, 'x'}, 1<<30, Options{}, "tabular.record")
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > 100<<20 {
			t.Errorf("%q: %d MiB were allocated", start, used>>20)
		}
	}
}

// A file of quotes that never close is read once, not once per line.
func TestStrayQuotesCostLittle(t *testing.T) {
	text := "a;b\n" + strings.Repeat("1;\"x\n", 200000)
	n, _, _ := count(t, open(t, []byte(text), "stray.csv", Options{MaxRecord: 1 << 20}))
	if n != 200000 {
		t.Errorf("%d rows", n)
	}
}

type failing struct{ err error }

func (f failing) ReadAt(p []byte, off int64) (int, error) {
	if off >= 100<<10 {
		return 0, f.err
	}
	n := min(len(p), 100<<10-int(off))
	for i := range p[:n] {
		p[i] = "a;b\n"[(int(off)+i)%4]
	}
	return n, nil
}

// A failing disk is not the producer's fault.
func TestReadErrorsAreKept(t *testing.T) {
	broken := errors.New("broken disk")
	r, err := Open(failing{broken}, 1<<20, "f.csv", Options{NoHeader: true})
	n := 0
	for err == nil {
		_, err = r.Next()
		n++
	}
	if !errors.Is(err, broken) || fault.KindOf(err) != fault.Internal || n < 20000 {
		t.Errorf("%v after %d rows", err, n)
	}
}

// What is written by the rules is read back, whatever the separator, quotes and line ends.
// Fields with both separators and line ends are left out: lines that look like rows are
// taken for rows, which saves real files from stray quotes.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sep := rapid.SampledFrom([]string{";", ",", "\t", "|"}).Draw(t, "separator")
		eol := rapid.SampledFrom([]string{"\n", "\r\n", "\r"}).Draw(t, "line end")
		field := rapid.OneOf(rapid.StringOfN(rapid.SampledFrom([]rune("ab é\"\nœ’1")), 0, 6, -1),
			rapid.StringOfN(rapid.SampledFrom([]rune("ab é\";,\t|1")), 0, 6, -1))
		table := rapid.SliceOfN(rapid.SliceOfN(field, 3, 3), 1, 20).Draw(t, "table")
		var b strings.Builder
		b.WriteString("x" + sep + "y" + sep + "z" + eol)
		var want [][]string
		for _, row := range table {
			row[0] = "r" + row[0] // no blank rows
			for i := range row {
				if eol == "\r" {
					row[i] = strings.ReplaceAll(row[i], "\n", "\r")
				}
				if i > 0 {
					b.WriteString(sep)
				}
				b.WriteString(`"` + strings.ReplaceAll(row[i], `"`, `""`) + `"`)
			}
			b.WriteString(eol)
			want = append(want, row)
		}
		text := b.String()
		r, err := Open(strings.NewReader(text), int64(len(text)), "t.csv", Options{Separator: sep[0]})
		if err != nil {
			t.Fatal(err)
		}
		var got [][]string
		for {
			row, err := r.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, append([]string(nil), row.Fields...))
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatal(d)
		}
	})
}

func FuzzReader(f *testing.F) {
	for _, s := range []string{"", "a;b\n1;2\n", "\ufeffa,b\r\n\"x\r\ny\",2\r\n", "a\tb\n\xe9\t\"", "\xff\xfea\x00;\x00b\x00\n\x001\x00"} {
		f.Add([]byte(s), byte(0))
	}
	f.Add(gzipped(f, []byte("a;b\n1;2\n")), byte(0))
	f.Add(zipped(f, "t.csv", "a;b\n1;2\n"), byte(3))
	f.Fuzz(func(t *testing.T, b []byte, how byte) {
		o := Options{NoHeader: how&1 != 0, NoQuote: how&2 != 0, AllowNoRows: how&4 != 0, SkipLines: int(how >> 6),
			MaxRecord: 1 << 16, MaxField: 1 << 15, MaxTotal: 1 << 22}
		r, err := Open(bytes.NewReader(b), int64(len(b)), "f.csv", o)
		line := 0
		for err == nil {
			var row Row
			if row, err = r.Next(); err != nil {
				break
			}
			if row.Line <= line || len(row.Fields) == 0 || len(row.Fields) > 4001+len(r.Header()) {
				t.Fatalf("line %d after %d, %d fields", row.Line, line, len(row.Fields))
			}
			line = row.Line
			if strings.ToValidUTF8(row.Raw, "") != row.Raw {
				t.Fatalf("line %d is not UTF-8", line)
			}
		}
		if err != io.EOF && fault.KindOf(err) == fault.Internal {
			t.Fatal(err)
		}
	})
}

func table(n int) []byte {
	var b bytes.Buffer
	b.WriteString("id;cd_nom;nom_cite;date_debut;date_fin;commune;code;lon;lat;observateur;comportement;effectif;commentaire\n")
	for i := range n {
		fmt.Fprintf(&b, "%08d-6b1d-4f0e-9d0e-7f3e1c2d3a4b;%d;Hirundo rustica Linnaeus, 1758;2019-05-%02d;2019-05-%02d;Saint-Béat-Lez;31471;0.6%05d;42.9%05d;Observateur %d;nicheur probable;%d;vu en vol près du pont\n",
			i, 3696+i%9, 1+i%28, 1+i%28, i%99999, i%99999, i%99, i%7)
	}
	return b.Bytes()
}

func BenchmarkNext(b *testing.B) {
	plain := table(100000)
	latin, err := charmap.Windows1252.NewEncoder().Bytes(plain)
	if err != nil {
		b.Fatal(err)
	}
	quoted := []byte(strings.ReplaceAll(strings.ReplaceAll(string(plain), ";", `";"`), "\n", "\"\n\""))
	quoted = append([]byte(`"`), quoted[:len(quoted)-2]...)
	for _, c := range []struct {
		name string
		b    []byte
		of   int
	}{{"plain", plain, len(plain)}, {"quoted", quoted, len(quoted)}, {"windows-1252", latin, len(latin)},
		{"utf-16", utf16Bytes(string(plain), binary.LittleEndian, true), 2 * len(plain)},
		{"gzip", gzipped(b, plain), len(plain)}, {"zip", zipped(b, "t.csv", string(plain)), len(plain)}} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(c.of))
			b.ReportAllocs()
			for b.Loop() {
				r := open(b, c.b, c.name, Options{})
				if n, uneven, _ := count(b, r); n != 100000 || uneven != 0 {
					b.Fatalf("%d rows, %d uneven", n, uneven)
				}
			}
		})
	}
}
