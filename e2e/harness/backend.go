package harness

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Seen is one request that a backend got, or began to get.
type Seen struct {
	Conn   int // which connection, from 0
	Nth    int // which request of the connection, from 0
	Method string
	Target string
	Proto  string
	Fields Fields
	Body
	Framing string
	// Complete: the whole message has come. Err: why reading stopped otherwise.
	Complete bool
	Err      error
	// Faults are departures from the canonical form: what a careful gateway would never send.
	Faults []string
	Raw    []byte
	At     time.Time
}

// ID is the value of the field X-Id.
func (s *Seen) ID() string { return s.Fields.Get("X-Id") }

func (s *Seen) String() string {
	text := fmt.Sprintf("%s %s %s\n%s", s.Method, clip(s.Target), s.Proto, s.Fields.short())
	if s.Length > 0 || s.Framing != "" {
		text += fmt.Sprintf("body (%s, %d bytes): %q\n", s.Framing, s.Length, clip(string(s.Bytes)))
	}
	if !s.Complete {
		text += fmt.Sprintf("incomplete: %v\n", s.Err)
	}
	for _, fault := range s.Faults {
		text += "fault: " + fault + "\n"
	}
	if s.Method == "" {
		text += fmt.Sprintf("raw: %q\n", clip(string(s.Raw)))
	}
	return text
}

// Handler answers a request whose head has come. Whatever it leaves of the body is read before the next request.
type Handler func(x *Exchange)

// Backend is a TCP server that records every byte, parses strictly, and answers through its handler.
type Backend struct {
	Name    string
	Address string
	Port    int

	listener net.Listener
	mu       sync.Mutex
	handler  Handler
	seen     []*Seen
	conns    []*backendConn
	open     map[*backendConn]struct{}
	closed   bool
	changed  chan struct{}
}

type backendConn struct {
	conn     net.Conn
	number   int
	recorder *recorder
}

// NewBackend starts a backend on 127.0.0.1. A nil handler answers 200 with the name as body.
func NewBackend(t testing.TB, name string, handler Handler) *Backend {
	t.Helper()
	return NewBackendOn(t, name, "127.0.0.1", handler)
}

// NewBackendOn is NewBackend on another address, or with a port.
func NewBackendOn(t testing.TB, name, address string, handler Handler) *Backend {
	t.Helper()
	if _, _, err := net.SplitHostPort(address); err != nil {
		address = net.JoinHostPort(address, "0")
	}
	var listener net.Listener
	WaitFor(t, 5*time.Second, "a listener on "+address, func() (bool, string) {
		var err error
		listener, err = net.Listen("tcp", address)
		return err == nil, fmt.Sprint(err)
	})
	return ServeBackend(t, name, listener, handler)
}

// ServeBackend is NewBackend on a listener that is there, which becomes the backend's.
func ServeBackend(t testing.TB, name string, listener net.Listener, handler Handler) *Backend {
	t.Helper()
	at := listener.Addr().(*net.TCPAddr)
	b := &Backend{Name: name, Address: at.IP.String(), Port: at.Port, listener: listener, handler: handler,
		open: map[*backendConn]struct{}{}, changed: make(chan struct{})}
	go b.accept()
	t.Cleanup(b.Close)
	return b
}

// Service is the Service and EndpointSlice of this backend.
func (b *Backend) Service() string { return ServiceDoc(b.Name, b.Port, b.Address) }

// Handle replaces the handler for the requests to come.
func (b *Backend) Handle(handler Handler) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.handler = handler
}

// Close stops the backend and its connections.
func (b *Backend) Close() {
	b.listener.Close()
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.CloseConns()
}

// CloseConns closes every open connection.
func (b *Backend) CloseConns() {
	b.mu.Lock()
	var open []net.Conn
	for c := range b.open {
		open = append(open, c.conn)
	}
	b.mu.Unlock()
	for _, conn := range open {
		conn.Close()
	}
}

// Conns is how many connections have been accepted, and how many are open.
func (b *Backend) Conns() (accepted, open int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.conns), len(b.open)
}

// Count is the number of requests so far, begun ones included.
func (b *Backend) Count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.seen)
}

