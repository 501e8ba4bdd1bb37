package vault

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"garrigue/internal/fault"
)

const (
	// copyBlock is how many bytes of rows are sent in one COPY.
	copyBlock = 1 << 20
	// queueLength and queueBytes are how many statements are sent together, and their values.
	queueLength = 256
	queueBytes  = 1 << 20
)

// postgresSession is a write transaction on one connection, in PostgreSQL's binary format.
// Runs of prepared statements and loaded rows wait here and are sent together, the rows first,
// before anything that could look for them.
type postgresSession struct {
	ctx     context.Context // of Begin: the transaction ends with it
	conn    *pgconn.PgConn
	stmts   map[string]*postgresStatement
	loaders []*postgresLoader
	queue   *pgconn.Batch
	queued  int
	bytes   int
	fresh   *freshness // nil with a single server
}

// postgresStatement is a prepared statement and the parameters bound to it.
type postgresStatement struct {
	desc    *pgconn.StatementDescription
	values  [][]byte
	formats []int16
	scratch [][8]byte
	wrong   error // of the first parameter that could not be bound
}

func (s *postgresSession) statement(text string) (*postgresStatement, error) {
	if p := s.stmts[text]; p != nil {
		return p, nil
	}
	if err := s.flush(); err != nil { // Prepare waits for its answer
		return nil, err
	}
	desc, err := s.conn.Prepare(s.ctx, "s"+strconv.Itoa(len(s.stmts)), text, nil)
	if err != nil {
		return nil, lost(err)
	}
	n := len(desc.ParamOIDs)
	p := &postgresStatement{desc: desc, values: make([][]byte, n), formats: make([]int16, n), scratch: make([][8]byte, n)}
	s.stmts[text] = p
	return p, nil
}

func (s *postgresSession) prepare(text string) (*prepared, error) {
	p, err := s.statement(text)
	if err != nil {
		return nil, err
	}
	return &prepared{binder: p, step: func() error {
		if p.wrong != nil {
			return p.fail()
		}
		s.queue.ExecPrepared(p.desc.Name, p.values, p.formats, nil)
		for _, v := range p.values {
			s.bytes += len(v)
		}
		if s.queued++; s.queued >= queueLength || s.bytes >= queueBytes {
			return s.flush()
		}
		return nil
	}}, nil
}

// flush sends what waits, and reports the first error of it.
func (s *postgresSession) flush() error {
	if err := s.load(); err != nil || s.queued == 0 {
		return err
	}
	batch, _ := s.take()
	return lost(s.conn.ExecBatch(s.ctx, batch).Close())
}

// load sends the rows that wait.
func (s *postgresSession) load() error {
	for _, l := range s.loaders {
		if err := l.flush(); err != nil {
			return err
		}
	}
	return nil
}

// take empties the queue and returns what was in it.
func (s *postgresSession) take() (batch *pgconn.Batch, n int) {
	batch, n = s.queue, s.queued
	s.queue, s.queued, s.bytes = &pgconn.Batch{}, 0, 0
	return batch, n
}

func (s *postgresSession) exec(text string, args []any) (int, error) {
	r, err := s.start(text, args, nil)
	if err != nil {
		return 0, err
	}
	tag, err := r.Close()
	return int(tag.RowsAffected()), lost(err)
}

// answer is the answer to a statement, perhaps the last of several sent together.
type answer struct {
	*pgconn.ResultReader
	batch *pgconn.MultiResultReader // nil when it was sent alone
}

// Close reads the rest.
func (a answer) Close() (pgconn.CommandTag, error) {
	tag, err := a.ResultReader.Close()
	if a.batch != nil {
		if berr := a.batch.Close(); err == nil {
			err = berr
		}
	}
	return tag, err
}

