package feature

import (
	"strings"
	"testing"

	"portreeve.dev/e2e/harness"
)

func (w *world) seenBy(request harness.Request) harness.Seen {
	w.t.Helper()
	before := w.a.Count()
	wantStatus(w.t, w.do(request), 200)
	return w.a.WaitSeen(w.t, before, 1, nil)[0]
}

func TestForwardedFields(t *testing.T) {
	w := start(t, harness.Options{}, nil)
	seen := w.seenBy(harness.Request{Host: "a.example.com:8080"})
	if got := seen.Fields.Lines("X-Forwarded-For"); len(got) != 1 || got[0] != harness.ClientAddress {
		t.Errorf("X-Forwarded-For %q", got)
	}
	if got := seen.Fields.Get("X-Forwarded-Proto"); got != "http" {
		t.Errorf("X-Forwarded-Proto %q", got)
	}
	if got := seen.Fields.Get("X-Forwarded-Host"); got != "a.example.com:8080" {
		t.Errorf("X-Forwarded-Host %q", got)
	}
	forwarded := seen.Fields.Get("Forwarded")
	for _, part := range []string{"for=127.0.0.1", "proto=http", "host=\"a.example.com:8080\""} {
		if !strings.Contains(forwarded, part) {
			t.Errorf("Forwarded %q lacks %s", forwarded, part)
		}
	}
}

// TestForwardedFieldsOfAClientAreReplaced: what a client says about itself counts only if it is trusted.
func TestForwardedFieldsOfAClientAreReplaced(t *testing.T) {
	spoofed := harness.Fields{field("X-Forwarded-For", "203.0.113.9"), field("X-Forwarded-Proto", "https"), field("X-Forwarded-Host", "evil.example.com"),
		field("Forwarded", "for=203.0.113.9;proto=https"), field("X-Real-Ip", "203.0.113.9")}
	w := start(t, harness.Options{}, nil)
	seen := w.seenBy(harness.Request{Fields: spoofed})
	if text := seen.Fields.String(); strings.Contains(text, "203.0.113.9") || strings.Contains(text, "evil") || strings.Contains(text, "https") {
		t.Errorf("the client's own words reached the backend:\n%s", text)
	}
	trusting := start(t, harness.Options{Args: []string{"--trusted-proxy", "127.0.0.0/8"}}, nil)
	seen = trusting.seenBy(harness.Request{Fields: spoofed})
	if got := seen.Fields.Get("X-Forwarded-For"); !strings.HasPrefix(got, "203.0.113.9") {
		t.Errorf("a trusted peer's X-Forwarded-For became %q", got)
	}
	if got := seen.Fields.Get("X-Forwarded-Proto"); got != "https" {
		t.Errorf("a trusted peer's X-Forwarded-Proto became %q", got)
	}
}

func TestRequestID(t *testing.T) {
	w := start(t, harness.Options{}, nil)
	from := w.Stdout.Len()
	ids := map[string]bool{}
	for range 20 {
		id := w.seenBy(harness.Request{}).Fields.Lines("X-Request-Id")
		if len(id) != 1 || len(id[0]) < 16 || ids[id[0]] {
			t.Fatalf("X-Request-Id %q, or it was there before", id)
		}
		ids[id[0]] = true
		w.logged(from, "request_id", id[0])
	}
	seen := w.seenBy(harness.Request{Fields: harness.Fields{field("X-Request-Id", "my-own-id-1234567")}})
	if got := seen.Fields.Lines("X-Request-Id"); len(got) != 1 || got[0] == "" {
		t.Errorf("X-Request-Id %q", got)
	}
	// One that is too long or holds odd characters isn't kept.
	for _, bad := range []string{strings.Repeat("x", 2000), "a b\"c<d>"} {
		if got := w.seenBy(harness.Request{Fields: harness.Fields{field("X-Request-Id", bad)}}).Fields.Lines("X-Request-Id"); len(got) != 1 || got[0] == bad && len(bad) > 1000 {
			t.Errorf("X-Request-Id %.50q was kept", got)
		}
	}
}

