package change

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"portreeve.dev/e2e/harness"
)

// pair is a controller and a data plane as processes of their own.
type pair struct {
	t          *testing.T
	folder     *harness.Folder
	socket     string
	state      string
	port       int
	secure     int
	a, b       *harness.Backend
	controller *harness.Process
	dataplane  *harness.Gateway
}

func newPair(t *testing.T) *pair {
	t.Helper()
	p := &pair{t: t, folder: harness.NewFolder(t), port: harness.Port(t), secure: harness.Port(t), state: t.TempDir()}
	// The path of a socket may only be short.
	short, err := os.MkdirTemp("", "pe2e")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(short) })
	p.socket = "unix:" + filepath.Join(short, "s")
	p.a, p.b = harness.NewBackend(t, "a", tagging("a")), harness.NewBackend(t, "b", tagging("b"))
	certificate := harness.NewCertificate(t, harness.CertificateSpec{DNSNames: []string{"s.example.com"}})
	p.folder.Apply(harness.Base(), p.a.Service(), p.b.Service(), harness.SecretDoc("tls", certificate), harness.GatewayDoc("edge", harness.Listener{Name: "http", Port: p.port},
		harness.Listener{Name: "https", Port: p.secure, Hostname: "s.example.com", Secrets: []string{"tls"}}))
	p.route("a")
	return p
}

func (p *pair) route(service string) {
	p.folder.Apply(harness.RouteDoc("r", "edge", "", nil, harness.PrefixRule("/", service, "")))
}

func (p *pair) startController() {
	p.controller = harness.Start(p.t, "portreeve-controller", "--folder", p.folder.Path, "--listen", p.socket)
}

func (p *pair) startDataplane() {
	p.dataplane = harness.RunDataplane(p.t, p.socket, harness.Options{State: p.state})
}

// serves waits until requests over HTTP and HTTPS are answered by this backend.
func (p *pair) serves(name string, limit time.Duration) time.Duration {
	p.t.Helper()
	started := time.Now()
	harness.WaitFor(p.t, limit, "backend "+name+" to be served", func() (bool, string) {
		response, err := harness.Do(harness.Address(p.port), harness.Request{Host: "s.example.com"})
		if err != nil || response.Fields.Get("X-Backend") != name {
			return false, fmt.Sprint(response, err)
		}
		response, err = harness.DoTLS(harness.Address(p.secure), "s.example.com", harness.Request{Host: "s.example.com"})
		return err == nil && response.Fields.Get("X-Backend") == name, fmt.Sprint(response, err)
	})
	return time.Since(started)
}

// kept waits until something is kept in the state folder, and nothing is being written there.
func (p *pair) kept() []string {
	p.t.Helper()
	var files []string
	last, same := "", 0
	harness.WaitFor(p.t, 5*time.Second, "the last good configuration on disk", func() (bool, string) {
		files = nil
		seen := ""
		entries, err := os.ReadDir(p.state)
		for _, entry := range entries {
			info, err := entry.Info()
			if err != nil || !info.Mode().IsRegular() {
				continue
			}
			files = append(files, filepath.Join(p.state, entry.Name()))
			seen += fmt.Sprintln(entry.Name(), info.Size(), info.ModTime())
			if info.Mode().Perm() != 0o600 {
				p.t.Fatalf("%s has the mode %v, want 0600", entry.Name(), info.Mode())
			}
		}
		// What is written next to it and renamed over it is seen for a moment only.
		if same++; seen != last {
			last, same = seen, 0
		}
		return len(files) > 0 && same >= 15, fmt.Sprint(entries, err)
	})
	return files
}

// TestDataplaneRestartsWithoutController: killed at once, and again and again, it serves its last good configuration.
func TestDataplaneRestartsWithoutController(t *testing.T) {
	p := newPair(t)
	p.startController()
	p.startDataplane()
	p.dataplane.WaitReady(t)
	p.serves("a", 5*time.Second)
	p.kept()
	p.controller.Kill(t)
	// Without the controller it goes on.
	for range 20 {
		p.serves("a", time.Second)
	}
	var slowest time.Duration
	for range 10 {
		p.dataplane.Kill(t)
		started := time.Now()
		p.startDataplane()
		p.serves("a", 5*time.Second)
		took := time.Since(started)
		slowest = max(slowest, took)
		if took > harness.Scale(time.Second) {
			t.Errorf("it serves %v after its start, want 1 s", took)
		}
		// Workers serve a moment before the admin port knows.
		p.dataplane.WaitReady(t)
	}
	fmt.Printf("change: a data plane without controller serves %v after its start at the latest\n", slowest.Round(time.Millisecond))
	// A controller that comes back with news is heard.
	p.route("b")
	p.startController()
	p.serves("b", 10*time.Second)
}

