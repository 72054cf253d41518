package harness

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// Folder is a configuration folder: one file for each object, replaced by renaming over it.
type Folder struct {
	Path string
	t    testing.TB
}

// NewFolder makes an empty configuration folder.
func NewFolder(t testing.TB) *Folder {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config")
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
	return &Folder{Path: path, t: t}
}

// Object names a Kubernetes object.
type Object struct {
	Kind      string
	Namespace string
	Name      string
}

func (o Object) file() string {
	return strings.ToLower(fmt.Sprintf("%s-%s-%s.yaml", o.Kind, o.Namespace, o.Name))
}

// SplitDocuments cuts a YAML stream at its "---" lines and says which object each document is.
func SplitDocuments(text string) ([]string, []Object, error) {
	var documents []string
	var objects []Object
	for _, document := range strings.Split("\n"+text, "\n---") {
		if strings.TrimSpace(document) == "" {
			continue
		}
		var head struct {
			Kind     string
			Metadata struct{ Namespace, Name string }
		}
		if err := yaml.Unmarshal([]byte(document), &head); err != nil {
			return nil, nil, err
		}
		documents = append(documents, strings.TrimPrefix(document, "\n")+"\n")
		objects = append(objects, Object{head.Kind, head.Metadata.Namespace, head.Metadata.Name})
	}
	return documents, objects, nil
}

// Apply writes each document of the texts to the file of its object.
func (f *Folder) Apply(texts ...string) {
	f.t.Helper()
	if err := f.TryApply(texts...); err != nil {
		f.t.Fatal(err)
	}
}

// TryApply is Apply for goroutines that may not end the test.
func (f *Folder) TryApply(texts ...string) error {
	for _, text := range texts {
		documents, objects, err := SplitDocuments(text)
		if err != nil {
			return fmt.Errorf("%w in\n%s", err, text)
		}
		for i, document := range documents {
			if err := f.write(objects[i].file(), document); err != nil {
				return err
			}
		}
	}
	return nil
}

// Write puts a file into the folder as it is, by rename.
func (f *Folder) Write(name, content string) {
	f.t.Helper()
	if err := f.write(name, content); err != nil {
		f.t.Fatal(err)
	}
}

func (f *Folder) write(name, content string) error {
	temporary := filepath.Join(f.Path, "."+name+".tmp")
	if err := os.WriteFile(temporary, []byte(content), 0o600); err != nil {
		return err
	}
	return os.Rename(temporary, filepath.Join(f.Path, name))
}

// FileOf is the file name of an object.
func (f *Folder) FileOf(kind, namespace, name string) string {
	return Object{kind, namespace, name}.file()
}

// Delete removes the file of an object.
func (f *Folder) Delete(kind, namespace, name string) {
	f.t.Helper()
	if err := f.TryDelete(kind, namespace, name); err != nil {
		f.t.Fatal(err)
	}
}

// TryDelete is Delete for goroutines that may not end the test.
func (f *Folder) TryDelete(kind, namespace, name string) error {
	return os.Remove(filepath.Join(f.Path, Object{kind, namespace, name}.file()))
}

// Remove removes a file that Write made.
func (f *Folder) Remove(name string) {
	f.t.Helper()
	if err := os.Remove(filepath.Join(f.Path, name)); err != nil {
		f.t.Fatal(err)
	}
}

// Namespace that the documents below use.
const Namespace = "team-a"

// Base is the GatewayClass and the Namespace that every folder needs.
func Base() string {
	return fmt.Sprintf(`apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: portreeve}
spec: {controllerName: %s}
---
apiVersion: v1
kind: Namespace
metadata: {name: %s}
`, ControllerName, Namespace)
}

// Listener is one listener of a Gateway. Secret makes it HTTPS.
type Listener struct {
	Name     string
	Port     int
	Hostname string
	Secrets  []string
}

// GatewayDoc is a Gateway with these listeners.
func GatewayDoc(name string, listeners ...Listener) string {
	var text strings.Builder
	fmt.Fprintf(&text, `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {namespace: %s, name: %s}
spec:
  gatewayClassName: portreeve
  listeners:
`, Namespace, name)
	for _, l := range listeners {
		protocol := "HTTP"
		if len(l.Secrets) > 0 {
			protocol = "HTTPS"
		}
		fmt.Fprintf(&text, "  - name: %s\n    protocol: %s\n    port: %d\n", l.Name, protocol, l.Port)
		if l.Hostname != "" {
			fmt.Fprintf(&text, "    hostname: %q\n", l.Hostname)
		}
		if len(l.Secrets) > 0 {
			var refs []string
			for _, secret := range l.Secrets {
				refs = append(refs, fmt.Sprintf("{name: %s}", secret))
			}
			fmt.Fprintf(&text, "    tls: {certificateRefs: [%s]}\n", strings.Join(refs, ", "))
		}
	}
	return text.String()
}

// ServiceDoc is a Service with port 80 and an EndpointSlice with these endpoints, which share one port number.
func ServiceDoc(name string, port int, addresses ...string) string {
	var endpoints []string
	for _, address := range addresses {
		endpoints = append(endpoints, fmt.Sprintf(`{addresses: ["%s"], conditions: {ready: true}}`, address))
	}
	family := "IPv4"
	if len(addresses) > 0 && strings.Contains(addresses[0], ":") {
		family = "IPv6"
	}
	return fmt.Sprintf(`apiVersion: v1
kind: Service
metadata: {namespace: %[1]s, name: %[2]s}
spec:
  ports: [{name: http, port: 80, targetPort: %[3]d}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {namespace: %[1]s, name: %[2]s-1, labels: {kubernetes.io/service-name: %[2]s}}
addressType: %[4]s
ports: [{name: http, port: %[3]d}]
endpoints: [%[5]s]
`, Namespace, name, port, family, strings.Join(endpoints, ", "))
}

// SliceDoc is a further EndpointSlice of a Service, with one endpoint on a port of its own.
func SliceDoc(name, service string, port int, address string) string {
	return fmt.Sprintf(`apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {namespace: %[1]s, name: %[2]s, labels: {kubernetes.io/service-name: %[3]s}}
addressType: IPv4
ports: [{name: http, port: %[4]d}]
endpoints: [{addresses: ["%[5]s"], conditions: {ready: true}}]
`, Namespace, name, service, port, address)
}

// RouteDoc is an HTTPRoute. Hosts may be empty; section may be ""; rules is the YAML list under `rules:`.
func RouteDoc(name, gateway, section string, hosts []string, rules string) string {
	var text strings.Builder
	parent := "name: " + gateway
	if section != "" {
		parent += ", sectionName: " + section
	}
	fmt.Fprintf(&text, `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {namespace: %s, name: %s}
spec:
  parentRefs: [{%s}]
`, Namespace, name, parent)
	if len(hosts) > 0 {
		fmt.Fprintf(&text, "  hostnames: [\"%s\"]\n", strings.Join(hosts, `", "`))
	}
	text.WriteString("  rules:\n")
	for _, line := range strings.Split(strings.Trim(rules, "\n"), "\n") {
		text.WriteString("  " + line + "\n")
	}
	return text.String()
}

// PrefixRule is one rule that sends a path prefix to a Service; more is further YAML of the rule, unindented.
func PrefixRule(prefix, service, more string) string {
	text := fmt.Sprintf("- matches: [{path: {type: PathPrefix, value: %q}}]\n", prefix)
	if service != "" {
		text += fmt.Sprintf("  backendRefs: [{name: %s, port: 80}]\n", service)
	}
	for _, line := range strings.Split(strings.Trim(more, "\n"), "\n") {
		if line != "" {
			text += "  " + line + "\n"
		}
	}
	return text
}

// SecretDoc is a Secret of type kubernetes.io/tls.
func SecretDoc(name string, certificate *Certificate) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Secret
metadata: {namespace: %s, name: %s}
type: kubernetes.io/tls
data:
  tls.crt: %s
  tls.key: %s
`, Namespace, name, certificate.CrtBase64(), certificate.KeyBase64())
}
