package feature

import (
	"crypto/tls"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"portreeve.dev/e2e/harness"
)

// secure is a world with a second, HTTPS port of several listeners.
type secure struct {
	*world
	securePort int
	exact      *harness.Certificate // a.example.com, ECDSA
	wild       *harness.Certificate // *.example.com, RSA
}

func startTLS(t *testing.T, options harness.Options, docs ...string) *secure {
	t.Helper()
	s := &secure{world: &world{t: t, port: harness.Port(t), a: harness.NewBackend(t, "a", nil)}, securePort: harness.Port(t)}
	s.exact = harness.NewCertificate(t, harness.CertificateSpec{DNSNames: []string{"a.example.com"}})
	s.wild = harness.NewCertificate(t, harness.CertificateSpec{DNSNames: []string{"*.example.com"}, Key: "rsa"})
	folder := harness.NewFolder(t)
	folder.Apply(harness.Base(), s.a.Service(), harness.SecretDoc("exact", s.exact), harness.SecretDoc("wild", s.wild),
		harness.GatewayDoc("edge", harness.Listener{Name: "http", Port: s.port},
			harness.Listener{Name: "exact", Port: s.securePort, Hostname: "a.example.com", Secrets: []string{"exact"}},
			harness.Listener{Name: "wild", Port: s.securePort, Hostname: "*.example.com", Secrets: []string{"wild"}}),
		harness.RouteDoc("r", "edge", "", nil, harness.PrefixRule("/", "a", "")))
	folder.Apply(docs...)
	s.Gateway = harness.Run(t, folder, options)
	return s
}

func (s *secure) handshake(serverName string, config *tls.Config) (*harness.Client, error) {
	client, err := harness.DialTLS(harness.Address(s.securePort), serverName, config)
	if err == nil {
		s.t.Cleanup(client.Close)
	}
	return client, err
}

func TestCertificateBySNI(t *testing.T) {
	s := startTLS(t, harness.Options{})
	for name, want := range map[string]*harness.Certificate{"a.example.com": s.exact, "A.EXAMPLE.com": s.exact, "b.example.com": s.wild, "x.y.example.com": s.wild} {
		client, err := s.handshake(name, nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !client.TLS().PeerCertificates[0].Equal(want.Leaf) {
			t.Errorf("%s: the wrong certificate", name)
		}
		response := exchange(t, client, harness.Request{Host: strings.ToLower(name)})
		wantStatus(t, response, 200)
	}
	seen := s.a.WaitSeen(t, 0, 4, nil)
	if got := seen[0].Fields.Get("X-Forwarded-Proto"); got != "https" {
		t.Errorf("X-Forwarded-Proto %q", got)
	}
}

func TestUnknownSNIIsRefused(t *testing.T) {
	s := startTLS(t, harness.Options{})
	for _, name := range []string{"example.com", "a.example.org", "xexample.com", "", "localhost"} {
		from := s.Stdout.Len()
		shown := false
		_, err := s.handshake(name, &tls.Config{InsecureSkipVerify: true, VerifyConnection: func(tls.ConnectionState) error { shown = true; return nil }})
		if err == nil || shown {
			t.Errorf("SNI %q: the handshake completed %v, a certificate was shown %v", name, err == nil, shown)
		}
		s.logged(from, "kind", "connection", "origin", "downstream", "phase", "tls", "reason", "tls_unknown_name")
	}
}

func TestTLSVersions(t *testing.T) {
	s := startTLS(t, harness.Options{})
	for version, works := range map[uint16]bool{tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		for _, name := range []string{"a.example.com", "b.example.com"} {
			client, err := s.handshake(name, &tls.Config{MinVersion: version, MaxVersion: version})
			if (err == nil) != works {
				t.Errorf("%s to %s: %v", tls.VersionName(version), name, err)
			}
			if err == nil && client.TLS().Version != version {
				t.Errorf("%s became %s", tls.VersionName(version), tls.VersionName(client.TLS().Version))
			}
		}
	}
}

// TestRSAandECDSATogether: a listener with both serves each client what it can use.
func TestRSAandECDSATogether(t *testing.T) {
	rsa := harness.NewCertificate(t, harness.CertificateSpec{DNSNames: []string{"a.example.com"}, Key: "rsa"})
	port := harness.Port(t)
	s := startTLS(t, harness.Options{}, harness.SecretDoc("rsa", rsa), harness.GatewayDoc("both", harness.Listener{Name: "both", Port: port, Hostname: "a.example.com", Secrets: []string{"exact", "rsa"}}))
	s.securePort = port
	ciphers := map[string]uint16{"ECDSA": tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, "RSA": tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}
	for name, want := range map[string]*harness.Certificate{"ECDSA": s.exact, "RSA": rsa} {
		client, err := s.handshake("a.example.com", &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{ciphers[name]}})
		if err != nil {
			t.Errorf("a client that knows only %s: %v", name, err)
			continue
		}
		if !client.TLS().PeerCertificates[0].Equal(want.Leaf) {
			t.Errorf("a client that knows only %s got the other certificate", name)
		}
	}
}

