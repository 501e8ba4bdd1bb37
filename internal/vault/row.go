package vault

// cell is the storage class of one column of a row.
type cell uint8

// The classes, which SQLite and PostgreSQL share.
const (
	nullCell cell = iota
	integerCell
	floatCell
	textCell
	blobCell
)

// row is the current row of a query, read by column number from 0. NULL reads as 0, "" or
// nothing. It is good until the next row.
type row interface {
	ColumnInt64(i int) int64
	ColumnFloat(i int) float64
	ColumnText(i int) string
	// ColumnBytes copies as much as fits and returns how much that is.
	ColumnBytes(i int, into []byte) int
	ColumnLen(i int) int
	ColumnType(i int) cell
}

// binder takes the parameters of a statement, by number from 1.
type binder interface {
	BindInt64(n int, v int64)
	BindFloat(n int, v float64)
	BindText(n int, v string)
	BindBytes(n int, v []byte)
	BindNull(n int)
}
