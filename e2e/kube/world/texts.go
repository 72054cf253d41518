package world

import (
	"fmt"
	"strings"

	"portreeve.dev/e2e/harness"
)

// HTTPListener is a listener for any host on a port, in a Gateway's YAML.
const HTTPListener = "{name: http, protocol: HTTP, port: 80, allowedRoutes: {namespaces: {from: All}}}"

// GatewayText is a Gateway of the chart's class; without listeners, it has HTTPListener.
func GatewayText(name string, listeners ...string) string {
	return GatewayOf(Class, name, "", listeners...)
}

// GatewayOf is a Gateway of a class, with further lines of its spec ("infrastructure: {…}").
func GatewayOf(class, name, spec string, listeners ...string) string {
	if len(listeners) == 0 {
		listeners = []string{HTTPListener}
	}
	text := fmt.Sprintf("---\napiVersion: %sv1\nkind: Gateway\nmetadata: {name: %s}\nspec:\n  gatewayClassName: %s\n", gatewayGroup, name, class)
	if spec != "" {
		text += "  " + spec + "\n"
	}
	return text + "  listeners:\n  - " + strings.Join(listeners, "\n  - ") + "\n"
}

// ClassText is a GatewayClass, with further lines of its spec.
func ClassText(name, controller, spec string) string {
	return fmt.Sprintf("---\napiVersion: %sv1\nkind: GatewayClass\nmetadata: {name: %s}\nspec:\n  controllerName: %s\n  %s\n",
		gatewayGroup, name, controller, spec)
}

// RouteText is an HTTPRoute: its parent ("name: edge, sectionName: http"), hostnames, and rules, each a flow mapping.
func RouteText(name, parent string, hosts []string, rules ...string) string {
	text := fmt.Sprintf("---\napiVersion: %sv1\nkind: HTTPRoute\nmetadata: {name: %s}\nspec:\n  parentRefs: [{%s}]\n", gatewayGroup, name, parent)
	if len(hosts) > 0 {
		text += "  hostnames: [\"" + strings.Join(hosts, `", "`) + "\"]\n"
	}
	return text + "  rules:\n  - " + strings.Join(rules, "\n  - ") + "\n"
}

// To is a rule that sends everything to a backend's Service.
func To(backend string) string { return fmt.Sprintf("{backendRefs: [{name: %s, port: 80}]}", backend) }

// PrefixTo is a rule that sends what begins with a path there.
func PrefixTo(path, backend string) string {
	return fmt.Sprintf("{matches: [{path: {type: PathPrefix, value: %q}}], backendRefs: [{name: %s, port: 80}]}", path, backend)
}

// BackendText is the demo backend as a Deployment of one pod, and its Service on port 80.
func (w *World) BackendText(name string) string {
	return strings.NewReplacer("NAME", name, "TAG", w.Tag).Replace(`---
apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME}
spec:
  selector: {matchLabels: {app: NAME}}
  template:
    metadata: {labels: {app: NAME}}
    spec:
      terminationGracePeriodSeconds: 1
      automountServiceAccountToken: false
      containers:
      - name: backend
        image: portreeve-demo-backend:TAG
        args: [--port=9000, --address=0.0.0.0, --name=NAME]
        readinessProbe: {httpGet: {path: /ready, port: 9000}, periodSeconds: 1}
        securityContext: {runAsNonRoot: true, runAsUser: 65532}
---
apiVersion: v1
kind: Service
metadata: {name: NAME}
spec:
  selector: {app: NAME}
  ports: [{name: http, port: 80, targetPort: 9000}]
`)
}

// SecretText is a certificate with its key.
func SecretText(name string, certificate *harness.Certificate) string {
	return fmt.Sprintf("---\napiVersion: v1\nkind: Secret\nmetadata: {name: %s}\ntype: kubernetes.io/tls\ndata: {tls.crt: %s, tls.key: %s}\n",
		name, certificate.CrtBase64(), certificate.KeyBase64())
}
