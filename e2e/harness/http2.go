package harness

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// H2 is one raw HTTP/2 connection: it sends the frames it is told to, legal or not, and keeps what comes.
type H2 struct {
	Conn net.Conn
	// Framer writes. It isn't for use by several goroutines at once without Lock.
	Framer *http2.Framer

	writing sync.Mutex
	block   bytes.Buffer
	encoder *hpack.Encoder
	nextID  uint32

	mu       sync.Mutex
	changed  chan struct{}
	streams  map[uint32]*H2Stream
	settings map[http2.SettingID]uint32
	goAways  []H2GoAway
	pings    int
	acks     int
	frames   int
	credits  map[uint32]int64
	err      error
	// noWindow: received DATA isn't credited back.
	noWindow bool
}

// H2GoAway is a GOAWAY that came.
type H2GoAway struct {
	LastStream uint32
	Code       http2.ErrCode
	Debug      string
}

// H2Stream is what has come on a stream.
type H2Stream struct {
	ID       uint32
	Status   int
	Fields   Fields
	Interim  []int
	Trailers Fields
	Body     []byte
	Length   int64
	Ended    bool
	Reset    bool
	Code     http2.ErrCode
}

func (s *H2Stream) String() string {
	text := fmt.Sprintf("stream %d: %d\n%sbody: %q", s.ID, s.Status, s.Fields.short(), clip(string(s.Body)))
	if s.Reset {
		text += fmt.Sprintf("\nreset: %v", s.Code)
	}
	if !s.Ended {
		text += "\nnot ended"
	}
	return text
}

// H2Options change the opening of a connection.
type H2Options struct {
	Settings []http2.Setting
	// NoWindow: received DATA isn't credited back by itself.
	NoWindow bool
	// ReadBuffer, if set, is the size of the socket's receive buffer.
	ReadBuffer int
}

// DialH2 opens a connection: over TLS with ALPN h2 when serverName is set, else with prior knowledge.
func DialH2(address, serverName string, options H2Options) (*H2, error) {
	conn, err := net.DialTimeout("tcp", address, Scale(5*time.Second))
	if err != nil {
		return nil, err
	}
	if options.ReadBuffer > 0 {
		_ = conn.(*net.TCPConn).SetReadBuffer(options.ReadBuffer)
	}
	return NewH2(conn, serverName, options)
}

// NewH2 is DialH2 on a connection that is there; one that fails is closed.
func NewH2(conn net.Conn, serverName string, options H2Options) (*H2, error) {
	if serverName != "" {
		secure := tls.Client(conn, &tls.Config{ServerName: serverName, InsecureSkipVerify: true, NextProtos: []string{"h2"}})
		_ = secure.SetDeadline(time.Now().Add(Scale(handshakeLimit)))
		if err := secure.Handshake(); err != nil {
			conn.Close()
			return nil, fmt.Errorf("TLS handshake: %w", err)
		}
		_ = secure.SetDeadline(time.Time{})
		if got := secure.ConnectionState().NegotiatedProtocol; got != "h2" {
			conn.Close()
			return nil, fmt.Errorf("ALPN chose %q", got)
		}
		conn = secure
	}
	c := &H2{Conn: conn, nextID: 1, changed: make(chan struct{}), streams: map[uint32]*H2Stream{}, settings: map[http2.SettingID]uint32{}, credits: map[uint32]int64{}, noWindow: options.NoWindow}
	c.Framer = http2.NewFramer(conn, conn)
	c.Framer.AllowIllegalWrites = true
	c.Framer.SetMaxReadFrameSize(1<<24 - 1)
	c.Framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	c.encoder = hpack.NewEncoder(&c.block)
	_ = conn.SetWriteDeadline(time.Now().Add(Scale(10 * time.Second)))
	if _, err := conn.Write([]byte(http2.ClientPreface)); err != nil {
		conn.Close()
		return nil, err
	}
	if err := c.Framer.WriteSettings(options.Settings...); err != nil {
		conn.Close()
		return nil, err
	}
	go c.read()
	return c, nil
}

// Close closes the connection.
func (c *H2) Close() { c.Conn.Close() }

func (c *H2) read() {
	for {
		frame, err := c.Framer.ReadFrame()
		var stream http2.StreamError
		if err != nil && !errors.As(err, &stream) {
			c.update(func() { c.err = err })
			return
		}
		c.handle(frame)
	}
}

func (c *H2) update(change func()) {
	c.mu.Lock()
	change()
	close(c.changed)
	c.changed = make(chan struct{})
	c.mu.Unlock()
}