// start sends a statement together with everything that waits, after it.
func (s *postgresSession) start(text string, args []any, formats []int16) (a answer, err error) {
	p, err := s.statement(text)
	if err != nil {
		return a, err
	}
	if len(args) != len(p.values) {
		return a, fmt.Errorf("%d arguments for %d parameters", len(args), len(p.values))
	}
	if err := bindAll(p, args); err != nil {
		return a, err
	}
	if p.wrong != nil {
		return a, p.fail()
	}
	if err := s.load(); err != nil {
		return a, err
	}
	if s.queued == 0 {
		return answer{ResultReader: s.conn.ExecPrepared(s.ctx, p.desc.Name, p.values, p.formats, formats)}, nil
	}
	batch, n := s.take()
	batch.ExecPrepared(p.desc.Name, p.values, p.formats, formats)
	a.batch = s.conn.ExecBatch(s.ctx, batch)
	for range n + 1 {
		if !a.batch.NextResult() { // one of those that waited had failed
			return a, lost(cmp.Or(a.batch.Close(), io.ErrUnexpectedEOF))
		}
	}
	a.ResultReader = a.batch.ResultReader()
	return a, nil
}

func (s *postgresSession) rows(text string, args []any, scan func(r row) error) error {
	r, err := s.start(text, args, []int16{1})
	if err != nil {
		return err
	}
	if err := eachPostgres(r.ResultReader, scan); err != nil {
		r.Close() // reads the rest: the transaction goes on
		return err
	}
	_, err = r.Close()
	return lost(err)
}

func (s *postgresSession) end(commit bool) error {
	ctx := s.ctx
	if !commit {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		defer s.conn.Close(ctx)
		if s.conn.IsClosed() {
			return nil // the server has rolled it back
		}
		_, err := s.conn.ExecParams(ctx, "ROLLBACK", nil, nil, nil, nil).Close()
		return lost(err)
	}
	if err := s.flush(); err != nil {
		return err
	}
	tag, err := s.conn.ExecParams(ctx, "COMMIT", nil, nil, nil, nil).Close()
	if err != nil {
		return lost(err)
	}
	if tag.String() != "COMMIT" { // how the server answers when a statement had failed
		return errors.New("the transaction was rolled back: a statement had failed")
	}
	s.fresh.written(ctx, s.conn)
	s.conn.Close(context.WithoutCancel(ctx)) // it is committed: a failure to close takes nothing back
	return nil
}

func (p *postgresStatement) fail() error {
	err := p.wrong
	p.wrong = nil
	return err
}

func (p *postgresStatement) bind(n int, v []byte, format int16) {
	p.values[n-1], p.formats[n-1] = v, format
}

// BindInt64 binds a number, in the width its parameter has.
func (p *postgresStatement) BindInt64(n int, v int64) {
	oid := p.desc.ParamOIDs[n-1]
	if b, err := appendInteger(p.scratch[n-1][:0], oid, v); b != nil || err != nil {
		p.wrong = errors.Join(p.wrong, err)
		p.bind(n, b, 1)
		return
	}
	p.bind(n, strconv.AppendInt(nil, v, 10), 0)
}

// BindFloat binds a number.
func (p *postgresStatement) BindFloat(n int, v float64) {
	if p.desc.ParamOIDs[n-1] == pgtype.Float8OID {
		p.bind(n, binary.BigEndian.AppendUint64(p.scratch[n-1][:0], math.Float64bits(v)), 1)
		return
	}
	p.bind(n, strconv.AppendFloat(nil, v, 'g', -1, 64), 0)
}

// BindText binds a text; the server reads it as the type its parameter has.
func (p *postgresStatement) BindText(n int, v string) {
	p.bind(n, []byte(storable(v)), 0)
}

// BindBytes binds bytes. They must not change before the statement is run.
func (p *postgresStatement) BindBytes(n int, v []byte) {
	if v == nil {
		v = []byte{}
	}
	p.bind(n, v, 1)
}

// BindNull binds NULL.
func (p *postgresStatement) BindNull(n int) { p.bind(n, nil, 0) }

// appendInteger appends a number in the binary form of a type; nil when it is no integer type.
func appendInteger(b []byte, oid uint32, v int64) ([]byte, error) {
	switch oid {
	case pgtype.Int8OID:
		return binary.BigEndian.AppendUint64(b, uint64(v)), nil
	case pgtype.Int4OID:
		if v != int64(int32(v)) {
			return nil, fault.Say(fault.Invalid, "vault.refused")
		}
		return binary.BigEndian.AppendUint32(b, uint32(v)), nil
	case pgtype.Int2OID:
		if v != int64(int16(v)) {
			return nil, fault.Say(fault.Invalid, "vault.refused")
		}
		return binary.BigEndian.AppendUint16(b, uint16(v)), nil
	}
	return nil, nil
}

