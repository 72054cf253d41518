package harness

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// Field is one field line. Names keep their case.
type Field struct{ Name, Value string }

// Fields are field lines in order.
type Fields []Field

// Lines are the values of all lines of a name (without case), in order.
func (f Fields) Lines(name string) []string {
	var values []string
	for _, field := range f {
		if strings.EqualFold(field.Name, name) {
			values = append(values, field.Value)
		}
	}
	return values
}

// Get joins the lines of a name with ", ".
func (f Fields) Get(name string) string { return strings.Join(f.Lines(name), ", ") }

// Has says whether there is a line of that name.
func (f Fields) Has(name string) bool { return len(f.Lines(name)) > 0 }

// short is String with long values clipped.
func (f Fields) short() string {
	var text strings.Builder
	for _, field := range f {
		fmt.Fprintf(&text, "%s: %s\n", clip(field.Name), clip(field.Value))
	}
	return text.String()
}

func (f Fields) String() string {
	var text strings.Builder
	for _, field := range f {
		fmt.Fprintf(&text, "%s: %s\n", field.Name, field.Value)
	}
	return text.String()
}

// WireError is a fault of the bytes on the wire: what a strict reader refuses.
type WireError struct{ Text string }

func (e *WireError) Error() string { return e.Text }

func fault(format string, args ...any) error { return &WireError{fmt.Sprintf(format, args...)} }

// errEnd is the end of the stream in the middle of a message.
var errEnd = errors.New("the stream ended inside the message")

// IsEnd says whether reading stopped because the peer closed or reset the connection.
func IsEnd(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, errEnd) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// IsTimeout says whether err is a deadline that passed.
func IsTimeout(err error) bool {
	var timeout net.Error
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

// keepLimit is how much of each message is kept; the rest is counted only.
const keepLimit = 4 << 20

// recorder reads a connection and keeps the bytes that were consumed since the last mark.
type recorder struct {
	buffered *bufio.Reader
	mu       sync.Mutex
	kept     []byte
	total    int64
}

func newRecorder(from io.Reader) *recorder {
	return &recorder{buffered: bufio.NewReaderSize(from, 32<<10)}
}

func (r *recorder) keep(b []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.total += int64(len(b))
	if room := keepLimit - len(r.kept); room > 0 {
		r.kept = append(r.kept, b[:min(room, len(b))]...)
	}
}

func (r *recorder) mark() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kept = nil
}

// Raw is a copy of what was kept since the last mark.
func (r *recorder) raw() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return bytes.Clone(r.kept)
}

func (r *recorder) Read(p []byte) (int, error) {
	n, err := r.buffered.Read(p)
	r.keep(p[:n])
	return n, err
}

// line reads up to CRLF. A bare LF or CR is a fault.
func (r *recorder) line(limit int) (string, error) {
	var line []byte
	for {
		part, err := r.buffered.ReadSlice('\n')
		r.keep(part)
		line = append(line, part...)
		if len(line) > limit {
			return "", fault("a line of more than %d bytes", limit)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil {
			return string(line), err
		}
		break
	}
	if len(line) < 2 || line[len(line)-2] != '\r' {
		return "", fault("a bare LF ends %q", clip(string(line)))
	}
	line = line[:len(line)-2]
	if bytes.IndexByte(line, '\r') >= 0 {
		return "", fault("a bare CR in %q", clip(string(line)))
	}
	return string(line), nil
}

func clip(text string) string {
	if len(text) > 200 {
		return text[:200] + "…"
	}
	return text
}

// Clip shortens a text for messages.
func Clip(text string) string { return clip(text) }

const lineLimit = 1 << 20

func isToken(text string) bool {
	for i := 0; i < len(text); i++ {
		if !isTokenByte(text[i]) {
			return false
		}
	}
	return text != ""
}

func isTokenByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

// IsTokenByte says whether a byte may stand in a token.
func IsTokenByte(c byte) bool { return isTokenByte(c) }

// fields reads field lines up to the empty line, strictly.
func (r *recorder) fields() (Fields, error) {
	var fields Fields
	for {
		line, err := r.line(lineLimit)
		if err != nil {
			return fields, err
		}
		if line == "" {
			return fields, nil
		}
		name, value, found := strings.Cut(line, ":")
		if !found || !isToken(name) {
			return fields, fault("no field line: %q", clip(line))
		}
		value = strings.Trim(value, " \t")
		for i := 0; i < len(value); i++ {
			if value[i] < 0x20 && value[i] != '\t' || value[i] == 0x7f {
				return fields, fault("byte 0x%02x in the value of %s", value[i], name)
			}
		}
		fields = append(fields, Field{name, value})
		if len(fields) > 5000 {
			return fields, fault("more than 5000 field lines")
		}
	}
}

// framing derives the body's framing from fields; length is -1 unless it is by Content-Length.
func framing(fields Fields) (kind string, length int64, err error) {
	codings, lengths := fields.Lines("Transfer-Encoding"), fields.Lines("Content-Length")
	if len(codings) > 0 {
		if len(codings) != 1 || !strings.EqualFold(codings[0], "chunked") {
			return "", -1, fault("Transfer-Encoding: %q", codings)
		}
		if len(lengths) > 0 {
			return "", -1, fault("both Transfer-Encoding and Content-Length")
		}
		return "chunked", -1, nil
	}
	if len(lengths) == 0 {
		return "", -1, nil
	}
	length, err = strconv.ParseInt(lengths[0], 10, 62)
	if len(lengths) != 1 || err != nil || strconv.FormatInt(length, 10) != lengths[0] {
		return "", -1, fault("Content-Length: %q", lengths)
	}
	return "length", length, nil
}

// Body is what was read of a message's body.
type Body struct {
	Bytes    []byte
	Length   int64
	Trailers Fields
	Chunks   int
}

func (b *Body) add(part []byte) {
	b.Length += int64(len(part))
	if room := keepLimit - len(b.Bytes); room > 0 {
		b.Bytes = append(b.Bytes, part[:min(room, len(part))]...)
	}
}

func (r *recorder) exactly(n int64, body *Body, each func([]byte)) error {
	buffer := make([]byte, 32<<10)
	for n > 0 {
		got, err := r.Read(buffer[:min(n, int64(len(buffer)))])
		n -= int64(got)
		body.add(buffer[:got])
		if each != nil && got > 0 {
			each(buffer[:got])
		}
		if err != nil && n > 0 {
			return err
		}
	}
	return nil
}

// chunked reads a chunked body strictly: no extensions are allowed to stand.
func (r *recorder) chunked(body *Body, each func([]byte)) error {
	for {
		line, err := r.line(lineLimit)
		if err != nil {
			return err
		}
		size, err := strconv.ParseUint(line, 16, 62)
		if err != nil || line == "" || strings.ContainsAny(line, "+_-") || len(line) > 16 {
			return fault("chunk size line %q", clip(line))
		}
		if size == 0 {
			body.Trailers, err = r.fields()
			return err
		}
		body.Chunks++
		if err := r.exactly(int64(size), body, each); err != nil {
			return err
		}
		end, err := r.line(2)
		if err != nil {
			return err
		}
		if end != "" {
			return fault("no line end after a chunk")
		}
	}
}
