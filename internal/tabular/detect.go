package tabular

import (
	"bytes"
	"math"
)

// separators are those looked for, the likeliest first where all else is equal.
const separators = "\t;,|"

// checkText refuses what is no text: NUL bytes, or many control characters, in the sample.
func (r *Reader) checkText() error {
	control := 0
	for _, c := range r.buf[:r.end] {
		if c == 0 {
			return r.say("tabular.binary")
		}
		if c < 0x20 && c != '\t' && c != '\n' && c != '\r' && c != '\f' && c != '\v' {
			control++
		}
	}
	if control > 8 && control > r.end/200 {
		return r.say("tabular.binary")
	}
	return nil
}

// lineEnd returns the byte that ends lines: LF (also of CR LF), or CR where it stands alone
// more often.
func lineEnd(b []byte) byte {
	lf, cr := bytes.Count(b, []byte{'\n'}), bytes.Count(b, []byte{'\r'})
	if cr-bytes.Count(b, []byte("\r\n")) > lf {
		return '\r'
	}
	return '\n'
}

func (r *Reader) skipLine() error {
	for {
		if i := bytes.IndexByte(r.buf[r.pos:r.end], r.eol); i >= 0 {
			r.pos += i + 1
			r.line++
			return nil
		}
		if r.eof {
			r.pos = r.end
			return nil
		}
		if !r.more() {
			return r.tooLong()
		}
	}
}

// findSeparator returns the separator that cuts the first record in several fields and the
// following ones in as many, most of the time; 0 when none cuts the first record.
func (r *Reader) findSeparator(sample []byte) byte {
	best, most := byte(0), 0.0
	for i := range len(separators) {
		r.sep = separators[i]
		n, fit, width := 0, 0, 0
		for at := 0; at < len(sample) && n < 200; {
			end, closed := r.scan(sample[at:], r.eof)
			if !closed {
				break
			}
			record := sample[at : at+end]
			at += end + 1
			if r.blank(record) {
				continue
			}
			c := r.columns(record)
			if n == 0 {
				width = c
			} else if c == width || c == width+1 { // one more: a separator at the end of rows
				fit++
			}
			n++
		}
		if width < 2 {
			continue
		}
		score := (float64(fit) + 0.5) / (float64(max(n-1, 0)) + 0.5) * math.Log(float64(width))
		if score > most {
			best, most = r.sep, score
		}
	}
	return best
}
