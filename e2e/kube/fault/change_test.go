//go:build cluster

package fault

import (
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"time"

	"portreeve.dev/e2e/harness"
	"portreeve.dev/e2e/kube/world"
)

// A certificate is replaced each second for a minute. Each handshake succeeds, by one of them.
func TestCertificateReplacedEachSecond(t *testing.T) {
	t.Parallel()
	const number, host = 60, "tls.test"
	var certificates []*harness.Certificate
	for range number + 1 {
		certificates = append(certificates, harness.NewCertificate(t, harness.CertificateSpec{DNSNames: []string{host}}))
	}
	s := begin(t, "")
	s.Apply(world.SecretText("certificate", certificates[0]), world.GatewayText("edge", world.HTTPListener,
		fmt.Sprintf("{name: https, protocol: HTTPS, port: 443, hostname: %s, tls: {certificateRefs: [{name: certificate}]}}", host)),
		world.RouteText("secure", "name: edge", []string{host}, world.To("one")))
	request := s.request(host)
	request.Trust = certificates
	s.Serves(request, "one")
	load := s.loadOf(usual/2, request, "the backend one", fromOne)
	tick := time.NewTicker(time.Second) // the pace
	defer tick.Stop()
	for _, certificate := range certificates[1:] {
		<-tick.C
		s.Apply(world.SecretText("certificate", certificate))
	}
	applied := time.Now()
	last := certificates[number]
	s.within(promptly, applied, "the last certificate", func() (bool, string) {
		answer := s.Ask(request)
		return answer.TLS != nil && answer.TLS.PeerCertificates[0].Equal(last.Leaf), answer.String()
	})
	shown := map[string]bool{}
	for _, answer := range load.end("certificates replaced") {
		if answer.TLS != nil {
			shown[answer.TLS.PeerCertificates[0].SerialNumber.String()] = true
		}
	}
	t.Logf("%d certificates were shown", len(shown))
	if len(shown) < number/2 {
		t.Errorf("%d different certificates were shown, want most of %d", len(shown), number+1)
	}
}

// 200 changes of the very route under load, and of others, at 500 requests a second. Each answer is by one of the versions
// that there were, and the last one stays.
func TestManyChanges(t *testing.T) {
	const changes, rate = 200, 500
	s := begin(t, "")
	text := func(version int) string {
		return world.RouteText("steady", "name: edge", []string{steady}, fmt.Sprintf(
			"{backendRefs: [{name: one, port: 80}], filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: X-Version, value: %q}]}}]}",
			strconv.Itoa(version)))
	}
	version := func(a world.Answer) int {
		number, err := strconv.Atoi(a.Headers["x-version"])
		if err != nil {
			return -1
		}
		return number
	}
	s.Apply(text(0))
	s.Answers(s.request(steady), "the first version", func(a world.Answer) bool { return version(a) == 0 })
	load := s.loadOf(rate, s.request(steady), "the backend one, by a version of the route", func(a world.Answer) bool {
		return fromOne(a) && version(a) >= 0 && version(a) <= changes
	})
	tick := time.NewTicker(50 * time.Millisecond) // the pace
	defer tick.Stop()
	for i := 1; i <= changes; i++ {
		<-tick.C
		if i%2 == 0 {
			s.Apply(text(i))
		} else {
			s.route(fmt.Sprint("r", i%10), []string{"one", "two"}[i%3%2])
		}
	}
	applied := time.Now()
	s.within(promptly, applied, "the last version", func() (bool, string) {
		answer := s.Ask(s.request(steady))
		return version(answer) == changes, answer.String()
	})
	shown := map[int]bool{}
	for _, answer := range load.end("many changes") {
		if answer.Status == http.StatusOK {
			shown[version(answer)] = true
		}
	}
	t.Logf("%d versions of the route were in use", len(shown))
}