// TestKillAtAnyMoment: however the processes end while changes run, the next start serves one of the configurations.
func TestKillAtAnyMoment(t *testing.T) {
	p := newPair(t)
	p.startController()
	p.startDataplane()
	p.serves("a", 5*time.Second)
	p.kept()
	for round := range 15 {
		stop, stopped := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(stopped)
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				service := []string{"a", "b"}[n%2]
				if err := p.folder.TryApply(harness.RouteDoc("r", "edge", "", nil, harness.PrefixRule("/", service, ""))); err != nil {
					t.Error(err)
					return
				}
				time.Sleep(time.Millisecond) // the pace of changes
			}
		}()
		// Another moment in each round.
		time.Sleep(time.Duration(20+round*7) * time.Millisecond) // the moment of the kill
		p.dataplane.Kill(t)
		p.controller.Kill(t)
		close(stop)
		<-stopped
		started := time.Now()
		p.startDataplane()
		harness.WaitFor(t, 5*time.Second, "any configuration to be served", func() (bool, string) {
			response, err := harness.Do(harness.Address(p.port), harness.Request{Host: "s.example.com"})
			return err == nil && response.Status == 200, fmt.Sprint(response, err)
		})
		if took := time.Since(started); took > harness.Scale(time.Second) {
			t.Errorf("round %d: it serves %v after its start, want 1 s", round, took)
		}
		p.startController()
		p.route("a")
		p.serves("a", 10*time.Second)
	}
}

// TestCorruptStateIsRefused: with a log line; nothing is served by guess, and a controller sets it right.
func TestCorruptStateIsRefused(t *testing.T) {
	p := newPair(t)
	p.startController()
	p.startDataplane()
	p.serves("a", 5*time.Second)
	files := p.kept()
	p.controller.Kill(t)
	p.dataplane.Kill(t)
	good := map[string][]byte{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		good[file] = text
	}
	flip := func(at int) func([]byte) []byte {
		return func(b []byte) []byte {
			b = bytes.Clone(b)
			b[at*(len(b)-1)/100] ^= 0x10
			return b
		}
	}
	for name, spoil := range map[string]func([]byte) []byte{
		"empty":            func([]byte) []byte { return nil },
		"half":             func(b []byte) []byte { return b[:len(b)/2] },
		"one byte less":    func(b []byte) []byte { return b[:len(b)-1] },
		"one byte more":    func(b []byte) []byte { return append(bytes.Clone(b), 0) },
		"zeros":            func(b []byte) []byte { return make([]byte, len(b)) },
		"text":             func([]byte) []byte { return []byte("not a configuration\n") },
		"flip at the head": flip(0), "flip early": flip(10), "flip in the middle": flip(50), "flip late": flip(90), "flip at the end": flip(100),
	} {
		t.Run(name, func(t *testing.T) {
			for file, text := range good {
				if err := os.WriteFile(file, spoil(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			g := harness.RunDataplane(t, p.socket, harness.Options{State: p.state})
			g.WaitLog(t, 5*time.Second, 0, p.state)
			g.CheckAlive(t)
			if status, _, err := g.Get("/readyz"); err != nil || status == 200 {
				t.Errorf("/readyz: %d %v", status, err)
			}
			if dialable(p.port) {
				t.Errorf("a listener is open although no configuration is good")
			}
			g.Kill(t)
		})
	}
	p.startDataplane()
	p.dataplane.WaitLog(t, 5*time.Second, 0, p.state)
	p.startController()
	p.serves("a", 10*time.Second)
}

// TestControllerRestartsUnderLoad: no request fails, and what changed meanwhile is served when it is back.
func TestControllerRestartsUnderLoad(t *testing.T) {
	p := newPair(t)
	p.startController()
	p.startDataplane()
	p.serves("a", 5*time.Second)
	l := startLoad(t, 300, []target{{p.port, false, "s.example.com", "/", nil}, {p.secure, true, "s.example.com", "/", nil}})
	for round := range 10 {
		p.controller.Kill(t)
		service := []string{"b", "a"}[round%2]
		p.route(service)
		p.startController()
		p.serves(service, 10*time.Second)
	}
	l.finish()
}

// TestDataplaneWaitsForAController: it starts first, is not ready, opens nothing, and serves once there is one.
func TestDataplaneWaitsForAController(t *testing.T) {
	p := newPair(t)
	p.startDataplane()
	harness.WaitFor(t, 5*time.Second, "the admin port", func() (bool, string) {
		status, _, err := p.dataplane.Get("/healthz")
		return err == nil && status == 200, fmt.Sprint(status, err)
	})
	if status, _, err := p.dataplane.Get("/readyz"); err != nil || status != 503 {
		t.Errorf("/readyz without a configuration: %d %v", status, err)
	}
	if dialable(p.port) {
		t.Errorf("a listener is open without a configuration")
	}
	p.startController()
	p.dataplane.WaitReady(t)
	p.serves("a", 5*time.Second)
}