// TestChain: clients verify with the root alone, so the gateway sends what is between.
func TestChain(t *testing.T) {
	root := harness.NewCertificate(t, harness.CertificateSpec{DNSNames: []string{"root"}, CA: true})
	middle := harness.NewCertificate(t, harness.CertificateSpec{DNSNames: []string{"middle"}, CA: true, SignedBy: root, Key: "rsa"})
	lower := harness.NewCertificate(t, harness.CertificateSpec{DNSNames: []string{"lower"}, CA: true, SignedBy: middle})
	leaf := harness.NewCertificate(t, harness.CertificateSpec{DNSNames: []string{"c.example.org"}, SignedBy: lower})
	port := harness.Port(t)
	s := startTLS(t, harness.Options{}, harness.SecretDoc("chain", leaf), harness.GatewayDoc("chain", harness.Listener{Name: "l", Port: port, Hostname: "c.example.org", Secrets: []string{"chain"}}))
	s.securePort = port
	client, err := s.handshake("c.example.org", &tls.Config{RootCAs: root.Pool()})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(client.TLS().PeerCertificates); n != 3 {
		t.Errorf("%d certificates were sent, want 3: the leaf and two issuers", n)
	}
}

func TestALPN(t *testing.T) {
	s := startTLS(t, harness.Options{})
	for _, c := range []struct {
		offers []string
		want   string
	}{{[]string{"http/1.1"}, "http/1.1"}, {nil, ""}, {[]string{"h2", "http/1.1"}, "h2"}, {[]string{"http/1.1", "h2"}, "h2"}} {
		client, err := s.handshake("a.example.com", &tls.Config{NextProtos: c.offers})
		if err != nil {
			t.Errorf("%q: %v", c.offers, err)
		} else if got := client.TLS().NegotiatedProtocol; got != c.want {
			t.Errorf("%q: got %q, want %q", c.offers, got, c.want)
		}
	}
}

// TestMisdirectedRequest: a host that another listener owns gets 421.
func TestMisdirectedRequest(t *testing.T) {
	s := startTLS(t, harness.Options{})
	for _, c := range []struct {
		sni, host string
		status    int
	}{{"a.example.com", "a.example.com", 200}, {"b.example.com", "c.example.com", 200}, {"b.example.com", "a.example.com", 421}, {"a.example.com", "b.example.com", 421}, {"b.example.com", "www.example.org", 404}} {
		from := s.Stdout.Len()
		client, err := s.handshake(c.sni, nil)
		if err != nil {
			t.Fatal(err)
		}
		wantStatus(t, exchange(t, client, harness.Request{Host: c.host}), c.status)
		if c.status == 421 {
			s.logged(from, "status", "421", "origin", "downstream", "reason", "misdirected")
		}
	}
}

// TestRotationUnderLoad: a Secret is renewed again and again, and no handshake and no request fails.
func TestRotationUnderLoad(t *testing.T) {
	s := startTLS(t, harness.Options{Workers: 2})
	const rotations = 40
	stop := make(chan struct{})
	var mu sync.Mutex
	var failures []string
	var running sync.WaitGroup
	handshakes := 0
	for worker := range 4 {
		running.Go(func() {
			config := &tls.Config{NextProtos: []string{"http/1.1"}, ClientSessionCache: tls.NewLRUClientSessionCache(4)}
			if worker%2 == 0 {
				config.MaxVersion = tls.VersionTLS12
			}
			for {
				select {
				case <-stop:
					return
				default:
				}
				client, err := harness.DialTLS(harness.Address(s.securePort), "a.example.com", config)
				var response *harness.Response
				if err == nil {
					response, err = client.Exchange(harness.Request{Host: "a.example.com"})
					client.Close()
				}
				mu.Lock()
				handshakes++
				if err != nil || response.Status != 200 {
					failures = append(failures, fmt.Sprint(err, response))
				}
				mu.Unlock()
			}
		})
	}
	for n := range rotations {
		spec := harness.CertificateSpec{DNSNames: []string{"a.example.com"}}
		if n%4 == 3 {
			spec.Key = "rsa"
		}
		next := harness.NewCertificate(t, spec)
		s.Folder.Apply(harness.SecretDoc("exact", next))
		harness.WaitFor(t, 5*time.Second, "the new certificate", func() (bool, string) {
			client, err := harness.DialTLS(harness.Address(s.securePort), "a.example.com", nil)
			if err != nil {
				return false, err.Error()
			}
			defer client.Close()
			return client.TLS().PeerCertificates[0].Equal(next.Leaf), "the old one"
		})
	}
	close(stop)
	running.Wait()
	if len(failures) > 0 {
		t.Errorf("%d of %d handshakes or requests failed during %d rotations, the first: %s", len(failures), handshakes, rotations, failures[0])
	}
	if handshakes < rotations {
		t.Errorf("only %d handshakes", handshakes)
	}
}

