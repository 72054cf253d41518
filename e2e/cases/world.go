package cases

import (
	"bytes"
	"cmp"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"net"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2/hpack"

	"portreeve.dev/e2e/harness"
)

// world is everything that one case has for itself: a folder, a gateway, ports, backends and certificates.
type world struct {
	t        testing.TB
	c        *Case
	folder   *harness.Folder
	gateway  *harness.Gateway
	ports    map[string]int
	backends map[string]*harness.Backend
	certs    map[string]*harness.Certificate

	changed time.Time // the start, or the last apply or delete
	first   bool      // no check has held since then
	load    *load     // a `during` that still runs
}

var (
	backendName  = regexp.MustCompile(`^([a-zA-Z])\.(address|port)$`)
	listenerName = regexp.MustCompile(`^([a-z][a-z0-9-]+)\.port$`)
	certName     = regexp.MustCompile(`^cert\.([^.]+)\.(crt|key)$`)
	repeatName   = regexp.MustCompile(`^repeat\.(.)\.([0-9]+)$`)
)

// newWorld makes what the placeholders name and fills them in.
func newWorld(t testing.TB, c *Case) *world {
	t.Helper()
	w := &world{t: t, c: c, folder: harness.NewFolder(t), ports: map[string]int{}, backends: map[string]*harness.Backend{},
		certs: map[string]*harness.Certificate{}}
	for _, spec := range c.Certificates {
		if w.certs[spec.Name] != nil {
			t.Fatalf("certificate %s is there twice", spec.Name)
		}
	}
	w.makeCertificates()
	eachText(reflect.ValueOf(c), func(text string) string {
		return placeholder.ReplaceAllStringFunc(text, func(whole string) string { return w.fill(whole[2 : len(whole)-1]) })
	})
	for letter := range c.Backends {
		if w.backends[letter] == nil {
			t.Fatalf("backends: %q is used by no resource", letter)
		}
	}
	return w
}

// makeCertificates makes issuers before what they sign, in whichever order they stand.
func (w *world) makeCertificates() {
	for len(w.certs) < len(w.c.Certificates) {
		before := len(w.certs)
		for _, spec := range w.c.Certificates {
			if w.certs[spec.Name] != nil || spec.SignedBy != "" && w.certs[spec.SignedBy] == nil {
				continue
			}
			w.certs[spec.Name] = harness.NewCertificate(w.t, harness.CertificateSpec{DNSNames: spec.DNSNames, Key: spec.Key,
				CA: spec.CA, SignedBy: w.certs[spec.SignedBy]})
		}
		if len(w.certs) == before {
			w.t.Fatalf("certificates: a signedBy names none of the list")
		}
	}
}

func (w *world) fill(name string) string {
	if name == "controller" {
		return harness.ControllerName
	}
	if name == "client.address" {
		return harness.ClientAddress
	}
	if found := repeatName.FindStringSubmatch(name); found != nil {
		count, _ := strconv.Atoi(found[2])
		return strings.Repeat(found[1], count)
	}
	if found := certName.FindStringSubmatch(name); found != nil {
		certificate := w.certs[found[1]]
		if certificate == nil {
			w.t.Fatalf("no certificate %q", found[1])
		}
		if found[2] == "crt" {
			return certificate.CrtBase64()
		}
		return certificate.KeyBase64()
	}
	if found := backendName.FindStringSubmatch(name); found != nil {
		b := w.backend(found[1])
		if found[2] == "address" {
			return b.Address
		}
		return strconv.Itoa(b.Port)
	}
	if found := listenerName.FindStringSubmatch(name); found != nil {
		if w.ports[found[1]] == 0 {
			w.ports[found[1]] = harness.Port(w.t)
		}
		return strconv.Itoa(w.ports[found[1]])
	}
	w.t.Fatalf("unknown placeholder ${%s}", name)
	return ""
}

func (w *world) backend(letter string) *harness.Backend {
	if b := w.backends[letter]; b != nil {
		return b
	}
	spec := w.c.Backends[letter]
	address := "127.0.0.1"
	switch spec.Family {
	case "", "ipv4":
	case "ipv6":
		address = "::1"
	default:
		w.t.Fatalf("backends: unknown family %q", spec.Family)
	}
	b := harness.NewBackendOn(w.t, letter, address, behaviour(w.t, letter, spec))
	w.backends[letter] = b
	return b
}

