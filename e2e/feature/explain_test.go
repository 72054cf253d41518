package feature

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"portreeve.dev/e2e/harness"
)

// exits is a world in which every way out of the gateway has a path.
func exits(t *testing.T, options harness.Options) *world {
	t.Helper()
	refused := harness.Port(t)
	options.Limits = map[string]int{"response_head_timeout_ms": 400, "header_read_timeout_ms": 400, "connection_idle_timeout_ms": 400}
	return start(t, options, func(x *harness.Exchange) {
		_ = x.ReadBody()
		switch x.Target {
		case "/reset":
			x.Abort()
		case "/garbage":
			_ = x.WriteText("hello\r\n\r\n")
			x.Close()
		case "/cut":
			_ = x.WriteText("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello")
			x.Close()
		case "/slow":
			x.Gone(5 * time.Second)
			x.Close()
		case "/switch":
			_ = x.WriteText("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")
			x.Close()
		case "/big":
			_ = x.WriteText("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 100000) + "\r\n\r\n")
			x.Close()
		default:
			_ = x.Reply(200, nil, "a")
		}
	}, harness.ServiceDoc("empty", 1), harness.ServiceDoc("refused", refused, "127.0.0.1"),
		harness.RouteDoc("r", "edge", "", []string{host}, harness.PrefixRule("/ok", "a", "")+harness.PrefixRule("/reset", "a", "")+harness.PrefixRule("/garbage", "a", "")+
			harness.PrefixRule("/cut", "a", "")+harness.PrefixRule("/slow", "a", "")+harness.PrefixRule("/switch", "a", "")+harness.PrefixRule("/big", "a", "")+
			harness.PrefixRule("/empty", "empty", "")+harness.PrefixRule("/refused", "refused", "")+harness.PrefixRule("/ghost", "ghost", "")+
			harness.PrefixRule("/moved", "", "filters: [{type: RequestRedirect, requestRedirect: {statusCode: 301, hostname: b.example.com}}]")))
}

// TestEveryExitIsLogged: each answer that isn't the backend's own says where it arose, at which step and why.
func TestEveryExitIsLogged(t *testing.T) {
	w := exits(t, harness.Options{})
	get := func(target string) string { return "GET " + target + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n" }
	for _, c := range []struct {
		name, raw string
		want      []string
	}{
		{"the backend's own", get("/ok?q=1"), []string{"status", "200", "origin", "upstream", "reason", "none", "path", "/ok", "method", "GET", "host", host, "route", "~r", "rule", "0", "backend", "~a", "endpoint", fmt.Sprintf("127.0.0.1:%d", w.a.Port), "attempts", "1", "listener", "~http", "client", "~127.0.0.1"}},
		{"no route", get("/nowhere"), []string{"status", "404", "origin", "gateway", "phase", "route", "reason", "no_route"}},
		{"unknown host", "GET /ok HTTP/1.1\r\nHost: x.example.org\r\n\r\n", []string{"status", "404", "origin", "gateway", "phase", "route", "reason", "no_route"}},
		{"redirect", get("/moved"), []string{"status", "301", "origin", "gateway", "reason", "redirected"}},
		{"no such Service", get("/ghost"), []string{"status", "500", "origin", "gateway", "reason", "backend_unresolved", "route", "~r"}},
		{"no endpoints", get("/empty"), []string{"status", "503", "origin", "gateway", "reason", "no_endpoints", "backend", "~empty"}},
		{"refused", get("/refused"), []string{"status", "502", "origin", "upstream", "phase", "connect", "reason", "connect_failed", "backend", "~refused"}},
		{"reset", get("/reset"), []string{"status", "502", "origin", "upstream", "reason", "upstream_reset"}},
		{"garbage", get("/garbage"), []string{"status", "502", "origin", "upstream", "reason", "response_malformed"}},
		{"unasked switch", get("/switch"), []string{"status", "502", "origin", "upstream", "reason", "upgrade_refused"}},
		{"big head", get("/big"), []string{"status", "502", "origin", "upstream", "reason", "response_too_large"}},
		{"cut", get("/cut"), []string{"path", "/cut", "origin", "upstream", "phase", "body", "reason", "response_truncated"}},
		{"slow", get("/slow"), []string{"status", "504", "origin", "upstream", "phase", "wait", "reason", "response_timeout"}},
		{"malformed", "GET  /ok HTTP/1.1\r\nHost: " + host + "\r\n\r\n", []string{"status", "400", "origin", "downstream", "phase", "head", "reason", "malformed_request"}},
		{"no field line", "GET /ok HTTP/1.1\r\nbad line\r\n\r\n", []string{"status", "400", "origin", "downstream", "phase", "head", "reason", "invalid_header"}},
		{"no host", "GET /ok HTTP/1.1\r\n\r\n", []string{"status", "400", "origin", "downstream", "phase", "head", "reason", "invalid_host"}},
		{"bad target", get("/%00"), []string{"status", "400", "origin", "downstream", "phase", "head", "reason", "invalid_target"}},
		{"bad header", "GET /ok HTTP/1.1\r\nHost: " + host + "\r\nX_Y: z\r\n\r\n", []string{"status", "400", "origin", "downstream", "phase", "head", "reason", "invalid_header"}},
		{"framing", "POST /ok HTTP/1.1\r\nHost: " + host + "\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", []string{"status", "400", "origin", "downstream", "phase", "head", "reason", "invalid_framing"}},
		{"bad chunk", "POST /ok HTTP/1.1\r\nHost: " + host + "\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", []string{"status", "400", "origin", "downstream", "phase", "body", "reason", "invalid_body"}},
		{"version", "GET /ok HTTP/2.5\r\nHost: " + host + "\r\n\r\n", []string{"status", "505", "origin", "downstream", "phase", "head", "reason", "version_not_supported"}},
		{"connect", "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", []string{"status", "405", "origin", "downstream", "reason", "method_not_allowed"}},
		{"trace", "TRACE /ok HTTP/1.1\r\nHost: " + host + "\r\n\r\n", []string{"status", "405", "origin", "downstream", "reason", "method_not_allowed"}},
		{"half a head", "GET /ok HT", []string{"origin", "downstream", "phase", "head", "reason", "header_timeout"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := &world{Gateway: w.Gateway, t: t, port: w.port, a: w.a}
			from := w.Stdout.Len()
			client := w.dial()
			client.SendText(c.raw)
			_, _ = client.Read("GET")
			client.Close()
			line := w.logged(from, c.want...)
			for _, name := range []string{"time", "client", "origin", "phase", "reason", "bytes_in", "bytes_out", "duration_us"} {
				if _, has := line[name]; !has {
					t.Errorf("no %q in %v", name, line)
				}
			}
			if at, err := time.Parse(time.RFC3339Nano, line.Text("time")); err != nil || time.Since(at).Abs() > time.Minute {
				t.Errorf("time %q: %v", line.Text("time"), err)
			}
			if n := len(w.AccessLines(t, from)); n != 1 {
				t.Errorf("%d lines for one request", n)
			}
		})
	}
}

// TestConnectionsWithoutARequestAreLogged: they make a line too.
func TestConnectionsWithoutARequestAreLogged(t *testing.T) {
	w := exits(t, harness.Options{})
	for name, c := range map[string]struct {
		bytes string
		want  []string
	}{
		"closed at once":  {"", []string{"origin", "downstream"}},
		"a TLS hello":     {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("\x00", 512), []string{"origin", "downstream", "phase", "head"}},
		"half a line":     {"GET /", []string{"origin", "downstream", "phase", "head"}},
		"only line feeds": {"\n\n\n\n", []string{"origin", "downstream", "phase", "head"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{Gateway: w.Gateway, t: t, port: w.port, a: w.a}
			from := w.Stdout.Len()
			client := w.dial()
			client.SendText(c.bytes)
			client.CloseWrite()
			client.WaitClosed(2 * time.Second)
			client.Close()
			if name == "closed at once" {
				return // Such a one, a health check for instance, may stay silent.
			}
			w.logged(from, c.want...)
		})
	}
}

func TestAccessLogToAFileAndOff(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	w := start(t, harness.Options{AccessLog: path}, nil)
	wantStatus(t, w.get("/x"), 200)
	harness.WaitFor(t, 5*time.Second, "a line in the file", func() (bool, string) {
		text, err := os.ReadFile(path)
		var line map[string]any
		return err == nil && json.Unmarshal([]byte(strings.SplitN(string(text), "\n", 2)[0]), &line) == nil, string(text)
	})
	if w.Stdout.Len() != 0 {
		t.Errorf("stdout: %s", w.Stdout.Tail(3))
	}
	off := start(t, harness.Options{AccessLog: "off"}, nil)
	for range 10 {
		wantStatus(t, off.get("/x"), 200)
	}
	off.Stop(t)
	if off.Stdout.Len() != 0 {
		t.Errorf("stdout with the log off: %s", off.Stdout.Tail(3))
	}
}

// TestBlockedAccessLogBlocksNothing: nobody reads the log, and requests are served all the same.
func TestBlockedAccessLogBlocksNothing(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := mkfifo(pipe); err != nil {
		t.Fatal(err)
	}
	reader, err := os.OpenFile(pipe, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	w := start(t, harness.Options{AccessLog: pipe}, harness.EchoID)
	client := w.dial()
	for n := range 3000 {
		response := exchange(t, client, harness.Request{Target: "/" + strings.Repeat("x", 500), Fields: harness.Fields{field("X-Id", "1")}})
		if response.Status != 200 {
			t.Fatalf("request %d: %v", n, response)
		}
	}
}

func TestStdoutThatIsClosed(t *testing.T) {
	w := start(t, harness.Options{AccessLog: "/dev/full"}, nil)
	for range 100 {
		wantStatus(t, w.get("/x"), 200)
	}
	w.CheckAlive(t)
}

func TestProxyStatus(t *testing.T) {
	plain := exits(t, harness.Options{})
	if response := plain.get("/empty"); response.Fields.Has("Proxy-Status") {
		t.Errorf("Proxy-Status without being asked for: %v", response)
	}
	w := exits(t, harness.Options{Args: []string{"--proxy-status"}})
	for target, status := range map[string]int{"/nowhere": 404, "/empty": 503, "/refused": 502, "/slow": 504, "/garbage": 502, "/ghost": 500} {
		response := w.get(target)
		value := response.Fields.Get("Proxy-Status")
		wantStatus(t, response, status)
		if !regexp.MustCompile(`^"?[A-Za-z][A-Za-z0-9.-]*"?\s*;.*(error=[a-z_]+|details=)`).MatchString(value) {
			t.Errorf("%s: Proxy-Status: %s", target, value)
		}
	}
	if value := w.get("/ok").Fields.Get("Proxy-Status"); strings.Contains(value, "error=") {
		t.Errorf("a good answer has Proxy-Status: %s", value)
	}
}

func TestAdmin(t *testing.T) {
	s := startTLS(t, harness.Options{})
	for path, want := range map[string]string{"/healthz": "", "/readyz": "", "/metrics": "portreeve_", "/config": "{", "/version": ""} {
		status, body, err := s.Get(path)
		if err != nil || status != 200 || !strings.Contains(body, want) {
			t.Errorf("%s: status %d, %v, %q", path, status, err, harness.Clip(body))
		}
	}
	if status, _, err := s.Get("/nonsense"); err != nil || status != 404 {
		t.Errorf("/nonsense: %d %v", status, err)
	}
	_, config, _ := s.Get("/config")
	var parsed any
	if err := json.Unmarshal([]byte(config), &parsed); err != nil {
		t.Errorf("/config isn't JSON: %v", err)
	}
	if !strings.Contains(config, "a.example.com") {
		t.Errorf("/config doesn't show the listener's hostname")
	}
	// No secret leaves by any door.
	needles := []string{"PRIVATE KEY", s.exact.KeyBase64()[40:80], strings.ReplaceAll(string(s.exact.KeyPEM), "\n", "")[40:80], strings.Split(string(s.exact.KeyPEM), "\n")[1][:40]}
	_, metrics, _ := s.Get("/metrics")
	validated, _, _ := harness.RunCommand(t, 20*time.Second, "portreeve", "validate", "--output", "json", s.Folder.Path)
	for door, text := range map[string]string{"/config": config, "/metrics": metrics, "log": s.Stderr.Tail(1 << 20), "access log": s.Stdout.Tail(1 << 20), "validate": validated} {
		for _, needle := range needles {
			if strings.Contains(text, needle) {
				t.Errorf("a part of a private key is in %s", door)
			}
		}
	}
}

func TestMetrics(t *testing.T) {
	w := exits(t, harness.Options{})
	before := w.Metrics(t)
	for range 10 {
		wantStatus(t, w.get("/ok"), 200)
	}
	for range 3 {
		wantStatus(t, w.get("/nowhere"), 404)
	}
	wantStatus(t, w.get("/refused"), 502)
	after := w.Metrics(t)
	for _, c := range []struct {
		name   string
		labels []string
		least  float64
		exact  bool
	}{
		{"portreeve_responses_total", []string{`reason="no_route"`, `origin="gateway"`}, 3, true},
		{"portreeve_responses_total", []string{`reason="connect_failed"`, `origin="upstream"`}, 1, true},
		{"portreeve_responses_total", []string{`reason="none"`}, 10, true},
		{"portreeve_connections_total", nil, 14, true},
		{"portreeve_request_duration_seconds_count", nil, 14, true},
		{"portreeve_upstream_requests_total", nil, 10, false},
		{"portreeve_upstream_failures_total", nil, 1, false},
		{"portreeve_response_body_bytes_total", nil, 10, false},
	} {
		got := after.Sum(c.name, c.labels...) - before.Sum(c.name, c.labels...)
		if c.exact && got != c.least || got < c.least {
			t.Errorf("%s%v grew by %v, want %v", c.name, c.labels, got, c.least)
		}
	}
	for _, gauge := range []string{"portreeve_connections_open", "portreeve_requests_open"} {
		harness.WaitFor(t, 5*time.Second, gauge+" to be 0", func() (bool, string) {
			value := w.Metrics(t).Sum(gauge)
			return value == 0, fmt.Sprint(value)
		})
	}
}

// TestMetricsAreBounded: by listeners, backends and reasons, never by routes.
func TestMetricsAreBounded(t *testing.T) {
	w := start(t, harness.Options{}, nil)
	const routes = 2000
	var docs strings.Builder
	for n := range routes {
		docs.WriteString(harness.RouteDoc(fmt.Sprintf("many-%d", n), "edge", "", []string{fmt.Sprintf("h%d.example.com", n)}, harness.PrefixRule("/", "a", "")) + "---\n")
	}
	w.Folder.Write("many.yaml", docs.String())
	last := fmt.Sprintf("h%d.example.com", routes-1)
	harness.WaitFor(t, 20*time.Second, "the routes", func() (bool, string) {
		from := w.Stdout.Len()
		response, err := harness.Do(w.address(), harness.Request{Host: last})
		if err != nil || response.Status != 200 {
			return false, fmt.Sprint(response, err)
		}
		line := w.logged(from, "host", last)
		return strings.Contains(line.Text("route"), "many-"), line.String()
	})
	client := w.dial()
	for n := range routes {
		exchange(t, client, harness.Request{Host: fmt.Sprintf("h%d.example.com", n), Target: fmt.Sprintf("/%d", n)})
	}
	metrics := w.Metrics(t)
	if len(metrics) > 600 {
		t.Errorf("%d series with %d routes, at most 600", len(metrics), routes)
	}
	for series := range metrics {
		if strings.Contains(series, "many-") || strings.Contains(series, "h1.example.com") {
			t.Errorf("a series by route: %s", series)
		}
	}
}
