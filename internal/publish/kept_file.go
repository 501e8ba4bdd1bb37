package publish

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/gob"
	"errors"
	"hash/crc32"
	"os"

	"garrigue/internal/civil"
	"garrigue/internal/dataset"
	"garrigue/internal/disclosure"
	"garrigue/internal/geo"
	"garrigue/internal/observation"
	"garrigue/internal/taxon"
)

// What a publication keeps for the next one (DESIGN.md, Days): for each observation what it is
// shown as, or why it is not. Observations come in order of ID, in chunks that carry their checksum; what
// they have in common (taxa, places, producers, reasons) is apart, at the end, in keptHead.
//
// A chunk is its length, its number of rows and the CRC-32C of what follows, four bytes each,
// then the rows, of varints: the difference from the ID before, flags, and by kind the rest.

// keptForm changes with the form of the file.
const keptForm = "garrigue kept 1"

// keptHead is the end of the file.
type keptHead struct {
	Form    string
	Key     string     // what decisions depend on beside the observation
	Mark    int64      // of vault.Kept
	Changes int64      // state of the vault
	Silent  int64      // changes of it that noted no row (vault.Silent)
	Since   civil.Date // day on which everything was read
	Today   civil.Date // day on which durations were counted
	Last    int64      // greatest ID
	Rows    int
	Taxa    []taxon.CdRef
	Places  []spot
	Makers  []maker
	Reasons []string // why observations are withheld
}

// spot is where observations are shown, and why.
type spot struct {
	Area    geo.AreaKey
	Within  []geo.AreaKey
	Blurred bool
	Reasons disclosure.Reason
}

// maker is where they came from.
type maker struct {
	Dataset      dataset.ID
	Organisation string
}

type keptKind uint8

const (
	keptShown keptKind = iota
	keptWithheld
	keptAnew // it depends on others: it is to be read again
)

// keptRow is one observation. Taxon, place, maker and reason are numbers of the head.
type keptRow struct {
	id                  int64
	kind                keptKind
	taxon, place, maker uint32
	reason              uint32 // of one withheld
	start, end          civil.Date
	precision           observation.Precision
	validated           bool
	low, high           int16      // altitudes
	until               civil.Date // first day on which a duration may change it; NoDate: never
	raw                 []byte     // what follows its ID in the file, good until the next chunk
}

// Flags of a row: the kind in two bits, then these; the precision in the two highest.
const (
	keptValidated = 1 << (2 + iota)
	keptAltitude
	keptEnd // another day than the first
	keptUntil
)

const (
	keptChunk     = 4096 // rows
	keptChunkHead = 12   // bytes
	keptTail      = 12   // bytes: where the head begins, and its checksum
)

// pack appends a row without its ID.
func (r *keptRow) pack(b []byte) []byte {
	flags := byte(r.kind)
	if r.until != civil.NoDate && r.kind != keptAnew {
		flags |= keptUntil
	}
	switch r.kind {
	case keptWithheld:
		b = binary.AppendUvarint(append(b, flags), uint64(r.reason))
	case keptShown:
		b = r.packShown(b, flags)
	default:
		b = append(b, flags)
	}
	if flags&keptUntil != 0 {
		b = binary.AppendVarint(b, int64(r.until))
	}
	return b
}

func (r *keptRow) packShown(b []byte, flags byte) []byte {
	flags |= byte(r.precision) << 6
	if r.validated {
		flags |= keptValidated
	}
	if r.low != observation.NoAltitude || r.high != observation.NoAltitude {
		flags |= keptAltitude
	}
	if r.end != r.start {
		flags |= keptEnd
	}
	b = binary.AppendUvarint(append(b, flags), uint64(r.taxon))
	b = binary.AppendUvarint(b, uint64(r.place))
	b = binary.AppendUvarint(b, uint64(r.maker))
	b = binary.AppendVarint(b, int64(r.start))
	if flags&keptEnd != 0 {
		b = binary.AppendVarint(b, int64(r.end)-int64(r.start))
	}
	if flags&keptAltitude != 0 {
		b = binary.AppendVarint(b, int64(r.low))
		b = binary.AppendVarint(b, int64(r.high)-int64(r.low))
	}
	return b
}

