package cases

import (
	"bytes"
	"cmp"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http2/hpack"

	"portreeve.dev/e2e/harness"
)

// dial opens a connection to a listener by its name; https names are spoken to with TLS.
func (w *world) dial(listener, sni string) (*harness.Client, error) {
	conn, err := w.connect(listener)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(listener, "https") {
		return harness.NewTLSClient(conn, sni, nil)
	}
	return harness.NewClient(conn), nil
}

// connect is dial before a byte is sent.
func (w *world) connect(listener string) (net.Conn, error) {
	port := w.ports[listener]
	if port == 0 {
		w.t.Fatalf("no listener %q", listener)
	}
	return w.place.Dial(port)
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
	raw, err := w.connect(r.Listener)
	if err != nil {
		return nil, err
	}
	scheme, serverName := "http", ""
	if strings.HasPrefix(r.Listener, "https") {
		scheme, serverName = "https", r.sni()
	}
	conn, err := harness.NewH2(raw, serverName, harness.H2Options{})
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
