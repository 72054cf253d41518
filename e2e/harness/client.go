package harness

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Client is one raw connection: it sends exactly what it is told to, and parses answers strictly.
type Client struct {
	Conn    net.Conn
	Timeout time.Duration

	reader  *recorder
	sending sync.WaitGroup
	mu      sync.Mutex
	sendErr error
}

// Response is one answer.
type Response struct {
	Proto    string
	Status   int
	Phrase   string
	Fields   Fields
	Body     []byte
	Length   int64 // of the body, all of it
	Trailers Fields
	Interim  []*Response
	// Framing is "none", "length", "chunked" or "close".
	Framing string
	// Truncated: the end of the stream came before the end that the framing announces.
	Truncated bool
	Raw       []byte
}

func (r *Response) String() string {
	text := fmt.Sprintf("%d %s", r.Status, r.Phrase)
	if r.Truncated {
		text += " (truncated)"
	}
	return fmt.Sprintf("%s\n%sbody: %q", text, r.Fields.short(), clip(string(r.Body)))
}

// Closing says whether the answer announces that the connection ends.
func (r *Response) Closing() bool {
	if r.Framing == "close" || r.Proto == "HTTP/1.0" {
		return true
	}
	for _, option := range strings.Split(r.Fields.Get("Connection"), ",") {
		if strings.EqualFold(strings.TrimSpace(option), "close") {
			return true
		}
	}
	return false
}

// Address is the loopback address of a port.
func Address(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// Dial opens a plain connection.
func Dial(address string) (*Client, error) {
	conn, err := net.DialTimeout("tcp", address, Scale(5*time.Second))
	if err != nil {
		return nil, err
	}
	return NewClient(conn), nil
}

// NewClient wraps a connection.
func NewClient(conn net.Conn) *Client {
	return &Client{Conn: conn, Timeout: Scale(10 * time.Second), reader: newRecorder(conn)}
}

// handshakeLimit is long: many handshakes at once on a busy machine are slow, and none of them has failed.
const handshakeLimit = 20 * time.Second

// DialTLS opens a TLS connection; chains aren't verified unless the config says so. An empty server name sends no SNI.
func DialTLS(address, serverName string, config *tls.Config) (*Client, error) {
	conn, err := net.DialTimeout("tcp", address, Scale(5*time.Second))
	if err != nil {
		return nil, err
	}
	return NewTLSClient(conn, serverName, config)
}

// NewTLSClient is DialTLS on a connection that is there; one that fails is closed.
func NewTLSClient(conn net.Conn, serverName string, config *tls.Config) (*Client, error) {
	if config == nil {
		config = &tls.Config{NextProtos: []string{"http/1.1"}}
	}
	config = config.Clone()
	config.ServerName = serverName
	if config.RootCAs == nil {
		config.InsecureSkipVerify = true
	}
	secure := tls.Client(conn, config)
	_ = secure.SetDeadline(time.Now().Add(Scale(handshakeLimit)))
	if err := secure.Handshake(); err != nil {
		conn.Close()
		return nil, fmt.Errorf("TLS handshake: %w", err)
	}
	_ = secure.SetDeadline(time.Time{})
	return NewClient(secure), nil
}

// TLS is the state of a TLS connection.
func (c *Client) TLS() tls.ConnectionState {
	if secure, ok := c.Conn.(*tls.Conn); ok {
		return secure.ConnectionState()
	}
	return tls.ConnectionState{}
}

// Send writes in the background, after what was sent before, so that an early answer can be read meanwhile.
func (c *Client) Send(bytes []byte) {
	c.SendParts([][]byte{bytes})
}

// SendParts is Send with one write for each part.
func (c *Client) SendParts(parts [][]byte) {
	c.sending.Wait()
	c.sending.Add(1)
	go func() {
		defer c.sending.Done()
		_ = c.Conn.SetWriteDeadline(time.Now().Add(c.Timeout))
		for _, part := range parts {
			if _, err := c.Conn.Write(part); err != nil {
				c.mu.Lock()
				c.sendErr = err
				c.mu.Unlock()
				return
			}
		}
	}()
}

// SendText is Send for a text.
func (c *Client) SendText(text string) { c.Send([]byte(text)) }

// Sent waits for the end of what is being sent, and returns the error of a write, if any.
func (c *Client) Sent() error {
	c.sending.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sendErr
}

// CloseWrite ends our direction (after what is being sent) and keeps reading.
func (c *Client) CloseWrite() {
	c.sending.Wait()
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}

// Close closes the connection.
func (c *Client) Close() { c.Conn.Close() }

// Abort resets the connection.
func (c *Client) Abort() {
	conn := c.Conn
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	conn.Close()
}

// ErrNoAnswer is a connection that ended without a byte.
var ErrNoAnswer = errors.New("the connection ended without a byte")

// Read reads one final answer to a request of this method, with the interim ones before it.
func (c *Client) Read(method string) (*Response, error) {
	var interim []*Response
	for {
		response, err := c.ReadOne(method)
		if err != nil {
			return nil, err
		}
		if response.Status >= 200 || response.Status == 101 {
			response.Interim = interim
			return response, nil
		}
		interim = append(interim, response)
		if len(interim) > 1000 {
			return nil, fault("more than 1000 interim answers")
		}
	}
}

// ReadOne reads one answer, interim or final.
func (c *Client) ReadOne(method string) (*Response, error) {
	_ = c.Conn.SetReadDeadline(time.Now().Add(c.Timeout))
	c.reader.mark()
	line, err := c.reader.line(lineLimit)
	if err != nil {
		if line == "" && IsEnd(err) {
			return nil, ErrNoAnswer
		}
		return nil, fmt.Errorf("in the status line %q: %w", clip(line), asEnd(err))
	}
	response := &Response{}
	var ok bool
	if response.Proto, response.Status, response.Phrase, ok = parseStatusLine(line); !ok {
		return nil, fault("no status line: %q", clip(line))
	}
	if response.Fields, err = c.reader.fields(); err != nil {
		return nil, fmt.Errorf("in the head of the answer: %w", asEnd(err))
	}
	kind, length, err := framing(response.Fields)
	if err != nil {
		return nil, err
	}
	body := &Body{}
	switch {
	case response.Status < 200 || response.Status == 204 || response.Status == 304 || method == "HEAD" ||
		method == "CONNECT" && response.Status < 300:
		if response.Status < 200 || response.Status == 204 {
			if kind != "" {
				return nil, fault("%s on a %d", kind, response.Status)
			}
		}
		response.Framing = "none"
	case kind == "chunked":
		response.Framing = kind
		err = c.reader.chunked(body, c.progress)
	case kind == "length":
		response.Framing = kind
		err = c.reader.exactly(length, body, c.progress)
	default:
		response.Framing = "close"
		_, err = io.Copy(writerFunc(func(p []byte) { body.add(p); c.progress(nil) }), c.reader)
	}
	if err != nil {
		if !IsEnd(err) {
			return nil, fmt.Errorf("in the body of a %d after %d bytes: %w", response.Status, body.Length, err)
		}
		response.Truncated = true
	}
	response.Body, response.Length, response.Trailers = body.Bytes, body.Length, body.Trailers
	response.Raw = c.reader.raw()
	return response, nil
}

func (c *Client) progress([]byte) { _ = c.Conn.SetReadDeadline(time.Now().Add(c.Timeout)) }

type writerFunc func([]byte)

func (f writerFunc) Write(p []byte) (int, error) { f(p); return len(p), nil }

func asEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return errEnd
	}
	return err
}