// storable is a text without what no text of PostgreSQL can hold, NUL and bytes that are not
// UTF-8: each becomes U+FFFD, as where files are read, and the row is not lost.
func storable(v string) string {
	if strings.IndexByte(v, 0) < 0 && utf8.ValidString(v) {
		return v
	}
	return strings.ReplaceAll(strings.ToValidUTF8(v, "\uFFFD"), "\x00", "\uFFFD")
}

// postgresLoader writes rows in the form of COPY, which takes a third of the time of inserts.
type postgresLoader struct {
	s     *postgresSession
	text  string // COPY …
	types []uint32
	buf   []byte
	begun int // where the row under way begins, 0 between rows
	next  int // its next column
	wrong error
}

func (s *postgresSession) loader(table, columns string) (*prepared, error) {
	if err := s.flush(); err != nil {
		return nil, err
	}
	desc, err := s.conn.Prepare(s.ctx, "load_"+table, `SELECT `+columns+` FROM `+table, nil)
	if err != nil {
		return nil, lost(err)
	}
	l := &postgresLoader{s: s, text: `COPY ` + table + ` (` + columns + `) FROM STDIN (FORMAT binary)`}
	for _, f := range desc.Fields {
		l.types = append(l.types, f.DataTypeOID)
	}
	s.loaders = append(s.loaders, l)
	return &prepared{binder: l, step: l.step}, nil
}

// copyHeader is the signature of the format, its flags and the length of no extension:
// https://www.postgresql.org/docs/15/sql-copy.html, "Binary Format".
const copyHeader = "PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00"

// column begins a value; columns are bound in order.
func (l *postgresLoader) column(n int) {
	if l.begun == 0 {
		if len(l.buf) == 0 {
			l.buf = append(l.buf, copyHeader...)
		}
		l.begun, l.next = len(l.buf), 0
		l.buf = binary.BigEndian.AppendUint16(l.buf, uint16(len(l.types)))
	}
	if l.next++; l.next != n && l.wrong == nil {
		l.wrong = fmt.Errorf("column %d bound as number %d", l.next, n)
	}
}

func (l *postgresLoader) value(n int, v []byte) {
	l.column(n)
	l.buf = binary.BigEndian.AppendUint32(l.buf, uint32(len(v)))
	l.buf = append(l.buf, v...)
}

// BindInt64 adds a number.
func (l *postgresLoader) BindInt64(n int, v int64) {
	var scratch [8]byte
	b, err := appendInteger(scratch[:0], l.types[n-1], v)
	if b == nil && err == nil {
		err = fmt.Errorf("column %d is no integer", n)
	}
	if err != nil && l.wrong == nil {
		l.wrong = err
	}
	l.value(n, b)
}

// BindFloat adds a number.
func (l *postgresLoader) BindFloat(n int, v float64) {
	if l.types[n-1] != pgtype.Float8OID && l.wrong == nil {
		l.wrong = fmt.Errorf("column %d is no double precision", n)
	}
	l.column(n)
	l.buf = binary.BigEndian.AppendUint32(l.buf, 8)
	l.buf = binary.BigEndian.AppendUint64(l.buf, math.Float64bits(v))
}

// BindText adds a text.
func (l *postgresLoader) BindText(n int, v string) {
	v = storable(v)
	l.column(n)
	l.buf = binary.BigEndian.AppendUint32(l.buf, uint32(len(v)))
	l.buf = append(l.buf, v...)
}

// BindBytes adds bytes.
func (l *postgresLoader) BindBytes(n int, v []byte) { l.value(n, v) }

// BindNull adds NULL.
func (l *postgresLoader) BindNull(n int) {
	l.column(n)
	l.buf = append(l.buf, 0xff, 0xff, 0xff, 0xff)
}