func (c *H2) handle(frame http2.Frame) {
	var credit uint32
	var creditStream uint32
	ack := false
	var pong *[8]byte
	c.update(func() {
		c.frames++
		switch f := frame.(type) {
		case *http2.SettingsFrame:
			if f.IsAck() {
				c.acks++
				return
			}
			_ = f.ForeachSetting(func(s http2.Setting) error { c.settings[s.ID] = s.Val; return nil })
			ack = true
		case *http2.PingFrame:
			if f.IsAck() {
				c.pings++
			} else {
				data := f.Data
				pong = &data
			}
		case *http2.GoAwayFrame:
			c.goAways = append(c.goAways, H2GoAway{f.LastStreamID, f.ErrCode, string(f.DebugData())})
		case *http2.WindowUpdateFrame:
			c.credits[f.StreamID] += int64(f.Increment)
		case *http2.RSTStreamFrame:
			s := c.stream(f.StreamID)
			s.Reset, s.Code = true, f.ErrCode
		case *http2.MetaHeadersFrame:
			s := c.stream(f.StreamID)
			s.headers(f)
		case *http2.DataFrame:
			s := c.stream(f.StreamID)
			s.Length += int64(len(f.Data()))
			if room := keepLimit - len(s.Body); room > 0 {
				s.Body = append(s.Body, f.Data()[:min(room, len(f.Data()))]...)
			}
			s.Ended = s.Ended || f.StreamEnded()
			if !c.noWindow {
				credit = f.Length
				if !s.Ended {
					creditStream = f.StreamID
				}
			}
		}
	})
	if !ack && pong == nil && credit == 0 {
		return
	}
	c.Lock()
	defer c.Unlock()
	if ack {
		_ = c.Framer.WriteSettingsAck()
	}
	if pong != nil {
		_ = c.Framer.WritePing(true, *pong)
	}
	if credit > 0 {
		_ = c.Framer.WriteWindowUpdate(0, credit)
		if creditStream != 0 {
			_ = c.Framer.WriteWindowUpdate(creditStream, credit)
		}
	}
}

func (s *H2Stream) headers(f *http2.MetaHeadersFrame) {
	fields := Fields{}
	status := 0
	for _, field := range f.Fields {
		if field.Name == ":status" {
			status, _ = strconv.Atoi(field.Value)
		} else {
			fields = append(fields, Field{field.Name, field.Value})
		}
	}
	switch {
	case status >= 100 && status < 200:
		s.Interim = append(s.Interim, status)
	case s.Status == 0:
		s.Status, s.Fields = status, fields
	default:
		s.Trailers = fields
	}
	s.Ended = s.Ended || f.StreamEnded()
}

func (c *H2) stream(id uint32) *H2Stream {
	s := c.streams[id]
	if s == nil {
		s = &H2Stream{ID: id}
		c.streams[id] = s
	}
	return s
}

// Lock takes the writing side; use it around the Framer.
func (c *H2) Lock() {
	c.writing.Lock()
	_ = c.Conn.SetWriteDeadline(time.Now().Add(Scale(10 * time.Second)))
}

// Unlock gives it back.
func (c *H2) Unlock() { c.writing.Unlock() }

// Block encodes a header block with the connection's table. The caller holds the lock.
func (c *H2) Block(fields ...hpack.HeaderField) []byte {
	c.block.Reset()
	for _, field := range fields {
		_ = c.encoder.WriteField(field)
	}
	return bytes.Clone(c.block.Bytes())
}

// NextID is a fresh stream id. The caller holds the lock.
func (c *H2) NextID() uint32 {
	id := c.nextID
	c.nextID += 2
	return id
}

// H2Fields are the header fields of a request.
func H2Fields(scheme, method, authority, path string, more ...Field) []hpack.HeaderField {
	fields := []hpack.HeaderField{{Name: ":method", Value: method}, {Name: ":scheme", Value: scheme}, {Name: ":authority", Value: authority}, {Name: ":path", Value: path}}
	for _, field := range more {
		fields = append(fields, hpack.HeaderField{Name: field.Name, Value: field.Value})
	}
	return fields
}

// Open sends HEADERS on a new stream.
func (c *H2) Open(end bool, fields ...hpack.HeaderField) (uint32, error) {
	c.Lock()
	defer c.Unlock()
	id := c.NextID()
	return id, c.writeHeaders(id, end, c.Block(fields...))
}

// writeHeaders cuts a block into HEADERS and CONTINUATION frames.
func (c *H2) writeHeaders(id uint32, end bool, block []byte) error {
	first := block[:min(len(block), 16384)]
	rest := block[len(first):]
	err := c.Framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: first, EndStream: end, EndHeaders: len(rest) == 0})
	for len(rest) > 0 && err == nil {
		part := rest[:min(len(rest), 16384)]
		rest = rest[len(part):]
		err = c.Framer.WriteContinuation(id, len(rest) == 0, part)
	}
	return err
}