// Seen is a copy of the requests from number n on.
func (b *Backend) Seen(n int) []Seen {
	b.mu.Lock()
	defer b.mu.Unlock()
	var copies []Seen
	for _, seen := range b.seen[min(n, len(b.seen)):] {
		copies = append(copies, *seen)
	}
	return copies
}

// Forget drops the records so far (counts start again at 0).
func (b *Backend) Forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seen = nil
}

// WaitSeen waits until the backend has n requests or more from number `from` on that `want` accepts (nil: complete ones).
func (b *Backend) WaitSeen(t testing.TB, from, n int, want func(*Seen) bool) []Seen {
	t.Helper()
	if want == nil {
		want = func(s *Seen) bool { return s.Complete }
	}
	var found []Seen
	WaitFor(t, 10*time.Second, fmt.Sprintf("%d requests at backend %s", n, b.Name), func() (bool, string) {
		found = nil
		all := b.Seen(from)
		for _, seen := range all {
			if want(&seen) {
				found = append(found, seen)
			}
		}
		return len(found) >= n, fmt.Sprintf("%d of %d: %v", len(found), len(all), all)
	})
	return found
}

func (b *Backend) accept() {
	for {
		conn, err := b.listener.Accept()
		if err != nil {
			return
		}
		b.mu.Lock()
		c := &backendConn{conn: conn, number: len(b.conns), recorder: newRecorder(conn)}
		b.conns = append(b.conns, c)
		b.open[c] = struct{}{}
		closed := b.closed
		b.mu.Unlock()
		if closed {
			conn.Close()
		}
		go b.serve(c)
	}
}

