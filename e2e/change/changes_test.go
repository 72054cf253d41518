package change

import (
	"crypto/tls"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"portreeve.dev/e2e/harness"
)

const (
	changes   = 500
	perSecond = 500
)

// TestChangesUnderLoad: 500 changes of routes, endpoints, certificates and listeners, and 500 requests a second.
func TestChangesUnderLoad(t *testing.T) {
	names := []string{"a", "b", "c", "d"}
	backends := map[string]*harness.Backend{}
	var docs []string
	for _, name := range names {
		backends[name] = harness.NewBackend(t, name, tagging(name))
		docs = append(docs, backends[name].Service())
	}
	docs = append(docs, harness.ServiceDoc("moving", backends["a"].Port, backends["a"].Address))

	plain, secure, extra := harness.Port(t), harness.Port(t), harness.Ports(t, 4)
	certificates := make([]*harness.Certificate, 12)
	for i := range certificates {
		spec := harness.CertificateSpec{DNSNames: []string{"s.example.com"}}
		if i%3 == 2 {
			spec.Key = "rsa"
		}
		certificates[i] = harness.NewCertificate(t, spec)
	}
	listeners := func(port int) string {
		all := []harness.Listener{{Name: "http", Port: plain}, {Name: "https", Port: secure, Hostname: "*.example.com", Secrets: []string{"tls"}}}
		if port != 0 {
			all = append(all, harness.Listener{Name: "extra", Port: port})
		}
		return harness.GatewayDoc("edge", all...)
	}
	versioned := func(version int) string {
		return harness.RouteDoc("versioned", "edge", "", []string{"v.example.com"}, harness.PrefixRule("/", names[version%4],
			fmt.Sprintf("filters: [{type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: X-Version, value: \"%d\"}]}}]", version)))
	}
	folder := harness.NewFolder(t)
	folder.Apply(append(docs, harness.Base(), listeners(0), harness.SecretDoc("tls", certificates[0]), versioned(0),
		harness.RouteDoc("stable", "edge", "", []string{"s.example.com"}, harness.PrefixRule("/", "d", "")),
		harness.RouteDoc("moving", "edge", "", []string{"m.example.com"}, harness.PrefixRule("/", "moving", "")))...)
	g := harness.Run(t, folder, harness.Options{Workers: 2})
	for host, name := range map[string]string{"s.example.com": "d", "m.example.com": "a", "v.example.com": "a"} {
		harness.WaitFor(t, 5*time.Second, host, func() (bool, string) {
			response, err := harness.DoTLS(harness.Address(secure), host, harness.Request{Host: host})
			return err == nil && response.Fields.Get("X-Backend") == name, fmt.Sprint(response, err)
		})
	}

	version, endpoint, leaf := newHistory(0), newHistory("a"), newHistory(string(certificates[0].Leaf.Raw))
	checkVersion := func(sent time.Time, response *harness.Response, _ tls.ConnectionState) error {
		got, err := strconv.Atoi(response.Fields.Get("X-Version"))
		if err != nil {
			return fmt.Errorf("X-Version %q", response.Fields.Get("X-Version"))
		}
		// One request sees one version of the configuration: its filter and its backend belong together.
		if want := names[got%4]; response.Fields.Get("X-Backend") != want {
			return fmt.Errorf("version %d by backend %s, want %s", got, response.Fields.Get("X-Backend"), want)
		}
		return version.check(sent, got)
	}
	checkEndpoint := func(sent time.Time, response *harness.Response, _ tls.ConnectionState) error {
		return endpoint.check(sent, response.Fields.Get("X-Backend"))
	}
	checkStable := func(_ time.Time, response *harness.Response, state tls.ConnectionState) error {
		if got := response.Fields.Get("X-Backend"); got != "d" {
			return fmt.Errorf("by backend %s", got)
		}
		return nil
	}
	l := startLoad(t, perSecond, []target{
		{plain, false, "v.example.com", "/v", checkVersion}, {secure, true, "v.example.com", "/v", checkVersion},
		{plain, false, "m.example.com", "/m", checkEndpoint}, {secure, true, "m.example.com", "/m", checkEndpoint},
		{plain, false, "s.example.com", "/s", checkStable}, {secure, true, "s.example.com", "/s", checkStable},
	})
	harness.WaitFor(t, 5*time.Second, "the load", func() (bool, string) { return l.answered.Load() > 100, "" })

	certificate, port := 0, 0
	for n := 1; n <= changes; n++ {
		started := time.Now()
		switch n % 5 {
		case 0: // a certificate
			certificate = (certificate + 1) % len(certificates)
			leaf.set(string(certificates[certificate].Leaf.Raw))
			folder.Apply(harness.SecretDoc("tls", certificates[certificate]))
		case 1: // a route, to another backend and with another filter
			version.set(n)
			folder.Apply(versioned(n))
		case 2: // the endpoints of a Service
			name := names[n/5%4]
			endpoint.set(name)
			folder.Apply(harness.ServiceDoc("moving", backends[name].Port, backends[name].Address))
		case 3: // a listener that comes, moves and goes
			port = (port + 1) % 5
			if port == 0 {
				folder.Apply(listeners(0))
			} else {
				folder.Apply(listeners(extra[port-1]))
			}
		case 4: // routes that nobody uses
			name := fmt.Sprintf("other-%d", n/5%20)
			if n/5/20%2 == 0 {
				folder.Apply(harness.RouteDoc(name, "edge", "", []string{name + ".example.com"}, harness.PrefixRule("/", "b", "")))
			} else if err := folder.TryDelete("HTTPRoute", harness.Namespace, name); err != nil {
				t.Fatal(err)
			}
		}
		if n%50 == 0 {
			settled(t, plain, secure, version, endpoint, leaf)
		}
		// The pace of changes: 25 a second.
		time.Sleep(time.Until(started.Add(40 * time.Millisecond))) // the pace of changes
	}
	settled(t, plain, secure, version, endpoint, leaf)
	l.finish()
	g.CheckAlive(t)
	for _, line := range g.AccessLines(t, 0) {
		if status := line.Text("status"); status != "200" && line.Text("kind") == "request" {
			t.Errorf("the access log has another answer than 200: %v", line)
			break
		}
	}
	for _, line := range g.Stderr.All() {
		if strings.Contains(strings.ToLower(line), `"error"`) {
			t.Errorf("an error is logged: %s", line)
			break
		}
	}
	if l.sent.Load() < 20*perSecond*3/4 {
		t.Errorf("only %d requests", l.sent.Load())
	}
}

// settled waits until what was configured last is what is served.
func settled(t *testing.T, plain, secure int, version *history[int], endpoint *history[string], leaf *history[string]) {
	t.Helper()
	harness.WaitFor(t, 5*time.Second, "the last changes to be served", func() (bool, string) {
		v, err := harness.Do(harness.Address(plain), harness.Request{Host: "v.example.com"})
		if err != nil || v.Fields.Get("X-Version") != strconv.Itoa(version.current) {
			return false, fmt.Sprint("version ", version.current, ": ", v, err)
		}
		m, err := harness.Do(harness.Address(plain), harness.Request{Host: "m.example.com"})
		if err != nil || m.Fields.Get("X-Backend") != endpoint.current {
			return false, fmt.Sprint("endpoint ", endpoint.current, ": ", m, err)
		}
		client, err := harness.DialTLS(harness.Address(secure), "s.example.com", nil)
		if err != nil {
			return false, err.Error()
		}
		defer client.Close()
		return string(client.TLS().PeerCertificates[0].Raw) == leaf.current, "the certificate is an older one"
	})
}
