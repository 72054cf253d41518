//go:build cluster

package feature

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"portreeve.dev/e2e/kube/world"
)

func config(name, spec string) string {
	return fmt.Sprintf("---\napiVersion: portreeve.dev/v1alpha1\nkind: DataPlaneConfig\nmetadata: {name: %s}\nspec: {%s}\n", name, spec)
}

const parameters = "infrastructure: {parametersRef: {group: portreeve.dev, kind: DataPlaneConfig, name: %s}}"

// class makes a GatewayClass, which has no namespace to go with.
func class(s *world.Space, controller, spec string) string {
	s.Apply(world.ClassText(s.Namespace, controller, spec))
	s.T.Cleanup(func() {
		if err := s.TryDelete(context.Background(), "GatewayClass", "", s.Namespace); err != nil {
			s.T.Error(err)
		}
	})
	return s.Namespace
}

const ours = "portreeve.dev/controller"

// What a class's DataPlaneConfig says holds for its Gateways, but for what a Gateway's own says.
func TestDataPlaneConfig(t *testing.T) {
	s := world.Ready(t).Space(t)
	s.Apply(config("of-class", `replicas: 2, logLevel: debug, drainSeconds: 1, workers: 2, service: {type: ClusterIP},
  resources: {requests: {cpu: 50m, memory: 48Mi}, limits: {memory: 256Mi}},
  nodeSelector: {kubernetes.io/os: linux}, tolerations: [{key: example.com/only, operator: Exists, effect: NoSchedule}],
  affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/hostname, operator: Exists}]}]}}}`),
		config("of-gateway", "replicas: 1, logLevel: error, accessLog: false"),
		s.BackendText("one"))
	name := class(s, ours, fmt.Sprintf("parametersRef: {group: portreeve.dev, kind: DataPlaneConfig, name: of-class, namespace: %s}", s.Namespace))
	s.Apply(world.GatewayOf(name, "edge", ""), world.RouteText("all", "name: edge", nil, world.To("one")))
	address := s.Programmed("edge")
	s.Serves(world.Request{To: address}, "one")
	deployment := s.WaitObject("Deployment", "edge-"+name, "two data planes", func(o world.Object) bool { return o.Number("status", "readyReplicas") == 2 })

	for what, came := range map[string][2]string{
		"replicas":     {"2", deployment.Text("spec", "replicas")},
		"nodeSelector": {"map[kubernetes.io/os:linux]", deployment.Text("spec", "template", "spec", "nodeSelector")},
		"toleration":   {"map[effect:NoSchedule key:example.com/only operator:Exists]", deployment.Text("spec", "template", "spec", "tolerations", 0)},
		"resources":    {"map[limits:map[memory:256Mi] requests:map[cpu:50m memory:48Mi]]", container(deployment).Text("resources")},
		"affinity":     {"[map[matchExpressions:[map[key:kubernetes.io/hostname operator:Exists]]]]", deployment.Text("spec", "template", "spec", "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms")},
		"service":      {"ClusterIP", s.Object("Service", "edge-"+name).Text("spec", "type")},
		"address":      {s.Object("Service", "edge-"+name).Text("spec", "clusterIP"), address},
		"logLevel":     {"true", fmt.Sprint(hasArgument(deployment, "--log-level=debug"))},
		"workers":      {"true", fmt.Sprint(hasArgument(deployment, "--workers=2"))},
	} {
		if came[0] != came[1] {
			t.Errorf("%s of the class: want %s, came %s", what, came[0], came[1])
		}
	}

	s.Apply(world.GatewayOf(name, "edge", fmt.Sprintf(parameters, "of-gateway")))
	deployment = s.WaitObject("Deployment", "edge-"+name, "one data plane, rolled out", func(o world.Object) bool {
		return o.Number("spec", "replicas") == 1 && o.Number("status", "observedGeneration") == o.Number("metadata", "generation") &&
			o.Number("status", "updatedReplicas") == 1 && o.Number("status", "replicas") == 1 && o.Number("status", "readyReplicas") == 1
	})
	for what, came := range map[string][2]string{
		"logLevel":     {"true", fmt.Sprint(hasArgument(deployment, "--log-level=error"))},
		"accessLog":    {"true", fmt.Sprint(hasArgument(deployment, "--access-log=off"))},
		"nodeSelector": {"map[kubernetes.io/os:linux]", deployment.Text("spec", "template", "spec", "nodeSelector")},
	} {
		if came[0] != came[1] {
			t.Errorf("%s with the Gateway's own: want %s, came %s", what, came[0], came[1])
		}
	}
	if again := s.Programmed("edge"); again != address {
		t.Errorf("the address is %s, and was %s", again, address)
	}
	s.Serves(world.Request{To: address}, "one")
}

