//go:build cluster

package feature

import (
	"fmt"
	"testing"

	"portreeve.dev/e2e/harness"
	"portreeve.dev/e2e/kube/world"
)

func httpsListener(name, host, secret string) string {
	return fmt.Sprintf("{name: %s, protocol: HTTPS, port: 443, hostname: %q, tls: {certificateRefs: [{name: %s}]}}", name, host, secret)
}

// Each name has its certificate, and a name that no listener has gets none.
func TestTLSBySNI(t *testing.T) {
	certificates := map[string]*harness.Certificate{}
	s := world.Ready(t).Space(t)
	for _, name := range []string{"a", "b"} {
		certificates[name] = harness.NewCertificate(t, harness.CertificateSpec{DNSNames: []string{name + ".test"}})
		s.Apply(world.SecretText(name, certificates[name]))
	}
	s.Apply(s.BackendText("one"), world.RouteText("all", "name: edge", nil, world.To("one")),
		world.GatewayText("edge", httpsListener("a", "a.test", "a"), httpsListener("b", "b.test", "b")))
	address := s.Programmed("edge")
	for name, certificate := range certificates {
		s.Serves(world.Request{To: address, Host: name + ".test", Trust: []*harness.Certificate{certificate}}, "one")
	}
	if answer := s.Ask(world.Request{To: address, Host: "b.test", Trust: []*harness.Certificate{certificates["a"]}}); answer.Err == nil {
		t.Errorf("b.test has the certificate of a.test: %s", answer)
	}
	if answer := s.Ask(world.Request{To: address, Host: "c.test", Trust: []*harness.Certificate{certificates["a"]}}); answer.Err == nil {
		t.Errorf("a name of no listener is served: %s", answer)
	}
}

// A new certificate is shown from some handshake on, and none fails.
func TestTLSRotation(t *testing.T) {
	spec := harness.CertificateSpec{DNSNames: []string{"a.test"}}
	before, after := harness.NewCertificate(t, spec), harness.NewCertificate(t, spec)
	s := world.Ready(t).Space(t)
	s.Apply(world.SecretText("a", before), s.BackendText("one"), world.RouteText("all", "name: edge", nil, world.To("one")),
		world.GatewayText("edge", httpsListener("a", "a.test", "a")))
	request := world.Request{To: s.Programmed("edge"), Host: "a.test", Trust: []*harness.Certificate{before, after}}
	s.Serves(request, "one")
	run := s.StartLoad(t, world.Load{Request: request, Rate: 50, NewConnections: true})
	run.More(t, 50)
	s.Apply(world.SecretText("a", after))
	onlyNew := request
	onlyNew.Trust = request.Trust[1:]
	s.Serves(onlyNew, "one")
	run.More(t, 50)
	answers := run.Stop()
	s.Expect(answers, "200", func(a world.Answer) bool { return a.Status == 200 })
	if last := answers[len(answers)-1]; last.TLS == nil || !last.TLS.PeerCertificates[0].Equal(after.Leaf) {
		t.Error("the last handshake was not by the new certificate")
	}
}

// A pair that doesn't fit together is refused, with the listener's others untouched; put right, it serves.
func TestTLSPairThatDoesNotFit(t *testing.T) {
	good := harness.NewCertificate(t, harness.CertificateSpec{DNSNames: []string{"a.test"}})
	other := harness.NewCertificate(t, harness.CertificateSpec{DNSNames: []string{"b.test"}})
	bad := *other
	bad.KeyPEM = good.KeyPEM
	s := world.Ready(t).Space(t)
	s.Apply(world.SecretText("a", good), world.SecretText("b", &bad), s.BackendText("one"), world.RouteText("all", "name: edge", nil, world.To("one")),
		world.GatewayText("edge", httpsListener("a", "a.test", "a"), httpsListener("b", "b.test", "b")))
	gateway := s.WaitObject("Gateway", "edge", "listener b: ResolvedRefs=False, InvalidCertificateRef", func(o world.Object) bool {
		return o.ListenerCondition("b", "ResolvedRefs").Reason == "InvalidCertificateRef" && len(o.Items("status", "addresses")) > 0
	})
	address := gateway.Text("status", "addresses", 0, "value")
	s.Serves(world.Request{To: address, Host: "a.test", Trust: []*harness.Certificate{good}}, "one")
	s.Apply(world.SecretText("b", other))
	s.Serves(world.Request{To: address, Host: "b.test", Trust: []*harness.Certificate{other}}, "one")
}