func (b *Backend) serve(c *backendConn) {
	defer func() {
		c.conn.Close()
		b.mu.Lock()
		delete(b.open, c)
		b.mu.Unlock()
	}()
	for n := 0; ; n++ {
		c.recorder.mark()
		if _, err := c.recorder.buffered.Peek(1); err != nil {
			return
		}
		x := &Exchange{Seen: &Seen{Conn: c.number, Nth: n, At: time.Now()}, Conn: c.conn, backend: b, reader: c.recorder}
		b.mu.Lock()
		b.seen = append(b.seen, x.Seen)
		handler := b.handler
		b.mu.Unlock()
		if err := x.readHead(); err != nil {
			x.finish(err)
			if IsWireError(err) {
				x.WriteText("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			}
			return
		}
		if handler == nil {
			handler = Plain(b.Name)
		}
		handler(x)
		if x.over {
			if !x.done {
				x.finish(errEnd)
			}
			return
		}
		if x.ReadBody() != nil {
			return
		}
	}
}

// IsWireError says whether err is a fault of the bytes, not of the connection.
func IsWireError(err error) bool {
	_, ok := err.(*WireError)
	return ok
}

// Exchange is a request at a backend and the means to answer it.
type Exchange struct {
	*Seen
	Conn net.Conn

	backend *Backend
	reader  *recorder
	length  int64
	done    bool
	bodyErr error
	over    bool
}

func (x *Exchange) readHead() error {
	line, err := x.reader.line(lineLimit)
	if err != nil {
		return err
	}
	parts := strings.Split(line, " ")
	if len(parts) != 3 || !isToken(parts[0]) || parts[1] == "" || parts[2] != "HTTP/1.1" && parts[2] != "HTTP/1.0" {
		return fault("no request line: %q", clip(line))
	}
	fields, err := x.reader.fields()
	if err != nil {
		return err
	}
	kind, length, err := framing(fields)
	x.backend.mu.Lock()
	x.Method, x.Target, x.Proto, x.Fields, x.Framing = parts[0], parts[1], parts[2], fields, kind
	x.length = length
	x.Faults = canonicalFaults(x.Seen)
	x.backend.mu.Unlock()
	return err
}

// ReadBody reads the rest of the request, once.
func (x *Exchange) ReadBody() error { return x.ReadBodyEach(nil) }

// ReadBodyEach is ReadBody that shows each part as it comes.
func (x *Exchange) ReadBodyEach(each func([]byte)) error {
	if x.done {
		return x.bodyErr
	}
	var err error
	body := &Body{}
	show := func(part []byte) {
		x.backend.mu.Lock()
		x.Body = *body
		x.backend.mu.Unlock()
		if each != nil {
			each(part)
		}
	}
	switch x.Framing {
	case "chunked":
		err = x.reader.chunked(body, show)
	case "length":
		err = x.reader.exactly(x.length, body, show)
	}
	x.backend.mu.Lock()
	x.Body = *body
	if len(body.Trailers) > 0 {
		x.Faults = append(x.Faults, fmt.Sprintf("trailers: %v", body.Trailers))
	}
	x.backend.mu.Unlock()
	x.finish(err)
	return err
}

func (x *Exchange) finish(err error) {
	raw := x.reader.raw()
	x.backend.mu.Lock()
	defer x.backend.mu.Unlock()
	x.done, x.bodyErr = true, err
	x.Complete = err == nil
	x.Err = err
	x.Raw = raw
}

// Write sends bytes as they are.
func (x *Exchange) Write(bytes []byte) error {
	_, err := x.Conn.Write(bytes)
	return err
}

// WriteText is Write for a text.
func (x *Exchange) WriteText(text string) error { return x.Write([]byte(text)) }

// Reply sends a plain answer with Content-Length.
func (x *Exchange) Reply(status int, fields Fields, body string) error {
	var text strings.Builder
	fmt.Fprintf(&text, "HTTP/1.1 %d Status\r\n", status)
	for _, field := range fields {
		fmt.Fprintf(&text, "%s: %s\r\n", field.Name, field.Value)
	}
	if status >= 200 && status != 204 {
		fmt.Fprintf(&text, "Content-Length: %s\r\n", strconv.Itoa(len(body)))
	}
	text.WriteString("\r\n")
	if x.Method != "HEAD" && status != 204 && status != 304 {
		text.WriteString(body)
	}
	return x.WriteText(text.String())
}

// Continue sends 100 Continue if the request expects it.
func (x *Exchange) Continue() {
	if strings.EqualFold(x.Fields.Get("Expect"), "100-continue") {
		_ = x.WriteText("HTTP/1.1 100 Continue\r\n\r\n")
	}
}

// Close ends the connection when the handler returns.
func (x *Exchange) Close() {
	x.over = true
	x.Conn.Close()
}

// CloseWrite ends our direction; the connection ends when the handler returns.
func (x *Exchange) CloseWrite() {
	x.over = true
	_ = x.Conn.(*net.TCPConn).CloseWrite()
}

// Abort resets the connection.
func (x *Exchange) Abort() {
	x.over = true
	_ = x.Conn.(*net.TCPConn).SetLinger(0)
	x.Conn.Close()
}

// Gone waits until the gateway has closed this connection; bytes that come before that are returned.
func (x *Exchange) Gone(limit time.Duration) (rest []byte, closed bool) {
	client := &Client{Conn: x.Conn, reader: x.reader}
	return client.WaitClosed(limit)
}

// Pending says whether a byte has come, or comes before the read deadline of Conn; it isn't consumed.
func (x *Exchange) Pending() bool {
	_, err := x.reader.buffered.Peek(1)
	return err == nil
}

// ReadSome reads what has come of the raw stream.
func (x *Exchange) ReadSome(p []byte) (int, error) { return x.reader.Read(p) }

// TakeOver says that the handler has dealt with the connection to its end.
func (x *Exchange) TakeOver() { x.over = true }

// Plain is the well-behaved answer: 100 if it is expected, the whole request read, 200, text/plain, this body.
func Plain(body string) Handler {
	return func(x *Exchange) {
		x.Continue()
		if x.ReadBody() == nil {
			_ = x.Reply(200, Fields{{"Content-Type", "text/plain"}}, body)
		}
	}
}

// EchoID answers 200 with the value of X-Id, so that every answer shows whose it is.
func EchoID(x *Exchange) {
	x.Continue()
	if x.ReadBody() == nil {
		_ = x.Reply(200, Fields{{"X-Echo", x.ID()}}, "id="+x.ID())
	}
}