// Trailers sends a trailing HEADERS.
func (c *H2) Trailers(id uint32, fields ...hpack.HeaderField) error {
	c.Lock()
	defer c.Unlock()
	return c.writeHeaders(id, true, c.Block(fields...))
}

// Data sends DATA without a look at the windows.
func (c *H2) Data(id uint32, end bool, data []byte) error {
	c.Lock()
	defer c.Unlock()
	for {
		part := data[:min(len(data), 16384)]
		data = data[len(part):]
		if err := c.Framer.WriteData(id, end && len(data) == 0, part); err != nil || len(data) == 0 {
			return err
		}
	}
}

// Reset sends RST_STREAM.
func (c *H2) Reset(id uint32, code http2.ErrCode) error {
	c.Lock()
	defer c.Unlock()
	return c.Framer.WriteRSTStream(id, code)
}

// WindowUpdate sends WINDOW_UPDATE.
func (c *H2) WindowUpdate(id, increment uint32) error {
	c.Lock()
	defer c.Unlock()
	return c.Framer.WriteWindowUpdate(id, increment)
}

// Until waits until ok holds; it is called with the connection's state locked.
func (c *H2) Until(limit time.Duration, ok func() bool) bool {
	deadline := time.After(Scale(limit))
	for {
		c.mu.Lock()
		done, changed := ok(), c.changed
		c.mu.Unlock()
		if done {
			return true
		}
		select {
		case <-changed:
		case <-deadline:
			return false
		}
	}
}

// Stream is a copy of what has come on a stream.
func (c *H2) Stream(id uint32) H2Stream {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.streams[id]; s != nil {
		return *s
	}
	return H2Stream{ID: id}
}

// Windows is what the peer has credited to a stream and to the connection by WINDOW_UPDATE.
func (c *H2) Windows(id uint32) (ofStream, ofConnection int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.credits[id], c.credits[0]
}

// Await waits for a condition that may call the connection's methods; it is looked at after each frame that comes.
func (c *H2) Await(limit time.Duration, ok func() bool) bool {
	deadline := time.After(Scale(limit))
	for {
		c.mu.Lock()
		changed := c.changed
		c.mu.Unlock()
		if ok() {
			return true
		}
		select {
		case <-changed:
		case <-deadline:
			return false
		}
	}
}

// UntilStream waits until ok holds for a stream, the stream is over, or the connection ended; it says whether ok held.
func (c *H2) UntilStream(id uint32, limit time.Duration, ok func(*H2Stream) bool) bool {
	held := false
	c.Until(limit, func() bool {
		s := c.stream(id)
		held = ok(s)
		return held || s.Ended || s.Reset || c.err != nil
	})
	return held
}

// Finish waits until a stream has ended or was reset.
func (c *H2) Finish(id uint32) (*H2Stream, error) {
	c.Until(10*time.Second, func() bool {
		s := c.streams[id]
		return c.err != nil || s != nil && (s.Ended || s.Reset)
	})
	s := c.Stream(id)
	if !s.Ended && !s.Reset {
		return &s, fmt.Errorf("stream %d doesn't end; connection: %v, GOAWAY: %v", id, c.Err(), c.GoAways())
	}
	return &s, nil
}

// Do sends a request without trailers and waits for its answer.
func (c *H2) Do(body []byte, fields ...hpack.HeaderField) (*H2Stream, error) {
	id, err := c.Open(body == nil, fields...)
	if err != nil {
		return nil, err
	}
	if body != nil {
		if err := c.Data(id, true, body); err != nil {
			return nil, err
		}
	}
	return c.Finish(id)
}

// Err is why reading ended, nil while it goes on.
func (c *H2) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// GoAways are the GOAWAY frames that came.
func (c *H2) GoAways() []H2GoAway {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]H2GoAway(nil), c.goAways...)
}

// Gone says whether a GOAWAY came or the connection ended.
func (c *H2) Gone() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err != nil || len(c.goAways) > 0
}

// GoneLocked is Gone for the condition of Until, which is called with the state locked.
func (c *H2) GoneLocked() bool { return c.err != nil || len(c.goAways) > 0 }

// WaitEnd waits until the connection has ended.
func (c *H2) WaitEnd(limit time.Duration) bool {
	return c.Until(limit, func() bool { return c.err != nil })
}

// Settings are the peer's, once they have come.
func (c *H2) Settings() map[http2.SettingID]uint32 {
	c.Until(5*time.Second, func() bool { return len(c.settings) > 0 || c.err != nil })
	c.mu.Lock()
	defer c.mu.Unlock()
	copied := map[http2.SettingID]uint32{}
	for id, value := range c.settings {
		copied[id] = value
	}
	return copied
}

// Counts are the numbers of frames, of PING answers and of SETTINGS acknowledgements that came.
func (c *H2) Counts() (frames, pings, acks int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.frames, c.pings, c.acks
}
