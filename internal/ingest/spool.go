package ingest

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"slices"

	"garrigue/internal/fault"
)

const (
	// hashesInMemory is how many hashes are sorted in memory, 32 MB of them; beyond, they go to
	// files.
	hashesInMemory = 4 << 20
	spoolParts     = 64
	// mostRepeated bounds what a file may repeat: beyond, its identifiers identify nothing.
	mostRepeated = 8 << 20
)

// spool finds which of any number of hashes come twice or more, in bounded memory: what does
// not fit is cut by its first bits into files, each sorted by itself at the end.
type spool struct {
	limit  int
	hashes []uint64
	parts  []*bufio.Writer
	files  []*os.File
	n      int
}

func newSpool() *spool { return &spool{limit: hashesInMemory} }

func (s *spool) add(h uint64) error {
	s.n++
	if s.parts == nil {
		if len(s.hashes) < s.limit {
			s.hashes = append(s.hashes, h)
			return nil
		}
		if err := s.spill(); err != nil {
			return err
		}
	}
	return s.write(h)
}

func (s *spool) write(h uint64) error {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], h)
	_, err := s.parts[h>>58].Write(b[:])
	return diskFault(err)
}

func (s *spool) spill() error {
	for range spoolParts {
		f, err := os.CreateTemp("", "garrigue-survey-")
		if err != nil {
			return diskFault(err)
		}
		_ = os.Remove(f.Name()) // where the system allows it the file goes with the process
		s.files, s.parts = append(s.files, f), append(s.parts, bufio.NewWriterSize(f, 16<<10))
	}
	for _, h := range s.hashes {
		if err := s.write(h); err != nil {
			return err
		}
	}
	s.hashes = nil
	return nil
}

// repeated returns the hashes that came more than once, sorted.
func (s *spool) repeated() (out []uint64, err error) {
	if s.parts == nil {
		return appendRepeated(nil, s.hashes)
	}
	var part []uint64
	for i, f := range s.files {
		if err := s.parts[i].Flush(); err != nil {
			return nil, diskFault(err)
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return nil, diskFault(err)
		}
		part = part[:0]
		r := bufio.NewReaderSize(f, 64<<10)
		for {
			var b [8]byte
			if _, err := io.ReadFull(r, b[:]); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				return nil, diskFault(err)
			}
			part = append(part, binary.LittleEndian.Uint64(b[:]))
		}
		if out, err = appendRepeated(out, part); err != nil { // parts are in order
			return nil, err
		}
	}
	return out, nil
}

func appendRepeated(out, hashes []uint64) ([]uint64, error) {
	slices.Sort(hashes)
	for i := 1; i < len(hashes); i++ {
		if hashes[i] == hashes[i-1] && (len(out) == 0 || out[len(out)-1] != hashes[i]) {
			if len(out) == mostRepeated {
				return nil, fault.Say(fault.Invalid, "ingest.all_repeated", mostRepeated)
			}
			out = append(out, hashes[i])
		}
	}
	return out, nil
}

// close removes the files.
func (s *spool) close() {
	for _, f := range s.files {
		name := f.Name()
		f.Close()
		_ = os.Remove(name) // already gone where it could be
	}
	s.files = nil
}

func diskFault(err error) error {
	if err == nil {
		return nil
	}
	return fault.Say(fault.Unavailable, "ingest.spool").Because(err)
}

// within reports whether h is in a sorted list.
func within(sorted []uint64, h uint64) bool {
	_, ok := slices.BinarySearch(sorted, h)
	return ok
}