func behaviour(t testing.TB, letter string, spec BackendSpec) harness.Handler {
	switch {
	case spec.Upgrade == "echo":
		return echoUpgrade
	case spec.Upgrade != "":
		t.Fatalf("backends: unknown upgrade %q", spec.Upgrade)
	case spec.Raw != nil:
		return func(x *harness.Exchange) {
			if x.ReadBody() != nil {
				return
			}
			_ = x.WriteText(*spec.Raw)
			if spec.Close {
				x.Close()
			}
		}
	case spec.Answer != nil:
		return func(x *harness.Exchange) {
			x.Continue()
			if x.ReadBody() != nil {
				return
			}
			if spec.Answer.Delay > 0 {
				// This is the behaviour that the case asks for, not a wait of the test.
				time.Sleep(time.Duration(spec.Answer.Delay)) // the delay that the case asks of its backend
			}
			fields := harness.Fields{}
			hasType := false
			for _, header := range spec.Answer.Headers {
				hasType = hasType || strings.EqualFold(header.Name, "Content-Type")
				for _, value := range header.Values {
					fields = append(fields, harness.Field{Name: header.Name, Value: value})
				}
			}
			if !hasType {
				fields = append(fields, harness.Field{Name: "Content-Type", Value: "text/plain"})
			}
			status := spec.Answer.Status
			if status == 0 {
				status = 200
			}
			_ = x.Reply(status, fields, spec.Answer.Body)
		}
	}
	return harness.Plain(letter)
}