func TestHopByHopFieldsOfAnAnswer(t *testing.T) {
	w := start(t, harness.Options{}, func(x *harness.Exchange) {
		_ = x.Reply(200, harness.Fields{field("Connection", "X-Gone, close"), field("X-Gone", "1"), field("Keep-Alive", "timeout=5"), field("X-Kept", "1"),
			field("Set-Cookie", "a=b"), field("Set-Cookie", "c=d")}, "x")
		x.Close()
	})
	client := w.dial()
	for range 3 {
		response := exchange(t, client, harness.Request{})
		for _, name := range []string{"X-Gone", "Keep-Alive"} {
			if response.Fields.Has(name) {
				t.Errorf("%s reached the client", name)
			}
		}
		if response.Closing() {
			t.Errorf("the backend's close became the client's: %v", response)
		}
		if got := response.Fields.Lines("Set-Cookie"); len(got) != 2 || got[0] != "a=b" {
			t.Errorf("Set-Cookie %q", got)
		}
	}
}

// TestProtectedFields: a client can't have the gateway remove what guards a request.
func TestProtectedFields(t *testing.T) {
	w := start(t, harness.Options{}, nil)
	seen := w.seenBy(harness.Request{Method: "POST", Body: []byte("hello"), Fields: harness.Fields{
		field("Connection", "close, X-Forwarded-For, Authorization, Cookie, Host, Content-Length, X-Forwarded-Proto, X-Request-Id, X-Hop"),
		field("Authorization", "Basic abc"), field("Cookie", "a=b"), field("X-Hop", "1")}})
	for _, name := range []string{"X-Forwarded-For", "Authorization", "Cookie", "Host", "Content-Length", "X-Forwarded-Proto", "X-Request-Id"} {
		if !seen.Fields.Has(name) {
			t.Errorf("%s was removed", name)
		}
	}
	if seen.Fields.Has("X-Hop") || len(seen.Faults) > 0 {
		t.Errorf("%s", seen.String())
	}
}

// TestForwardedFieldsOfAClientChooseNoRoute: what is matched is what backends are told.
func TestForwardedFieldsOfAClientChooseNoRoute(t *testing.T) {
	b := harness.NewBackend(t, "b", nil)
	w := start(t, harness.Options{}, nil, b.Service(), harness.RouteDoc("r", "edge", "", nil, harness.PrefixRule("/", "a", "")+`- matches: [{headers: [{name: X-Forwarded-Proto, value: https}]}]
  backendRefs: [{name: b, port: 80}]
- matches: [{headers: [{name: X-Forwarded-For, value: 198.51.100.9}]}]
  backendRefs: [{name: b, port: 80}]
`))
	for _, spoofed := range []harness.Field{field("X-Forwarded-Proto", "https"), field("X-Forwarded-For", "198.51.100.9")} {
		wantStatus(t, w.do(harness.Request{Fields: harness.Fields{spoofed}}), 200)
	}
	if b.Count() > 0 {
		t.Errorf("a spoofed field reached the other backend")
	}
}

func TestFilters(t *testing.T) {
	w := start(t, harness.Options{}, func(x *harness.Exchange) {
		if x.ReadBody() == nil {
			_ = x.Reply(200, harness.Fields{field("X-Remove", "1"), field("X-Set", "old"), field("X-Add", "one")}, "x")
		}
	}, harness.RouteDoc("r", "edge", "", nil, harness.PrefixRule("/", "a", `filters:
- type: RequestHeaderModifier
  requestHeaderModifier:
    set: [{name: X-Set, value: new}]
    add: [{name: X-Add, value: two}]
    remove: [X-Remove]
- type: ResponseHeaderModifier
  responseHeaderModifier:
    set: [{name: X-Set, value: new}]
    add: [{name: X-Add, value: two}]
    remove: [X-Remove]
`)))
	before := w.a.Count()
	response := w.do(harness.Request{Fields: harness.Fields{field("X-Remove", "1"), field("X-Set", "old"), field("X-Add", "one")}})
	for what, fields := range map[string]harness.Fields{"request": w.a.WaitSeen(t, before, 1, nil)[0].Fields, "answer": response.Fields} {
		if fields.Has("X-Remove") || fields.Get("X-Set") != "new" || fields.Get("X-Add") != "one, two" {
			t.Errorf("%s:\n%s", what, fields)
		}
	}
}