func parseStatusLine(line string) (proto string, status int, phrase string, ok bool) {
	if len(line) < 12 || line[:7] != "HTTP/1." || line[7] != '0' && line[7] != '1' || line[8] != ' ' {
		return "", 0, "", false
	}
	status, err := strconv.Atoi(line[9:12])
	if err != nil || status < 100 || status > 599 || len(line) > 12 && line[12] != ' ' {
		return "", 0, "", false
	}
	return line[:8], status, strings.TrimPrefix(line[12:], " "), true
}

// WaitClosed reads to the end of the connection: it returns what came before it, and whether the end came in time.
func (c *Client) WaitClosed(limit time.Duration) (rest []byte, closed bool) {
	_ = c.Conn.SetReadDeadline(time.Now().Add(Scale(limit)))
	c.reader.mark()
	_, err := io.Copy(io.Discard, c.reader)
	return c.reader.raw(), err == nil || IsEnd(err)
}

// ReadRaw reads n bytes as they are.
func (c *Client) ReadRaw(n int) ([]byte, error) {
	_ = c.Conn.SetReadDeadline(time.Now().Add(c.Timeout))
	buffer := make([]byte, n)
	got, err := io.ReadFull(c.reader, buffer)
	return buffer[:got], err
}

// Pending says whether a byte comes within limit; it is not consumed.
func (c *Client) Pending(limit time.Duration) bool {
	_ = c.Conn.SetReadDeadline(time.Now().Add(limit))
	_, err := c.reader.buffered.Peek(1)
	return err == nil
}

// Request is a request to be written plainly.
type Request struct {
	Method string // GET
	Target string // /
	Host   string
	Fields Fields
	Body   []byte
	// NoLength leaves Content-Length to Fields.
	NoLength bool
}

// Bytes are the request on the wire.
func (r Request) Bytes() []byte {
	var text strings.Builder
	method, target := r.Method, r.Target
	if method == "" {
		method = "GET"
	}
	if target == "" {
		target = "/"
	}
	fmt.Fprintf(&text, "%s %s HTTP/1.1\r\nHost: %s\r\n", method, target, r.Host)
	for _, field := range r.Fields {
		fmt.Fprintf(&text, "%s: %s\r\n", field.Name, field.Value)
	}
	if r.Body != nil && !r.NoLength {
		fmt.Fprintf(&text, "Content-Length: %d\r\n", len(r.Body))
	}
	text.WriteString("\r\n")
	text.Write(r.Body)
	return []byte(text.String())
}

// Exchange sends the request and reads its answer.
func (c *Client) Exchange(r Request) (*Response, error) {
	c.Send(r.Bytes())
	return c.Read(r.Method)
}

// Do sends one request on a connection of its own.
func Do(address string, r Request) (*Response, error) {
	client, err := Dial(address)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	return client.Exchange(r)
}

// DoTLS is Do over TLS; the server name is the request's host.
func DoTLS(address, serverName string, r Request) (*Response, error) {
	client, err := DialTLS(address, serverName, nil)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	return client.Exchange(r)
}

// IsRefused says whether an error is a connection that wasn't accepted.
func IsRefused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }
