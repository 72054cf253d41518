package cases

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"portreeve.dev/e2e/harness"
)

// world is everything that one case has for itself: a gateway, ports, backends and certificates.
type world struct {
	t        testing.TB
	c        *Case
	place    Place
	ports    map[string]int
	backends map[string]*harness.Backend
	certs    map[string]*harness.Certificate

	changed time.Time // the start, or the last apply or delete
	first   bool      // no check has held since then
	load    *load     // a `during` that still runs
}

var (
	backendName  = regexp.MustCompile(`^([a-zA-Z])\.(address|port)$`)
	listenerName = regexp.MustCompile(`^([a-z][a-z0-9-]+)\.port$`)
	certName     = regexp.MustCompile(`^cert\.([^.]+)\.(crt|key)$`)
	repeatName   = regexp.MustCompile(`^repeat\.(.)\.([0-9]+)$`)
)

// newWorld makes what the placeholders name and fills them in.
func newWorld(t testing.TB, c *Case, place Place) *world {
	t.Helper()
	w := &world{t: t, c: c, place: place, ports: map[string]int{}, backends: map[string]*harness.Backend{},
		certs: map[string]*harness.Certificate{}}
	for _, spec := range c.Certificates {
		if w.certs[spec.Name] != nil {
			t.Fatalf("certificate %s is there twice", spec.Name)
		}
	}
	w.makeCertificates()
	eachText(reflect.ValueOf(c), func(text string) string {
		return placeholder.ReplaceAllStringFunc(text, func(whole string) string { return w.fill(whole[2 : len(whole)-1]) })
	})
	for letter := range c.Backends {
		if w.backends[letter] == nil {
			t.Fatalf("backends: %q is used by no resource", letter)
		}
	}
	return w
}

// makeCertificates makes issuers before what they sign, in whichever order they stand.
func (w *world) makeCertificates() {
	for len(w.certs) < len(w.c.Certificates) {
		before := len(w.certs)
		for _, spec := range w.c.Certificates {
			if w.certs[spec.Name] != nil || spec.SignedBy != "" && w.certs[spec.SignedBy] == nil {
				continue
			}
			w.certs[spec.Name] = harness.NewCertificate(w.t, harness.CertificateSpec{DNSNames: spec.DNSNames, Key: spec.Key,
				CA: spec.CA, SignedBy: w.certs[spec.SignedBy]})
		}
		if len(w.certs) == before {
			w.t.Fatalf("certificates: a signedBy names none of the list")
		}
	}
}

func (w *world) fill(name string) string {
	if name == "controller" {
		return harness.ControllerName
	}
	if name == "client.address" {
		return w.place.ClientAddress()
	}
	if found := repeatName.FindStringSubmatch(name); found != nil {
		count, _ := strconv.Atoi(found[2])
		return strings.Repeat(found[1], count)
	}
	if found := certName.FindStringSubmatch(name); found != nil {
		certificate := w.certs[found[1]]
		if certificate == nil {
			w.t.Fatalf("no certificate %q", found[1])
		}
		if found[2] == "crt" {
			return certificate.CrtBase64()
		}
		return certificate.KeyBase64()
	}
	if found := backendName.FindStringSubmatch(name); found != nil {
		b := w.backend(found[1])
		if found[2] == "address" {
			return b.Address
		}
		return strconv.Itoa(b.Port)
	}
	if found := listenerName.FindStringSubmatch(name); found != nil {
		if w.ports[found[1]] == 0 {
			w.ports[found[1]] = harness.Port(w.t)
		}
		return strconv.Itoa(w.ports[found[1]])
	}
	w.t.Fatalf("unknown placeholder ${%s}", name)
	return ""
}

// countAll is the number of requests so far at each backend.
func (w *world) countAll() map[string]int {
	counts := map[string]int{}
	for letter, b := range w.backends {
		counts[letter] = b.Count()
	}
	return counts
}

// newRequests are the requests that backends got since counts, without those of a `during`.
func (w *world) newRequests(counts map[string]int) map[string][]harness.Seen {
	found := map[string][]harness.Seen{}
	for letter, b := range w.backends {
		for _, seen := range b.Seen(counts[letter]) {
			if !seen.Fields.Has(duringField) {
				found[letter] = append(found[letter], seen)
			}
		}
	}
	return found
}

func describe(requests map[string][]harness.Seen) string {
	if len(requests) == 0 {
		return "no backend got a request"
	}
	var letters []string
	for letter := range requests {
		letters = append(letters, letter)
	}
	slices.Sort(letters)
	var text strings.Builder
	for _, letter := range letters {
		list := requests[letter]
		fmt.Fprintf(&text, "backend %s got %d:\n", letter, len(list))
		for _, seen := range list[:min(3, len(list))] {
			text.WriteString(indent(seen.String()))
		}
	}
	return text.String()
}

func indent(text string) string {
	return "    " + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n    ") + "\n"
}
