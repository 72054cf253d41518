package feature

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"portreeve.dev/e2e/harness"
)

// validateText runs `portreeve validate` as a person would.
func validateText(t *testing.T, folder string) (string, int) {
	t.Helper()
	stdout, stderr, code := harness.RunCommand(t, 20*time.Second, "portreeve", "validate", folder)
	return stdout + stderr, code
}

func wantWords(t *testing.T, what, text string, words ...string) {
	t.Helper()
	for _, word := range words {
		if !strings.Contains(text, word) {
			t.Errorf("%s doesn't say %q:\n%s", what, word, text)
		}
	}
}

func (w *world) stillServes() {
	w.t.Helper()
	w.CheckAlive(w.t)
	for range 5 {
		if response := w.get("/"); response.Status != 200 || string(response.Body) != "a" {
			w.t.Fatalf("what worked before: %v", response)
		}
	}
}

func TestGoodFolderValidates(t *testing.T) {
	w := start(t, harness.Options{}, nil)
	text, code := validateText(t, w.Folder.Path)
	if code != 0 {
		t.Errorf("exit code %d:\n%s", code, text)
	}
	wantWords(t, "validate", text, "edge", "Accepted", "Programmed", "ResolvedRefs")
}

func TestUnparsableYAML(t *testing.T) {
	w := start(t, harness.Options{}, nil)
	for name, text := range map[string]string{
		"bracket.yaml": "apiVersion: v1\nkind: Service\nmetadata:\n  name: [unclosed\nspec: {}\n",
		"indent.yaml":  "apiVersion: v1\nkind: Service\nmetadata:\n   name: x\n  namespace: y\n",
		"tab.yaml":     "apiVersion: v1\nkind: Service\nmetadata:\n\tname: x\n",
		"quote.yaml":   "apiVersion: v1\nkind: \"Service\nmetadata: {name: x}\n",
		"binary.yaml":  "\x00\x01\x02\xff\xfe",
	} {
		t.Run(name, func(t *testing.T) {
			from := w.Stderr.Len()
			w.Folder.Write(name, text)
			line := w.WaitLog(t, 5*time.Second, from, name)
			if !regexp.MustCompile(regexp.QuoteMeta(name)+`[^0-9]{0,20}[0-9]+`).MatchString(line) && !strings.Contains(line, `"line":`) {
				t.Errorf("the log names no line: %s", line)
			}
			w.stillServes()
			result := harness.Validate(t, w.Folder.Path)
			if result.Code != 1 {
				t.Errorf("validate: exit code %d", result.Code)
			}
			found := false
			for _, problem := range result.Problems {
				if strings.HasSuffix(problem.File, name) {
					found = true
					if problem.Line < 1 || problem.Message == "" {
						t.Errorf("validate: no line, or no message: %+v", problem)
					}
				}
			}
			if !found {
				t.Errorf("validate doesn't name the file: %+v", result.Problems)
			}
			text, code := validateText(t, w.Folder.Path)
			if code != 1 || !regexp.MustCompile(regexp.QuoteMeta(name)+`:[0-9]+`).MatchString(text) {
				t.Errorf("validate, exit code %d:\n%s", code, text)
			}
			w.Folder.Remove(name)
			w.stillServes()
		})
	}
}

// TestBrokenFileKeepsItsObjects: a file that served and is broken now goes on serving, and takes effect once mended.
func TestBrokenFileKeepsItsObjects(t *testing.T) {
	b := harness.NewBackend(t, "b", nil)
	w := start(t, harness.Options{}, nil, b.Service())
	file := w.Folder.FileOf("HTTPRoute", harness.Namespace, "r")
	good := harness.RouteDoc("r", "edge", "", nil, harness.PrefixRule("/", "b", ""))
	from := w.Stderr.Len()
	w.Folder.Write(file, strings.Replace(good, "rules:", "rules: [", 1))
	w.WaitLog(t, 5*time.Second, from, file)
	w.stillServes()
	// Other files take effect meanwhile, or with the mended one; then both are there.
	w.Folder.Apply(harness.RouteDoc("other", "edge", "", nil, harness.PrefixRule("/other", "b", "")))
	w.stillServes()
	w.Folder.Write(file, good)
	w.settle("/", 200, "b")
	w.settle("/other", 200, "b")
}