// TestBadSecretKeepsOthersServing is about a rotation that went wrong.
func TestBadSecretKeepsOthersServing(t *testing.T) {
	s := startTLS(t, harness.Options{})
	torn := harness.NewCertificate(t, harness.CertificateSpec{DNSNames: []string{"b.example.com"}})
	torn.KeyPEM = s.exact.KeyPEM
	s.Folder.Apply(harness.SecretDoc("wild", torn))
	harness.WaitFor(t, 5*time.Second, "the listener with the torn pair to be judged", func() (bool, string) {
		result := harness.Validate(t, s.Folder.Path)
		status := result.Find("Gateway", harness.Namespace, "edge")
		if status == nil {
			return false, result.Stdout
		}
		for _, listener := range status.Listeners {
			if condition := harness.FindCondition(listener.Conditions, "ResolvedRefs"); listener.Name == "wild" && condition != nil {
				return condition.Status == "False" && condition.Reason == "InvalidCertificateRef", fmt.Sprint(*condition)
			}
		}
		return false, fmt.Sprintf("%+v", status)
	})
	for range 20 {
		client, err := s.handshake("a.example.com", nil)
		if err != nil {
			t.Fatalf("the other listener: %v", err)
		}
		wantStatus(t, exchange(t, client, harness.Request{Host: "a.example.com"}), 200)
	}
}

func TestPlainBytesOnATLSPort(t *testing.T) {
	s := startTLS(t, harness.Options{})
	for _, bytes := range []string{"GET / HTTP/1.1\r\nHost: a.example.com\r\n\r\n", "\x00\x00\x00", "\x16\x03\x01\xff\xff", "SSH-2.0-x\r\n", strings.Repeat("\xff", 20000)} {
		from := s.Stdout.Len()
		client, err := harness.Dial(harness.Address(s.securePort))
		if err != nil {
			t.Fatal(err)
		}
		client.SendText(bytes)
		client.CloseWrite()
		if rest, closed := client.WaitClosed(5 * time.Second); !closed || strings.Contains(string(rest), "200 OK") {
			t.Errorf("%q: closed %v, %q", harness.Clip(bytes), closed, rest)
		}
		client.Close()
		s.logged(from, "kind", "connection", "origin", "downstream", "phase", "tls")
	}
}

// TestSessionsAreBoundToTheirListener: a ticket of one listener doesn't open another.
func TestSessionsAreBoundToTheirListener(t *testing.T) {
	s := startTLS(t, harness.Options{})
	cache := tls.NewLRUClientSessionCache(4)
	first := &tls.Config{ClientSessionCache: &sameKey{cache}, NextProtos: []string{"http/1.1"}}
	client, err := s.handshake("b.example.com", first)
	if err != nil {
		t.Fatal(err)
	}
	wantStatus(t, exchange(t, client, harness.Request{Host: "b.example.com"}), 200)
	client, err = s.handshake("a.example.com", first)
	if err != nil {
		t.Fatalf("the ticket of another listener spoils the handshake: %v", err)
	}
	if !client.TLS().PeerCertificates[0].Equal(s.exact.Leaf) {
		t.Errorf("a ticket of the wildcard listener was good for the exact one")
	}
}

// sameKey offers the ticket of any server to every server.
type sameKey struct{ tls.ClientSessionCache }

func (s *sameKey) Get(string) (*tls.ClientSessionState, bool) { return s.ClientSessionCache.Get("one") }
func (s *sameKey) Put(_ string, state *tls.ClientSessionState) {
	s.ClientSessionCache.Put("one", state)
}
