package feature

import (
	"fmt"
	"strings"
	"testing"

	"portreeve.dev/e2e/harness"
)

func TestRedirectCodes(t *testing.T) {
	var rules strings.Builder
	codes := []int{301, 302, 303, 307, 308}
	for _, code := range codes {
		rules.WriteString(harness.PrefixRule(fmt.Sprintf("/%d", code), "", fmt.Sprintf("filters: [{type: RequestRedirect, requestRedirect: {scheme: https, hostname: b.example.com, statusCode: %d}}]", code)))
	}
	w := start(t, harness.Options{}, nil, harness.RouteDoc("r", "edge", "", nil, rules.String()))
	client := w.dial()
	for _, code := range codes {
		for _, method := range []string{"GET", "HEAD", "POST"} {
			request := harness.Request{Method: method, Target: fmt.Sprintf("/%d/x?y=1", code)}
			if method == "POST" {
				request.Body = []byte("hello")
			}
			response := exchange(t, client, request)
			wantStatus(t, response, code)
			if got, want := response.Fields.Get("Location"), fmt.Sprintf("https://b.example.com/%d/x?y=1", code); got != want {
				t.Errorf("%s %d: Location %q, want %q", method, code, got, want)
			}
		}
	}
	if w.a.Count() != 0 {
		t.Errorf("redirected requests reached the backend")
	}
}

// TestRedirectsAreNotOpen: what a client sends can't lead away from the host.
func TestRedirectsAreNotOpen(t *testing.T) {
	w := start(t, harness.Options{}, nil, harness.RouteDoc("r", "edge", "", nil,
		harness.PrefixRule("/strip", "", "filters: [{type: RequestRedirect, requestRedirect: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /}}}]")+
			harness.PrefixRule("/", "", "filters: [{type: RequestRedirect, requestRedirect: {scheme: https}}]")))
	for _, target := range []string{"//evil.example.com", "//evil.example.com/x", "/strip//evil.example.com", "/strip/%2Fevil.example.com", "/strip/%5Cevil.example.com", "/strip/%0d%0aSet-Cookie:a=b", "/x%0d%0aSet-Cookie:a=b", "/strip/@evil.example.com", "/strip/..//evil.example.com"} {
		response := w.do(harness.Request{Target: target})
		if response.Fields.Has("Set-Cookie") {
			t.Errorf("%s: a field was injected: %v", target, response)
		}
		if response.Status == 400 {
			continue
		}
		location := response.Fields.Get("Location")
		rest, is := strings.CutPrefix(strings.TrimPrefix(strings.TrimPrefix(location, "http:"), "https:"), "//"+host)
		if is && strings.HasPrefix(rest, ":") {
			rest = rest[strings.IndexByte(rest+"/", '/'):]
		}
		if !is || rest != "" && rest[0] != '/' && rest[0] != '?' {
			t.Errorf("%s: Location %q", target, location)
		}
	}
}