var errKept = errors.New("what the former publication kept is damaged")

// keptCursor reads varints; it stays broken once it is.
type keptCursor struct {
	b      []byte
	broken bool
}

func (c *keptCursor) uint() uint64 {
	if len(c.b) > 0 && c.b[0] < 0x80 {
		v := c.b[0]
		c.b = c.b[1:]
		return uint64(v)
	}
	v, n := binary.Uvarint(c.b)
	if n <= 0 {
		c.b, c.broken = nil, true
		return 0
	}
	c.b = c.b[n:]
	return v
}

func (c *keptCursor) int() int64 {
	v := c.uint()
	return int64(v>>1) ^ -int64(v&1)
}

// unpack reads a row whose ID is read.
func (r *keptRow) unpack(c *keptCursor) {
	from := c.b
	if len(c.b) == 0 {
		c.broken = true
		return
	}
	flags := c.b[0]
	c.b = c.b[1:]
	*r = keptRow{id: r.id, kind: keptKind(flags & 3), low: observation.NoAltitude, high: observation.NoAltitude, until: civil.NoDate}
	switch r.kind {
	case keptAnew:
	case keptWithheld:
		r.reason = uint32(c.uint())
	case keptShown:
		r.precision, r.validated = observation.Precision(flags>>6), flags&keptValidated != 0
		r.taxon, r.place, r.maker = uint32(c.uint()), uint32(c.uint()), uint32(c.uint())
		r.start = civil.Date(c.int())
		r.end = r.start
		if flags&keptEnd != 0 {
			r.end = civil.Date(int64(r.start) + c.int())
		}
		if flags&keptAltitude != 0 {
			r.low = int16(c.int())
			r.high = int16(int64(r.low) + c.int())
		}
	default:
		c.broken = true
	}
	if flags&keptUntil != 0 {
		r.until = civil.Date(c.int())
	}
	r.raw = from[:len(from)-len(c.b)]
}

// keptWriter writes the file beside the one in use.
type keptWriter struct {
	f     *os.File
	w     *bufio.Writer
	chunk []byte
	rows  int   // of the chunk
	prev  int64 // ID before, of the chunk
	total int
	last  int64
	size  int64
	err   error
}

// createKept begins a file for its owner's eyes only.
func createKept(path string) (*keptWriter, error) {
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) { // left by a kill, with whatever mode it had
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return &keptWriter{f: f, w: bufio.NewWriterSize(f, 1<<18)}, nil
}

func (w *keptWriter) id(id int64) {
	if w.rows == keptChunk {
		w.flush()
	}
	w.chunk = binary.AppendUvarint(w.chunk, uint64(id-w.prev))
	w.prev, w.last = id, id
	w.rows++
	w.total++
}

// put adds a row, after those of lower IDs.
func (w *keptWriter) put(r *keptRow) {
	w.id(r.id)
	w.chunk = r.pack(w.chunk)
}

// again adds a row as another file has it whose head has the same numbers.
func (w *keptWriter) again(r *keptRow) {
	w.id(r.id)
	w.chunk = append(w.chunk, r.raw...)
}

func (w *keptWriter) flush() {
	if w.rows == 0 {
		return
	}
	var head [keptChunkHead]byte
	binary.LittleEndian.PutUint32(head[0:], uint32(len(w.chunk)))
	binary.LittleEndian.PutUint32(head[4:], uint32(w.rows))
	binary.LittleEndian.PutUint32(head[8:], crc32.Checksum(w.chunk, castagnoli))
	w.write(head[:])
	w.write(w.chunk)
	w.chunk, w.rows, w.prev = w.chunk[:0], 0, 0
}

func (w *keptWriter) write(b []byte) {
	n, err := w.w.Write(b)
	w.size += int64(n)
	if w.err == nil {
		w.err = err
	}
}

