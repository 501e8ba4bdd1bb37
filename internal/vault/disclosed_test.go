package vault

import (
	"fmt"
	"testing"
	"time"

	"garrigue/internal/civil"
	"garrigue/internal/dataset"
	"garrigue/internal/disclosure"
	"garrigue/internal/geo"
	"garrigue/internal/observation"
	"garrigue/internal/taxon"
)

// BenchmarkDisclosed writes 200,000 blurred observations whole, reads them, and writes 5,000
// changes.
func BenchmarkDisclosed(b *testing.B) {
	eachEngine(b, func(b *testing.B, engine string) {
		db, _ := openAt(b, places(b, engine)())
		defer db.Close()
		for b.Loop() {
			storeDisclosed(b, db)
		}
	})
}

func storeDisclosed(b *testing.B, db *DB) {
	const rows = 200_000
	ctx := b.Context()
	put := func(step int) func(func(*Disclosed) error) error {
		return func(yield func(*Disclosed) error) error {
			for i := 0; i < rows; i += step {
				e, n := 300+10*(i%60), 6100+10*(i/60%60)
				month, _ := civil.Make(1990+i%36, 1+i%12, 1)
				d := Disclosed{Observation: int64(10 * i)}
				d.CdRef, d.Dataset, d.Organisation = taxon.CdRef(60000+i%700), dataset.ID(i%90), fmt.Sprint("Association ", i%90)
				d.When = observation.Period{Start: month, End: month + 27, Precision: observation.Month}
				d.Area, d.Reasons = geo.CellKey(geo.Cell10, e, n), disclosure.Sensitive
				d.Within = []geo.AreaKey{geo.AdminKey(geo.Department, fmt.Sprint(10+i%20)), geo.AdminKey(geo.Region, "76")}
				if err := yield(&d); err != nil {
					return err
				}
			}
			return nil
		}
	}
	store := func(what string, c DisclosedChange) {
		start := time.Now()
		if err := db.StoreDisclosed(ctx, c, func() error { return nil }); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(time.Since(start).Seconds(), what)
	}
	batch := &DisclosedBatch{Day: 20000, At: time.Now(), Reason: "first", Fingerprint: "f"}
	store("s-write", DisclosedChange{Batch: batch, Whole: true, Put: put(1)})
	start, n := time.Now(), 0
	if err := db.Disclosed(ctx, func(*Disclosed) error { n++; return nil }); err != nil || n != rows {
		b.Fatal(n, err)
	}
	b.ReportMetric(time.Since(start).Seconds(), "s-read")
	store("s-change", DisclosedChange{Batch: batch, Put: put(40)})
}