func TestUnknownFields(t *testing.T) {
	w := start(t, harness.Options{}, nil)
	w.Folder.Write("typo.yaml", strings.Replace(harness.RouteDoc("typo", "edge", "", nil, harness.PrefixRule("/typo", "a", "")), "backendRefs", "backendReefs", 1))
	text, code := validateText(t, w.Folder.Path)
	if code != 1 {
		t.Errorf("exit code %d", code)
	}
	wantWords(t, "validate", text, "typo.yaml", "backendReefs")
	w.stillServes()
	w.Folder.Write("kind.yaml", "apiVersion: gateway.networking.k8s.io/v1\nkind: Gatewayy\nmetadata: {namespace: team-a, name: x}\nspec: {}\n")
	text, _ = validateText(t, w.Folder.Path)
	wantWords(t, "validate", text, "kind.yaml", "Gatewayy")
	w.stillServes()
	for name, doc := range map[string]string{
		"value.yaml":   strings.Replace(harness.GatewayDoc("other", harness.Listener{Name: "http", Port: 80}), "port: 80", "port: eighty", 1),
		"name.yaml":    strings.Replace(harness.RouteDoc("x", "edge", "", nil, harness.PrefixRule("/", "a", "")), "name: x", "name: Not_A_Name", 1),
		"missing.yaml": strings.Replace(harness.GatewayDoc("other", harness.Listener{Name: "http", Port: 80}), "gatewayClassName: portreeve", "addresses: []", 1),
	} {
		w.Folder.Write(name, doc)
		text, code := validateText(t, w.Folder.Path)
		if code != 1 {
			t.Errorf("%s: exit code %d", name, code)
		}
		wantWords(t, "validate", text, name)
		w.stillServes()
		w.Folder.Remove(name)
	}
}

func (w *world) wantCondition(kind, name, listener, condition, status, reason string) {
	w.t.Helper()
	result := harness.Validate(w.t, w.Folder.Path)
	found := result.Find(kind, harness.Namespace, name)
	if found == nil {
		w.t.Fatalf("validate shows no %s %s:\n%s", kind, name, result.Stdout)
	}
	conditions := found.Conditions
	for _, entry := range found.Listeners {
		if entry.Name == listener {
			conditions = entry.Conditions
		}
	}
	if kind == "HTTPRoute" && len(found.Parents) > 0 {
		conditions = found.Parents[0].Conditions
	}
	got := harness.FindCondition(conditions, condition)
	if got == nil || got.Status != status || got.Reason != reason || got.Message == "" {
		w.t.Errorf("%s %s %s: wanted %s=%s/%s with a message, got %+v", kind, name, listener, condition, status, reason, got)
	}
	if result.Code != 1 {
		w.t.Errorf("validate: exit code %d although something is refused", result.Code)
	}
}

func TestMissingAndMismatchedCertificate(t *testing.T) {
	w := start(t, harness.Options{}, nil)
	port := harness.Port(t)
	good := harness.NewCertificate(t, harness.CertificateSpec{DNSNames: []string{"a.example.com"}})
	other := harness.NewCertificate(t, harness.CertificateSpec{DNSNames: []string{"a.example.com"}})
	w.Folder.Apply(harness.GatewayDoc("edge", harness.Listener{Name: "http", Port: w.port}, harness.Listener{Name: "https", Port: port, Hostname: "a.example.com", Secrets: []string{"tls"}}))
	w.wantCondition("Gateway", "edge", "https", "ResolvedRefs", "False", "InvalidCertificateRef")
	w.stillServes()
	torn := *good
	torn.KeyPEM = other.KeyPEM
	for what, secret := range map[string]string{
		"mismatch":  harness.SecretDoc("tls", &torn),
		"no PEM":    strings.Replace(harness.SecretDoc("tls", good), "tls.crt: ", "tls.crt: QUJD", 1),
		"no base64": strings.Replace(harness.SecretDoc("tls", good), "tls.crt: ", "tls.crt: \"%%%\" #", 1),
		"no key":    regexp.MustCompile(`(?m)^  tls.key:.*$`).ReplaceAllString(harness.SecretDoc("tls", good), ""),
		"type":      strings.Replace(harness.SecretDoc("tls", good), "kubernetes.io/tls", "Opaque", 1),
	} {
		w.Folder.Apply(secret)
		result := harness.Validate(t, w.Folder.Path)
		if result.Code != 1 && what != "type" {
			t.Errorf("%s: validate ends with %d", what, result.Code)
		}
		if strings.Contains(result.Stdout+result.Stderr, good.KeyBase64()[30:60]) {
			t.Errorf("%s: validate shows the key", what)
		}
		w.stillServes()
		if what == "type" {
			continue
		}
		if client, err := harness.DialTLS(harness.Address(port), "a.example.com", nil); err == nil {
			client.Close()
			t.Errorf("%s: a handshake completes", what)
		}
	}
	w.Folder.Apply(harness.SecretDoc("tls", good))
	harness.WaitFor(t, 5*time.Second, "the mended certificate", func() (bool, string) {
		client, err := harness.DialTLS(harness.Address(port), "a.example.com", nil)
		if err == nil {
			client.Close()
		}
		return err == nil, fmt.Sprint(err)
	})
}

