package cases

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"portreeve.dev/e2e/harness"
)

func (w *world) matchAnswers(s *Step, wanted []*Response, got answers, client *harness.Client) error {
	for i, want := range wanted {
		if want.Refused {
			if i < len(got.list) {
				return fmt.Errorf("wanted a refused connection, got status %d", got.list[i].Status)
			}
			if got.err == nil || !refused(got.err) {
				return fmt.Errorf("wanted a refused connection, got %v", got.err)
			}
			continue
		}
		if i >= len(got.list) {
			return fmt.Errorf("wanted status %v, got %v", want.Status, got.err)
		}
		if err := w.matchResponse(s, want, got.list[i]); err != nil {
			return err
		}
		if want.Closes && i == len(wanted)-1 {
			if client == nil {
				return fmt.Errorf("closes isn't known over HTTP/2")
			}
			if rest, closed := client.WaitClosed(2 * time.Second); !closed || len(rest) > 0 {
				return fmt.Errorf("wanted the connection to be closed within 2 s: closed %v, further bytes %q", closed, harness.Clip(string(rest)))
			}
		}
	}
	return nil
}

// refused: not accepted, or closed without a byte of an answer (a TLS alert is none).
func refused(err error) bool {
	var alert tls.AlertError
	var operation *net.OpError
	return harness.IsRefused(err) || errors.Is(err, harness.ErrNoAnswer) || errors.As(err, &alert) || harness.IsEnd(err) ||
		errors.As(err, &operation) && operation.Op == "remote error"
}

func (w *world) matchResponse(s *Step, want *Response, got *harness.Response) error {
	if !slices.Contains(want.Status, got.Status) {
		return fmt.Errorf("wanted status %v, got %d", want.Status, got.Status)
	}
	if want.Truncated != got.Truncated {
		return fmt.Errorf("wanted truncated %v, got %v", want.Truncated, got.Truncated)
	}
	if err := matchHeaders(want.Headers, want.Absent, got.Fields); err != nil {
		return err
	}
	if want.Body != nil && string(got.Body) != *want.Body {
		return fmt.Errorf("wanted the body %q, got %q", harness.Clip(*want.Body), harness.Clip(string(got.Body)))
	}
	if want.Interim != nil {
		var codes Codes
		for _, interim := range got.Interim {
			if !slices.Contains(codes, interim.Status) {
				codes = append(codes, interim.Status)
			}
		}
		if !slices.Equal(codes, *want.Interim) {
			return fmt.Errorf("wanted the interim answers %v, got %v", *want.Interim, codes)
		}
	}
	if want.Location != nil {
		location, err := w.location(s, got.Fields.Get("Location"))
		if err != nil || location != *want.Location {
			return fmt.Errorf("wanted the location %q, got %q (Location: %q, %v)", *want.Location, location, got.Fields.Get("Location"), err)
		}
	}
	return nil
}

// location resolves Location against the request's URL and leaves out the default port.
func (w *world) location(s *Step, location string) (string, error) {
	if location == "" || s.Request == nil {
		return "", fmt.Errorf("no Location, or no URL to resolve it")
	}
	scheme := "http"
	if strings.HasPrefix(s.Request.Listener, "https") {
		scheme = "https"
	}
	base, err := url.Parse(scheme + "://" + s.Request.Host + s.Request.target())
	if err != nil {
		return "", err
	}
	reference, err := url.Parse(location)
	if err != nil {
		return "", err
	}
	full := base.ResolveReference(reference)
	if full.Port() == map[string]string{"http": "80", "https": "443"}[full.Scheme] {
		full.Host = strings.TrimSuffix(full.Host, ":"+full.Port())
	}
	return full.String(), nil
}

var commas = regexp.MustCompile(`[ \t]*,[ \t]*`)

func matchHeaders(want Headers, absent []string, got harness.Fields) error {
	for _, header := range want {
		lines := got.Lines(header.Name)
		if header.List {
			if !slices.Equal(lines, header.Values) {
				return fmt.Errorf("wanted the lines %q of %s, got %q", header.Values, header.Name, lines)
			}
			continue
		}
		joined := commas.ReplaceAllString(strings.Join(lines, ", "), ",")
		if joined != commas.ReplaceAllString(header.Values[0], ",") || lines == nil {
			return fmt.Errorf("wanted %s: %s, got %q", header.Name, harness.Clip(header.Values[0]), lines)
		}
	}
	for _, name := range absent {
		if got.Has(name) {
			return fmt.Errorf("wanted no %s, got %q", name, got.Lines(name))
		}
	}
	return nil
}

func (w *world) matchBackend(want *Backend, counts map[string]int, sent int) error {
	requests := w.newRequests(counts)
	if want.None {
		if len(requests) > 0 {
			return fmt.Errorf("wanted no backend to get a request")
		}
		return nil
	}
	if w.backends[want.Name] == nil {
		w.t.Fatalf("no backend %q", want.Name)
	}
	for letter, list := range requests {
		if letter != want.Name {
			return fmt.Errorf("wanted backend %s, but %s got %d", want.Name, letter, len(list))
		}
	}
	list := requests[want.Name]
	if len(list) != sent {
		return fmt.Errorf("wanted %d requests at backend %s, got %d", sent, want.Name, len(list))
	}
	for _, seen := range list {
		if err := matchSees(want.Sees, seen); err != nil {
			return fmt.Errorf("backend %s: %w", want.Name, err)
		}
	}
	return nil
}

func matchSees(want *Sees, seen harness.Seen) error {
	if !seen.Complete {
		return fmt.Errorf("the request is incomplete: %v", seen.Err)
	}
	if want == nil {
		return nil
	}
	for _, part := range []struct {
		name string
		want *string
		got  string
	}{{"method", want.Method, seen.Method}, {"target", want.Target, seen.Target}, {"host", want.Host, seen.Fields.Get("Host")},
		{"body", want.Body, string(seen.Bytes)}} {
		if part.want != nil && *part.want != part.got {
			return fmt.Errorf("wanted the %s %q, got %q", part.name, harness.Clip(*part.want), harness.Clip(part.got))
		}
	}
	return matchHeaders(want.Headers, want.Absent, seen.Fields)
}