func container(deployment world.Object) world.Object {
	return deployment.Items("spec", "template", "spec", "containers")[0]
}

func hasArgument(deployment world.Object, want string) bool {
	arguments, _ := container(deployment).At("args").([]any)
	for _, argument := range arguments {
		if argument == want {
			return true
		}
	}
	return false
}

// A node that isn't there: the Gateway says that it waits for its data planes, and is served when the choice is put right.
func TestNoNodeForDataPlanes(t *testing.T) {
	s := world.Ready(t).Space(t)
	s.Apply(config("placed", "nodeSelector: {example.com/none: none}"), s.BackendText("one"), world.RouteText("all", "name: edge", nil, world.To("one")),
		world.GatewayOf(world.Class, "edge", fmt.Sprintf(parameters, "placed")))
	s.Refused("Gateway", "edge", "Programmed", "Pending")
	s.Apply(config("placed", "nodeSelector: {kubernetes.io/os: linux}"))
	s.Serves(world.Request{To: s.Programmed("edge")}, "one")
}

// A parametersRef to nothing is named by the object that has it; when what it names is there, all is well.
func TestParametersThatAreNotThere(t *testing.T) {
	t.Run("of a Gateway", func(t *testing.T) {
		s := world.Ready(t).Space(t)
		s.Apply(world.GatewayOf(world.Class, "edge", fmt.Sprintf(parameters, "absent")))
		if said := s.Refused("Gateway", "edge", "Accepted", "InvalidParameters"); !strings.Contains(said.Message, s.Namespace+"/absent") {
			t.Errorf("the message doesn't name it: %s", said)
		}
		s.Apply(config("absent", "replicas: 1"))
		s.Programmed("edge")
	})
	t.Run("of a GatewayClass", func(t *testing.T) {
		s := world.Ready(t).Space(t)
		name := class(s, ours, fmt.Sprintf("parametersRef: {group: portreeve.dev, kind: DataPlaneConfig, name: absent, namespace: %s}", s.Namespace))
		s.WaitObject("GatewayClass", name, "Accepted=False, InvalidParameters, naming it", func(o world.Object) bool {
			said := o.Condition("Accepted")
			return said.Is("False", o) && said.Reason == "InvalidParameters" && strings.Contains(said.Message, s.Namespace+"/absent")
		})
		s.Apply(world.GatewayOf(name, "edge", ""))
		s.Refused("Gateway", "edge", "Accepted", "Invalid")
		s.Apply(config("absent", "replicas: 1"))
		s.Programmed("edge")
	})
}

// What another controller has is left alone: no status, no object.
func TestClassOfAnotherController(t *testing.T) {
	s := world.Ready(t).Space(t)
	mark := s.AuditMark(t)
	name := class(s, "example.com/other", `description: "not ours"`)
	s.Apply(world.GatewayOf(name, "theirs", ""), world.RouteText("theirs", "name: theirs", nil, world.To("one")))
	// Ours came later, and is done.
	s.Apply(world.GatewayText("edge"))
	s.Programmed("edge")
	for _, write := range s.Writes(t, mark) {
		theirs := write.Name == name || write.Name == "theirs" && write.Namespace == s.Namespace
		if theirs && write.User == "system:serviceaccount:"+world.SystemNamespace+":"+world.Controller {
			t.Errorf("our controller wrote to it: %+v", write)
		}
	}
	for _, kind := range []string{"Deployment", "Service", "ServiceAccount"} {
		if made := s.Objects(kind, "gateway.networking.k8s.io/gateway-name=theirs"); len(made) > 0 {
			t.Errorf("a %s was made for it: %v", kind, made)
		}
	}
	if parents := s.Object("HTTPRoute", "theirs").Items("status", "parents"); len(parents) > 0 {
		t.Errorf("the route has a status: %v", parents)
	}
}