func echoUpgrade(x *harness.Exchange) {
	if x.ReadBody() != nil {
		return
	}
	if !strings.EqualFold(x.Fields.Get("Upgrade"), "websocket") || !strings.Contains(strings.ToLower(x.Fields.Get("Connection")), "upgrade") {
		_ = x.Reply(400, nil, "no WebSocket handshake")
		return
	}
	sum := sha1.Sum([]byte(x.Fields.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	_ = x.WriteText("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
		base64.StdEncoding.EncodeToString(sum[:]) + "\r\n\r\n")
	buffer := make([]byte, 4096)
	for {
		n, err := x.ReadSome(buffer)
		if n > 0 && x.Write(buffer[:n]) != nil || err != nil {
			break
		}
	}
	x.Close()
}

// dial opens a connection to a listener by its name; https names are spoken to with TLS.
func (w *world) dial(listener, sni string) (*harness.Client, error) {
	port := w.ports[listener]
	if port == 0 {
		w.t.Fatalf("no listener %q", listener)
	}
	if strings.HasPrefix(listener, "https") {
		return harness.DialTLS(harness.Address(port), sni, nil)
	}
	return harness.Dial(harness.Address(port))
}

// ask sends a request on a new connection and reads its answer. The client is nil over HTTP/2, which is spoken when the
// case needs it.
func (w *world) ask(r *Request, more ...harness.Field) (*harness.Response, *harness.Client, error) {
	if slices.Contains(w.c.Needs, "http2") {
		response, err := w.askHTTP2(r, more)
		return response, nil, err
	}
	client, err := w.dial(r.Listener, r.sni())
	if err != nil {
		return nil, nil, err
	}
	client.Timeout = harness.Scale(20 * time.Second)
	client.Send(r.bytes(more...))
	response, err := client.Read(r.method())
	return response, client, err
}

func (w *world) askHTTP2(r *Request, more []harness.Field) (*harness.Response, error) {
	port := w.ports[r.Listener]
	if port == 0 {
		w.t.Fatalf("no listener %q", r.Listener)
	}
	scheme, serverName := "http", ""
	if strings.HasPrefix(r.Listener, "https") {
		scheme, serverName = "https", r.sni()
	}
	conn, err := harness.DialH2(harness.Address(port), serverName, harness.H2Options{})
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	fields := harness.H2Fields(scheme, r.method(), r.Host, r.target())
	add := func(name, value string) {
		fields = append(fields, hpack.HeaderField{Name: strings.ToLower(name), Value: value})
	}
	for _, header := range r.Headers {
		for _, value := range header.Values {
			add(header.Name, value)
		}
	}
	for _, field := range more {
		add(field.Name, field.Value)
	}
	var body []byte
	if r.Body != nil {
		body = []byte(*r.Body)
	}
	stream, err := conn.Do(body, fields...)
	if err != nil || stream.Status == 0 {
		return nil, fmt.Errorf("no answer over HTTP/2: %v, %w", stream, cmp.Or(err, harness.ErrNoAnswer))
	}
	response := &harness.Response{Proto: "HTTP/2", Status: stream.Status, Fields: stream.Fields, Body: stream.Body, Length: stream.Length,
		Trailers: stream.Trailers, Framing: "http2", Truncated: stream.Reset}
	for _, status := range stream.Interim {
		response.Interim = append(response.Interim, &harness.Response{Status: status})
	}
	return response, nil
}

func (r *Request) sni() string {
	if r.SNI.Kind != 0 {
		if r.SNI.ShortTag() == "!!null" {
			return ""
		}
		return r.SNI.Value
	}
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.Trim(host, "[]")
}

func (r *Request) method() string {
	if r.Method == "" {
		return "GET"
	}
	return r.Method
}

func (r *Request) target() string {
	if r.Target == "" {
		return "/"
	}
	return r.Target
}

// bytes are the request on the wire; more are further field lines.
func (r *Request) bytes(more ...harness.Field) []byte {
	request := harness.Request{Method: r.method(), Target: r.target(), Host: r.Host}
	for _, header := range r.Headers {
		for _, value := range header.Values {
			request.Fields = append(request.Fields, harness.Field{Name: header.Name, Value: value})
			if strings.EqualFold(header.Name, "Content-Length") || strings.EqualFold(header.Name, "Transfer-Encoding") {
				request.NoLength = true
			}
		}
	}
	request.Fields = append(request.Fields, more...)
	if r.Body != nil {
		request.Body = []byte(*r.Body)
	}
	return request.Bytes()
}

// methods are the methods of the requests in raw bytes, as far as they can be told.
func methods(raw []byte) []string {
	var found []string
	for len(raw) > 0 {
		head, rest, complete := bytes.Cut(raw, []byte("\r\n\r\n"))
		method, _, _ := strings.Cut(string(head), " ")
		found = append(found, method)
		if !complete {
			break
		}
		lower := strings.ToLower(string(head))
		raw = rest
		if strings.Contains(lower, "\r\ntransfer-encoding:") {
			_, after, ended := bytes.Cut(rest, []byte("0\r\n"))
			if !ended {
				break
			}
			if _, raw, ended = bytes.Cut(append([]byte("\r\n"), after...), []byte("\r\n\r\n")); !ended {
				break
			}
		} else if _, value, has := strings.Cut(lower, "\r\ncontent-length:"); has {
			value, _, _ = strings.Cut(value, "\r\n")
			length, err := strconv.Atoi(strings.TrimSpace(value))
			if err != nil || length > len(rest) {
				break
			}
			raw = rest[length:]
		}
	}
	return found
}

// countAll is the number of requests so far at each backend.
func (w *world) countAll() map[string]int {
	counts := map[string]int{}
	for letter, b := range w.backends {
		counts[letter] = b.Count()
	}
	return counts
}

// newRequests are the requests that backends got since counts, without those of a `during`.
func (w *world) newRequests(counts map[string]int) map[string][]harness.Seen {
	found := map[string][]harness.Seen{}
	for letter, b := range w.backends {
		for _, seen := range b.Seen(counts[letter]) {
			if !seen.Fields.Has(duringField) {
				found[letter] = append(found[letter], seen)
			}
		}
	}
	return found
}

func describe(requests map[string][]harness.Seen) string {
	if len(requests) == 0 {
		return "no backend got a request"
	}
	var letters []string
	for letter := range requests {
		letters = append(letters, letter)
	}
	slices.Sort(letters)
	var text strings.Builder
	for _, letter := range letters {
		list := requests[letter]
		fmt.Fprintf(&text, "backend %s got %d:\n", letter, len(list))
		for _, seen := range list[:min(3, len(list))] {
			text.WriteString(indent(seen.String()))
		}
	}
	return text.String()
}

func indent(text string) string {
	return "    " + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n    ") + "\n"
}