// step ends the row; one that cannot be stored is left out.
func (l *postgresLoader) step() error {
	if l.wrong == nil && l.next != len(l.types) {
		l.wrong = fmt.Errorf("%d columns bound of %d", l.next, len(l.types))
	}
	if err := l.wrong; err != nil {
		l.buf, l.begun, l.wrong = l.buf[:l.begun], 0, nil
		return err
	}
	l.begun = 0
	if len(l.buf) >= copyBlock {
		return l.s.flush()
	}
	return nil
}

func (l *postgresLoader) flush() error {
	if len(l.buf) <= len(copyHeader) || l.begun != 0 {
		return nil
	}
	l.buf = append(l.buf, 0xff, 0xff) // the trailer
	_, err := l.s.conn.CopyFrom(l.s.ctx, bytes.NewReader(l.buf), l.text)
	l.buf = l.buf[:0]
	return lost(err)
}

// eachPostgres calls each with the rows of a result in binary format.
func eachPostgres(r *pgconn.ResultReader, each func(s row) error) error {
	var p postgresRow
	for r.NextRow() {
		if p.fields == nil {
			p.fields = r.FieldDescriptions()
		}
		p.values = r.Values()
		if err := each(&p); err != nil {
			return err
		}
	}
	return nil
}

// postgresRow is the current row of a result, in binary format.
type postgresRow struct {
	fields []pgconn.FieldDescription
	values [][]byte
}

// ColumnInt64 reads a number.
func (r *postgresRow) ColumnInt64(i int) int64 {
	v := r.values[i]
	switch r.fields[i].DataTypeOID {
	case pgtype.Float4OID, pgtype.Float8OID, pgtype.NumericOID:
		return int64(r.ColumnFloat(i))
	case pgtype.TextOID, pgtype.VarcharOID, pgtype.UnknownOID:
		n, err := strconv.ParseInt(string(v), 10, 64)
		if err != nil {
			return 0
		}
		return n
	}
	switch len(v) {
	case 8:
		return int64(binary.BigEndian.Uint64(v))
	case 4:
		return int64(int32(binary.BigEndian.Uint32(v)))
	case 2:
		return int64(int16(binary.BigEndian.Uint16(v)))
	case 1: // a boolean
		return int64(v[0])
	}
	return 0
}

// ColumnFloat reads a number.
func (r *postgresRow) ColumnFloat(i int) float64 {
	v := r.values[i]
	switch oid := r.fields[i].DataTypeOID; {
	case v == nil:
		return 0
	case oid == pgtype.Float8OID:
		return math.Float64frombits(binary.BigEndian.Uint64(v))
	case oid == pgtype.Float4OID:
		return float64(math.Float32frombits(binary.BigEndian.Uint32(v)))
	case oid == pgtype.NumericOID: // what SUM makes of BIGINT
		var n pgtype.Numeric
		if err := pgtype.NewMap().Scan(oid, pgtype.BinaryFormatCode, v, &n); err != nil {
			return 0
		}
		f, err := n.Float64Value()
		if err != nil {
			return 0
		}
		return f.Float64
	}
	return float64(r.ColumnInt64(i))
}

// ColumnText reads a text.
func (r *postgresRow) ColumnText(i int) string { return string(r.values[i]) }

// ColumnBytes copies as much as fits.
func (r *postgresRow) ColumnBytes(i int, into []byte) int { return copy(into, r.values[i]) }

// ColumnLen is the number of bytes of a text or of bytes.
func (r *postgresRow) ColumnLen(i int) int { return len(r.values[i]) }

// ColumnType tells the storage class of a column.
func (r *postgresRow) ColumnType(i int) cell {
	if r.values[i] == nil {
		return nullCell
	}
	switch r.fields[i].DataTypeOID {
	case pgtype.Int8OID, pgtype.Int4OID, pgtype.Int2OID, pgtype.BoolOID:
		return integerCell
	case pgtype.Float8OID, pgtype.Float4OID, pgtype.NumericOID:
		return floatCell
	case pgtype.ByteaOID:
		return blobCell
	}
	return textCell
}