func TestUnknownClass(t *testing.T) {
	w := start(t, harness.Options{}, nil)
	port := harness.Port(t)
	w.Folder.Apply(strings.Replace(harness.GatewayDoc("lost", harness.Listener{Name: "http", Port: port}), "gatewayClassName: portreeve", "gatewayClassName: nobody", 1))
	text, _ := validateText(t, w.Folder.Path)
	wantWords(t, "validate", text, "lost", "nobody")
	w.stillServes()
	if _, err := harness.Dial(harness.Address(port)); err == nil {
		t.Errorf("a Gateway of an unknown class is served")
	}
}

func TestServiceWithoutThePort(t *testing.T) {
	w := start(t, harness.Options{}, nil)
	w.Folder.Apply(harness.RouteDoc("wrong", "edge", "", nil, harness.PrefixRule("/wrong", "", "backendRefs: [{name: a, port: 8080}]")))
	w.wantCondition("HTTPRoute", "wrong", "", "ResolvedRefs", "False", "BackendNotFound")
	w.settle("/wrong", 500, "")
	w.stillServes()
}

func TestListenersInConflict(t *testing.T) {
	w := start(t, harness.Options{}, nil)
	port := harness.Port(t)
	certificate := harness.NewCertificate(t, harness.CertificateSpec{DNSNames: []string{"x.example.com"}})
	w.Folder.Apply(harness.SecretDoc("tls", certificate), harness.GatewayDoc("edge", harness.Listener{Name: "http", Port: w.port}, harness.Listener{Name: "one", Port: port, Hostname: "x.example.com"},
		harness.Listener{Name: "two", Port: port, Hostname: "x.example.com", Secrets: []string{"tls"}}))
	w.wantCondition("Gateway", "edge", "one", "Conflicted", "True", "ProtocolConflict")
	w.wantCondition("Gateway", "edge", "two", "Conflicted", "True", "ProtocolConflict")
	w.stillServes()
	// Two that are the same in port, protocol and hostname: the API allows no such object, so the last good one stays.
	from := w.Stderr.Len()
	w.Folder.Apply(harness.GatewayDoc("edge", harness.Listener{Name: "http", Port: w.port}, harness.Listener{Name: "one", Port: port, Hostname: "x.example.com"},
		harness.Listener{Name: "two", Port: port, Hostname: "x.example.com"}))
	w.WaitLog(t, 5*time.Second, from, "listeners", "one")
	w.stillServes()
	text, code := validateText(t, w.Folder.Path)
	if code != 1 {
		t.Errorf("validate: exit code %d", code)
	}
	wantWords(t, "validate", text, "spec.listeners[2]", "one", w.Folder.FileOf("Gateway", harness.Namespace, "edge"))
}