// finish writes the head and closes the file.
func (w *keptWriter) finish(h *keptHead) error {
	w.flush()
	h.Form, h.Last, h.Rows = keptForm, w.last, w.total
	var head bytes.Buffer
	if err := gob.NewEncoder(&head).Encode(h); w.err == nil {
		w.err = err
	}
	tail := binary.LittleEndian.AppendUint64(nil, uint64(w.size))
	tail = binary.LittleEndian.AppendUint32(tail, crc32.Checksum(head.Bytes(), castagnoli))
	w.write(head.Bytes())
	w.write(tail)
	if w.err == nil {
		w.err = w.w.Flush()
	}
	if err := w.f.Close(); w.err == nil {
		w.err = err
	}
	return w.err
}

// abandon closes and removes the file.
func (w *keptWriter) abandon() {
	w.f.Close()
	os.Remove(w.f.Name())
}

// keptFile is a file open for reading.
type keptFile struct {
	keptHead
	f     *os.File
	end   int64 // of the chunks
	chunk []byte
}

// openKept opens a file and reads its head. An error means that there is none of use.
func openKept(path string) (k *keptFile, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	var tail [keptTail]byte
	if st.Size() < int64(len(tail)) {
		return nil, errKept
	}
	if _, err := f.ReadAt(tail[:], st.Size()-int64(len(tail))); err != nil {
		return nil, err
	}
	k = &keptFile{f: f, end: int64(binary.LittleEndian.Uint64(tail[:]))}
	if k.end < 0 || k.end > st.Size()-int64(len(tail)) {
		return nil, errKept
	}
	head := make([]byte, st.Size()-int64(len(tail))-k.end)
	if _, err := f.ReadAt(head, k.end); err != nil {
		return nil, err
	}
	if crc32.Checksum(head, castagnoli) != binary.LittleEndian.Uint32(tail[8:]) {
		return nil, errKept
	}
	if err := gob.NewDecoder(bytes.NewReader(head)).Decode(&k.keptHead); err != nil || k.Form != keptForm {
		return nil, errKept
	}
	return k, nil
}

func (k *keptFile) close() { k.f.Close() }

// each calls f with every row, in order; the row is reused. errKept when the file is not as it was
// written: rows of sound chunks were given before.
func (k *keptFile) each(f func(r *keptRow) error) error {
	var row keptRow
	rows, last := 0, int64(0)
	for at := int64(0); at < k.end; {
		body, n, err := k.read(at)
		if err != nil {
			return err
		}
		at += keptChunkHead + int64(len(body))
		c, id := keptCursor{b: body}, int64(0)
		for range n {
			id += int64(c.uint())
			row.id = id
			if row.unpack(&c); c.broken || id <= last || !k.sound(&row) {
				return errKept
			}
			last = id
			rows++
			if err := f(&row); err != nil {
				return err
			}
		}
		if len(c.b) > 0 {
			return errKept
		}
	}
	if rows != k.Rows || last != k.Last {
		return errKept
	}
	return nil
}

// read reads the chunk at a place.
func (k *keptFile) read(at int64) (body []byte, rows uint32, err error) {
	var head [keptChunkHead]byte
	if _, err := k.f.ReadAt(head[:], at); err != nil {
		return nil, 0, errKept
	}
	size := int64(binary.LittleEndian.Uint32(head[0:]))
	if size > k.end-at-keptChunkHead {
		return nil, 0, errKept
	}
	if int64(cap(k.chunk)) < size {
		k.chunk = make([]byte, size+size/2)
	}
	body = k.chunk[:size]
	if _, err := k.f.ReadAt(body, at+keptChunkHead); err != nil {
		return nil, 0, errKept
	}
	if crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(head[8:]) {
		return nil, 0, errKept
	}
	return body, binary.LittleEndian.Uint32(head[4:]), nil
}

// sound reports whether the numbers of a row are of the head.
func (k *keptFile) sound(r *keptRow) bool {
	switch r.kind {
	case keptShown:
		return int(r.taxon) < len(k.Taxa) && int(r.place) < len(k.Places) && int(r.maker) < len(k.Makers)
	case keptWithheld:
		return int(r.reason) < len(k.Reasons)
	}
	return true
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)
