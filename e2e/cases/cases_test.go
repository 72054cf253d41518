package cases

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCases(t *testing.T) {
	RunFiles(t, []string{"tls", "websocket", "http2"}, 3, newFolderPlace)
}

func TestUnknownWordsFail(t *testing.T) {
	good, err := os.ReadFile("testdata/001-prefix-matches-whole-segments-only.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range [][2]string{
		{"\nsteps:\n", "\nsteps:\n- explode: now\n"},
		{"\nsteps:\n", "\nsteps:\n- request: {listener: http, host: a, colour: red}\n  response: {status: 200}\n"},
		{"\nsteps:\n", "\nsteps:\n- request: {listener: http, host: a}\n  response: {status: 200}\n  backend: {name: a, sees: {smell: 1}}\n"},
		{"\nsteps:\n", "\nsteps:\n- request: {listener: http, host: a}\n  response: {status: 200}\n  during: {allow: []}\n"},
		{"\nsteps:\n", "\nsteps:\n- request: {listener: http, host: a}\n"},
		{"\nsteps:\n", "\ncolour: red\nsteps:\n"},
		{"\nsteps:\n", "\nname: again\nsteps:\n"},
	} {
		text := strings.Replace(string(good), change[0], change[1], 1)
		if text == string(good) {
			t.Fatalf("%q isn't in the file", change[0])
		}
		path := filepath.Join(t.TempDir(), "001-x.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(path); err == nil {
			t.Errorf("a file with %q was accepted", change[1])
		}
	}
}

func TestFilesParse(t *testing.T) {
	paths, _ := filepath.Glob("testdata/*.yaml")
	for _, path := range paths {
		if _, err := Load(path); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestMethodsOfRawBytes(t *testing.T) {
	for raw, want := range map[string]string{
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n":                                                                      "GET",
		"HEAD / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\n\r\n":                                               "HEAD GET",
		"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\n\r\n":                                  "POST GET",
		"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: y\r\n\r\nGET / HTTP/1.1\r\n\r\n": "POST GET",
		"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n":         "POST GET",
	} {
		if got := strings.Join(methods([]byte(raw)), " "); got != want {
			t.Errorf("%q: %q, want %q", raw, got, want)
		}
	}
}