// TestPortInUse: it is named, with who asked for it, and the other listeners serve.
func TestPortInUse(t *testing.T) {
	port := harness.Port(t)
	squatter, err := net.Listen("tcp", fmt.Sprintf("0.0.0.0:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	defer squatter.Close()
	w := start(t, harness.Options{}, nil)
	from := w.Stderr.Len()
	w.Folder.Apply(harness.GatewayDoc("edge", harness.Listener{Name: "http", Port: w.port}, harness.Listener{Name: "taken", Port: port}))
	w.WaitLog(t, 5*time.Second, from, fmt.Sprint(port), "taken", "edge")
	w.stillServes()
	// From the start, too.
	folder := harness.NewFolder(t)
	free := harness.Port(t)
	folder.Apply(harness.Base(), w.a.Service(), harness.RouteDoc("r", "edge", "", nil, harness.PrefixRule("/", "a", "")),
		harness.GatewayDoc("edge", harness.Listener{Name: "http", Port: free}, harness.Listener{Name: "taken", Port: port}))
	g := harness.RunUnready(t, folder, harness.Options{})
	g.WaitLog(t, 5*time.Second, 0, fmt.Sprint(port), "taken", "edge")
	other := &world{Gateway: g, t: t, port: free}
	other.settle("/", 200, "a")
}

func TestAdminPortInUse(t *testing.T) {
	squatter, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer squatter.Close()
	w := start(t, harness.Options{}, nil)
	_, stderr, code := harness.RunCommand(t, 10*time.Second, "portreeve", "run", "--admin", squatter.Addr().String(), w.Folder.Path)
	if code == 0 || !strings.Contains(stderr, squatter.Addr().String()) {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}

func TestFolderThatDoesNotExist(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "nowhere")
	for _, command := range [][]string{{"run", "--admin", fmt.Sprintf("127.0.0.1:%d", harness.Port(t)), folder}, {"validate", folder}} {
		stdout, stderr, code := harness.RunCommand(t, 10*time.Second, "portreeve", command...)
		if code == 0 || !strings.Contains(stdout+stderr, folder) {
			t.Errorf("%v: exit code %d: %s%s", command[0], code, stdout, stderr)
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, stderr, code := harness.RunCommand(t, 10*time.Second, "portreeve", "run", "--admin", fmt.Sprintf("127.0.0.1:%d", harness.Port(t)), file); code == 0 || !strings.Contains(stderr, file) {
		t.Errorf("a file in place of the folder: exit code %d: %s", code, stderr)
	}
}

// TestFullDisk: the last good configuration can't be kept; that is said, and changes take effect all the same.
func TestFullDisk(t *testing.T) {
	state := t.TempDir()
	if err := syscall.Mount("tmpfs", state, "tmpfs", 0, "size=16k"); err != nil {
		t.Fatalf("mount of a tiny file system (this test needs root): %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(state, syscall.MNT_DETACH) })
	fill, err := os.Create(filepath.Join(state, "fill"))
	if err != nil {
		t.Fatal(err)
	}
	block := make([]byte, 4096)
	for {
		if _, err := fill.Write(block); err != nil {
			break
		}
	}
	fill.Close()
	b := harness.NewBackend(t, "b", nil)
	w := start(t, harness.Options{State: state}, nil, b.Service())
	w.stillServes()
	w.WaitLog(t, 5*time.Second, 0, state)
	w.Folder.Apply(harness.RouteDoc("r", "edge", "", nil, harness.PrefixRule("/", "b", "")))
	w.settle("/", 200, "b")
	// With room again it is kept with the next change.
	if err := os.Remove(fill.Name()); err != nil {
		t.Fatal(err)
	}
	w.Folder.Apply(harness.RouteDoc("r", "edge", "", nil, harness.PrefixRule("/", "a", "")))
	w.settle("/", 200, "a")
	harness.WaitFor(t, 5*time.Second, "a file in the state folder", func() (bool, string) {
		entries, err := os.ReadDir(state)
		for _, entry := range entries {
			if info, err := entry.Info(); err == nil && info.Mode().IsRegular() && info.Size() > 0 {
				return info.Mode().Perm() == 0o600, fmt.Sprint(entry.Name(), info.Mode())
			}
		}
		return false, fmt.Sprint(entries, err)
	})
}

// TestStateFolderThatDoesNotExist is said at the start.
func TestStateFolderThatDoesNotExist(t *testing.T) {
	w := start(t, harness.Options{}, nil)
	state := filepath.Join(t.TempDir(), "nowhere")
	_, stderr, code := harness.RunCommand(t, 10*time.Second, "portreeve", "run", "--admin", fmt.Sprintf("127.0.0.1:%d", harness.Port(t)), "--state", state, w.Folder.Path)
	if code == 0 || !strings.Contains(stderr, state) {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}

// TestOneBadObjectAmongMany: everything else is served, and its refusal is shown.
func TestOneBadObjectAmongMany(t *testing.T) {
	w := start(t, harness.Options{}, nil)
	for n := range 50 {
		w.Folder.Apply(harness.RouteDoc(fmt.Sprintf("good-%d", n), "edge", "", []string{fmt.Sprintf("g%d.example.com", n)}, harness.PrefixRule("/", "a", "")))
	}
	w.Folder.Apply(harness.RouteDoc("bad", "edge", "", []string{"bad.example.com"}, "- matches: [{path: {type: RegularExpression, value: \"(unclosed\"}}]\n  backendRefs: [{name: a, port: 80}]\n"))
	for n := range 50 {
		harness.WaitFor(t, 5*time.Second, "a good route", func() (bool, string) {
			response, err := harness.Do(w.address(), harness.Request{Host: fmt.Sprintf("g%d.example.com", n)})
			return err == nil && response.Status == 200, fmt.Sprint(response, err)
		})
	}
	w.wantCondition("HTTPRoute", "bad", "", "Accepted", "False", "UnsupportedValue")
}
