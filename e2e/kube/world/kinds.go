package world

import "strings"

// kind is where the objects of a kind are found.
type kind struct {
	version, plural string
	// Without namespaces.
	global bool
}

const gatewayGroup = "gateway.networking.k8s.io/"

var kinds = map[string]kind{
	"ConfigMap":               {"v1", "configmaps", false},
	"Namespace":               {"v1", "namespaces", true},
	"Node":                    {"v1", "nodes", true},
	"Pod":                     {"v1", "pods", false},
	"ResourceQuota":           {"v1", "resourcequotas", false},
	"Secret":                  {"v1", "secrets", false},
	"Service":                 {"v1", "services", false},
	"ServiceAccount":          {"v1", "serviceaccounts", false},
	"Deployment":              {"apps/v1", "deployments", false},
	"ReplicaSet":              {"apps/v1", "replicasets", false},
	"HorizontalPodAutoscaler": {"autoscaling/v2", "horizontalpodautoscalers", false},
	"Lease":                   {"coordination.k8s.io/v1", "leases", false},
	"EndpointSlice":           {"discovery.k8s.io/v1", "endpointslices", false},
	"Event":                   {"events.k8s.io/v1", "events", false},
	"NetworkPolicy":           {"networking.k8s.io/v1", "networkpolicies", false},
	"PodDisruptionBudget":     {"policy/v1", "poddisruptionbudgets", false},
	"DataPlaneConfig":         {"portreeve.dev/v1alpha1", "dataplaneconfigs", false},
	"GatewayClass":            {gatewayGroup + "v1", "gatewayclasses", true},
	"Gateway":                 {gatewayGroup + "v1", "gateways", false},
	"HTTPRoute":               {gatewayGroup + "v1", "httproutes", false},
	"ReferenceGrant":          {gatewayGroup + "v1beta1", "referencegrants", false},
}

// collection is the path of all objects of a kind in a namespace, or in all of them.
func collection(version, name, namespace string) string {
	parts := []string{"", "apis", version}
	if !strings.Contains(version, "/") {
		parts[1] = "api"
	}
	if namespace != "" && !kinds[name].global {
		parts = append(parts, "namespaces", namespace)
	}
	return strings.Join(append(parts, kinds[name].plural), "/")
}

// path is that of one object; without a name, of all.
func path(name, namespace, object string) string {
	known, ok := kinds[name]
	if !ok {
		panic("kind " + name + " isn't in the table of kinds")
	}
	path := collection(known.version, name, namespace)
	if object != "" {
		path += "/" + object
	}
	return path
}
