package helm

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

const (
	controllerID = "Deployment portreeve-system/portreeve-controller"
	budgetID     = "PodDisruptionBudget portreeve-system/portreeve-controller"
	policyID     = "NetworkPolicy portreeve-system/portreeve-controller"
	dashboardID  = "ConfigMap portreeve-system/portreeve-dashboard"
)

// By these, pods are known that the controller makes (controller/provision).
var dataplaneLabels = map[string]string{"app.kubernetes.io/component": "dataplane", "app.kubernetes.io/managed-by": "portreeve"}

func version(t *testing.T) string {
	t.Helper()
	match := regexp.MustCompile(`(?m)^project\(portreeve VERSION (\S+)`).FindStringSubmatch(read(t, "CMakeLists.txt"))
	if match == nil {
		t.Fatal("CMakeLists.txt has no version")
	}
	return match[1]
}

func crdFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root(), "crds", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no CRDs in crds/: %v", err)
	}
	return files
}

// crds reads what stands in crds/, by id.
func crds(t *testing.T) map[string]*customResourceDefinition {
	t.Helper()
	found := map[string]*customResourceDefinition{}
	for _, file := range crdFiles(t) {
		object, id, err := decode([]byte(read(t, "crds", filepath.Base(file))))
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		found[id] = object.(*customResourceDefinition)
	}
	return found
}

func TestDefaults(t *testing.T) {
	wanted := []string{
		"GatewayClass portreeve",
		"ClusterRole portreeve-controller.portreeve-system",
		"ClusterRoleBinding portreeve-controller.portreeve-system",
		controllerID, budgetID, policyID,
		"Role portreeve-system/portreeve-controller",
		"RoleBinding portreeve-system/portreeve-controller",
		"Service portreeve-system/portreeve-controller",
		"ServiceAccount portreeve-system/portreeve-controller",
	}
	wanted = slices.Sorted(slices.Values(slices.Concat(wanted, slices.Collect(maps.Keys(crds(t))))))
	all := render(t)
	if got := slices.Sorted(maps.Keys(all)); !slices.Equal(got, wanted) {
		t.Errorf("rendered:\n  %s\nwanted:\n  %s", strings.Join(got, "\n  "), strings.Join(wanted, "\n  "))
	}
	class := get[gatewayClass](t, all, "GatewayClass portreeve")
	if class.Spec.ControllerName != "portreeve.dev/controller" || class.Spec.ParametersRef != nil {
		t.Errorf("GatewayClass: %+v", class.Spec)
	}
}

func TestVersions(t *testing.T) {
	var about struct {
		Version    string
		AppVersion string `yaml:"appVersion"`
	}
	if err := yaml.Unmarshal([]byte(read(t, "helm", "portreeve", "Chart.yaml")), &about); err != nil {
		t.Fatal(err)
	}
	if wanted := version(t); about.Version != wanted || about.AppVersion != wanted {
		t.Errorf("Chart.yaml: version %q, appVersion %q; CMakeLists.txt has %q", about.Version, about.AppVersion, wanted)
	}
}

func TestControllerPods(t *testing.T) {
	all := render(t)
	got := get[deployment](t, all, controllerID)
	pod := got.Spec.Template.Spec
	if got.Spec.Replicas != 2 || len(pod.Containers) != 1 {
		t.Fatalf("%d replicas, %d containers; wanted 2 and 1", got.Spec.Replicas, len(pod.Containers))
	}
	c := pod.Containers[0]

	if update := got.Spec.Strategy.RollingUpdate; update.MaxUnavailable != 0 || update.MaxSurge != 1 {
		t.Errorf("an update takes controllers away before others are there: %+v", update)
	}
	if c.Image != "portreeve-controller:"+version(t) || c.ImagePullPolicy != "IfNotPresent" {
		t.Errorf("image %s, %s", c.Image, c.ImagePullPolicy)
	}
	wanted := []string{
		"--kubernetes",
		"--namespace=portreeve-system",
		"--listen=0.0.0.0:18000",
		"--service-name=portreeve-controller.portreeve-system.svc",
		"--token=/var/run/secrets/portreeve/token",
		"--admin=0.0.0.0:18001",
		"--dataplane-image=portreeve-dataplane:" + version(t),
		"--dataplane-pull-policy=IfNotPresent",
		"--controller-name=portreeve.dev/controller",
		"--log-level=info",
	}
	if !slices.Equal(c.Args, wanted) {
		t.Errorf("args:\n  %s\nwanted:\n  %s", strings.Join(c.Args, "\n  "), strings.Join(wanted, "\n  "))
	}
	env := map[string]string{}
	for _, one := range c.Env {
		env[one.Name] = one.ValueFrom.FieldRef.FieldPath
	}
	if want := map[string]string{"POD_NAME": "metadata.name", "POD_NAMESPACE": "metadata.namespace", "POD_IP": "status.podIP",
		"POD_SERVICE_ACCOUNT": "spec.serviceAccountName"}; !maps.Equal(env, want) {
		t.Errorf("env: %v", env)
	}

	// What Kubernetes calls "restricted", and a root that can't be written.
	of := c.SecurityContext
	if !pod.SecurityContext.RunAsNonRoot || pod.SecurityContext.SeccompProfile.Type != "RuntimeDefault" ||
		*pod.SecurityContext.RunAsUser == 0 || !of.RunAsNonRoot || !of.ReadOnlyRootFilesystem ||
		of.AllowPrivilegeEscalation == nil || *of.AllowPrivilegeEscalation || !slices.Equal(of.Capabilities.Drop, []string{"ALL"}) {
		t.Errorf("security contexts: pod %+v, container %+v", pod.SecurityContext, of)
	}
	if pod.ServiceAccountName != "portreeve-controller" || !pod.AutomountServiceAccountToken {
		t.Errorf("ServiceAccount %q, its token is there: %v", pod.ServiceAccountName, pod.AutomountServiceAccountToken)
	}

	// By which a replica proves to the leader who it is.
	wantedToken := serviceAccountToken{Audience: "portreeve.dev", ExpirationSeconds: 3600, Path: "token"}
	if len(pod.Volumes) != 1 || len(pod.Volumes[0].Projected.Sources) != 1 ||
		pod.Volumes[0].Projected.Sources[0].ServiceAccountToken != wantedToken ||
		!slices.Equal(c.VolumeMounts, []volumeMount{{pod.Volumes[0].Name, "/var/run/secrets/portreeve", true}}) {
		t.Errorf("volumes %+v, mounted %+v", pod.Volumes, c.VolumeMounts)
	}

	ports := map[string]int{}
	for _, port := range c.Ports {
		ports[port.Name] = port.ContainerPort
	}
	if want := map[string]int{"grpc": 18000, "admin": 18001}; !maps.Equal(ports, want) {
		t.Errorf("ports: %v", ports)
	}
	for name, of := range map[string]struct {
		probe probe
		path  string
	}{"liveness": {c.LivenessProbe, "/healthz"}, "readiness": {c.ReadinessProbe, "/readyz"}, "startup": {c.StartupProbe, "/healthz"}} {
		if of.probe.HTTPGet.Path != of.path || of.probe.HTTPGet.Port != "admin" {
			t.Errorf("%s probe: %+v", name, of.probe)
		}
	}

	// Everything that chooses the pods does.
	labels := got.Spec.Template.Metadata.Labels
	selectors := map[string]map[string]string{
		"Deployment":          got.Spec.Selector.MatchLabels,
		"Service":             get[service](t, all, "Service portreeve-system/portreeve-controller").Spec.Selector,
		"PodDisruptionBudget": get[podDisruptionBudget](t, all, budgetID).Spec.Selector.MatchLabels,
		"NetworkPolicy":       get[networkPolicy](t, all, policyID).Spec.PodSelector.MatchLabels,
	}
	for _, spread := range pod.TopologySpreadConstraints {
		selectors["spread over "+spread.TopologyKey] = spread.LabelSelector.MatchLabels
	}
	if len(pod.TopologySpreadConstraints) != 2 {
		t.Errorf("the pods aren't spread over nodes and zones: %+v", pod.TopologySpreadConstraints)
	}
	for name, chosen := range selectors {
		if len(chosen) == 0 {
			t.Errorf("%s chooses every pod", name)
		}
		for key, value := range chosen {
			if labels[key] != value {
				t.Errorf("%s doesn't choose the controller's pods: %s=%s, they have %q", name, key, value, labels[key])
			}
		}
	}
}

func TestPodValues(t *testing.T) {
	all := render(t, "--set-json", `controller={"replicas":1,"runAsUser":null,"logLevel":"debug","priorityClassName":"high",`+
		`"imagePullSecrets":[{"name":"pull"}],"podLabels":{"team":"edge"},"podAnnotations":{"a":"b"},"nodeSelector":{"pool":"infra"},`+
		`"tolerations":[{"key":"infra","operator":"Exists"}],"affinity":{"podAntiAffinity":{}},`+
		`"topologySpreadConstraints":[{"topologyKey":"rack","maxSkew":2,"whenUnsatisfiable":"DoNotSchedule"}],`+
		`"image":{"repository":"registry.example.com:5000/edge/controller","tag":"1.2.3","pullPolicy":"Always"}}`,
		"--set", "dataplane.image.repository=registry.example.com/dataplane",
		"--set", "dataplane.image.digest=sha256:"+strings.Repeat("0a", 32),
		"--set", "dataplane.image.pullPolicy=Never")
	if _, there := all[budgetID]; there {
		t.Error("a PodDisruptionBudget for one replica")
	}
	got := get[deployment](t, all, controllerID).Spec
	pod := got.Template.Spec
	if got.Replicas != 1 || pod.SecurityContext.RunAsUser != nil || !pod.SecurityContext.RunAsNonRoot {
		t.Errorf("replicas %d, pod's security context %+v", got.Replicas, pod.SecurityContext)
	}
	if got.Template.Metadata.Labels["team"] != "edge" || got.Template.Metadata.Annotations["a"] != "b" {
		t.Errorf("metadata of pods: %+v", got.Template.Metadata)
	}
	if pod.PriorityClassName != "high" || pod.ImagePullSecrets[0]["name"] != "pull" || pod.NodeSelector["pool"] != "infra" ||
		pod.Tolerations[0]["key"] != "infra" || pod.Affinity == nil ||
		len(pod.TopologySpreadConstraints) != 1 || pod.TopologySpreadConstraints[0].TopologyKey != "rack" {
		t.Errorf("pod: %+v", pod)
	}
	c := pod.Containers[0]
	if c.Image != "registry.example.com:5000/edge/controller:1.2.3" || c.ImagePullPolicy != "Always" {
		t.Errorf("image %s, %s", c.Image, c.ImagePullPolicy)
	}
	for _, wanted := range []string{"--log-level=debug", "--dataplane-pull-policy=Never",
		"--dataplane-image=registry.example.com/dataplane@sha256:" + strings.Repeat("0a", 32)} {
		if !slices.Contains(c.Args, wanted) {
			t.Errorf("args %v: no %s", c.Args, wanted)
		}
	}
}

func TestGatewayClass(t *testing.T) {
	all := render(t, "--set", "gatewayClass.name=internal", "--set", "controllerName=example.com/second",
		"--set", "gatewayClass.parametersRef.namespace=infra", "--set", "gatewayClass.parametersRef.name=small")
	class := get[gatewayClass](t, all, "GatewayClass internal")
	wanted := map[string]string{"group": "portreeve.dev", "kind": "DataPlaneConfig", "namespace": "infra", "name": "small"}
	if class.Spec.ControllerName != "example.com/second" || !maps.Equal(class.Spec.ParametersRef, wanted) {
		t.Errorf("%+v", class.Spec)
	}
	args := get[deployment](t, all, controllerID).Spec.Template.Spec.Containers[0].Args
	if !slices.Contains(args, "--controller-name=example.com/second") {
		t.Errorf("the controller serves another class: %v", args)
	}
	if _, there := render(t, "--set", "gatewayClass.create=false")["GatewayClass portreeve"]; there {
		t.Error("gatewayClass.create=false makes one")
	}
}

// TestCRDs: what is installed is what stands in crds/, and stays when the release goes.
func TestCRDs(t *testing.T) {
	all := render(t)
	for id, wanted := range crds(t) {
		got := get[customResourceDefinition](t, all, id)
		if !reflect.DeepEqual(got.Spec, wanted.Spec) {
			t.Errorf("%s: the chart has another spec than crds/", id)
		}
		if got.Metadata.Annotations["helm.sh/resource-policy"] != "keep" {
			t.Errorf("%s goes with the release, and every object of it", id)
		}
		for key, value := range wanted.Metadata.Annotations {
			if got.Metadata.Annotations[key] != value {
				t.Errorf("%s: annotation %s is %q, in crds/ %q", id, key, got.Metadata.Annotations[key], value)
			}
		}
	}
	for id := range render(t, "--set", "crds.install=false") {
		if strings.HasPrefix(id, "CustomResourceDefinition ") {
			t.Errorf("crds.install=false: %s", id)
		}
	}
}

func TestNetworkPolicy(t *testing.T) {
	ports := func(of []networkPort) string {
		var all []string
		for _, port := range of {
			all = append(all, port.Protocol+" "+port.Port)
		}
		return strings.Join(all, ", ")
	}
	spec := get[networkPolicy](t, render(t), policyID).Spec
	if len(spec.Ingress) != 2 || ports(spec.Ingress[0].Ports) != "TCP grpc" || ports(spec.Ingress[1].Ports) != "TCP admin" {
		t.Errorf("ingress: %+v", spec.Ingress)
	}
	if len(spec.Egress) != 2 || ports(spec.Egress[0].Ports) != "TCP 443, TCP 6443, UDP 53, TCP 53" || ports(spec.Egress[1].Ports) != "TCP grpc" {
		t.Errorf("egress: %+v", spec.Egress)
	}
	// Replicas tell the leader what their data planes say.
	for _, peers := range [][]networkPeer{spec.Ingress[0].From[1:], spec.Egress[1].To} {
		if len(peers) != 1 || peers[0].NamespaceSelector != nil || peers[0].PodSelector == nil ||
			!maps.Equal(peers[0].PodSelector.MatchLabels, spec.PodSelector.MatchLabels) {
			t.Errorf("another way than between the controller's replicas: %+v", peers)
		}
	}
	from := spec.Ingress[0].From[0]
	if from.PodSelector == nil || !maps.Equal(from.PodSelector.MatchLabels, dataplaneLabels) ||
		from.NamespaceSelector == nil || from.NamespaceSelector.MatchExpressions != nil {
		t.Errorf("configuration isn't for the data planes of all namespaces: %+v", from)
	}

	spec = get[networkPolicy](t, render(t, "--set", "watchNamespaces={a,b}", "--set-json", "networkPolicy.metricsFrom=[]",
		"--set-json", "networkPolicy.apiServerPorts=[16443]"), policyID).Spec
	if len(spec.Ingress) != 1 || ports(spec.Egress[0].Ports) != "TCP 16443, UDP 53, TCP 53" {
		t.Errorf("ingress %+v, egress %+v", spec.Ingress, spec.Egress)
	}
	if names := spec.Ingress[0].From[0].NamespaceSelector.MatchExpressions; len(names) != 1 ||
		names[0].Key != "kubernetes.io/metadata.name" || !slices.Equal(names[0].Values, []string{"a", "b"}) {
		t.Errorf("configuration isn't for the data planes of a and b: %+v", names)
	}
	if _, there := render(t, "--set", "networkPolicy.create=false")[policyID]; there {
		t.Error("networkPolicy.create=false makes one")
	}
}

func TestMonitoring(t *testing.T) {
	all := render(t, "--set", "monitoring.serviceMonitor.create=true", "--set", "monitoring.serviceMonitor.interval=5s",
		"--set", "monitoring.serviceMonitor.labels.release=prometheus", "--set", "monitoring.dashboard.create=true")
	controller := get[monitor](t, all, "ServiceMonitor portreeve-system/portreeve-controller")
	chosen := get[service](t, all, "Service portreeve-system/portreeve-controller")
	for key, value := range controller.Spec.Selector.MatchLabels {
		if chosen.Metadata.Labels[key] != value {
			t.Errorf("the ServiceMonitor doesn't choose the Service: %s=%s", key, value)
		}
	}
	if end := controller.Spec.Endpoints; len(end) != 1 || end[0].Port != "admin" || end[0].Interval != "5s" ||
		controller.Metadata.Labels["release"] != "prometheus" {
		t.Errorf("%+v", controller)
	}
	dataplane := get[monitor](t, all, "PodMonitor portreeve-system/portreeve-dataplane")
	if end := dataplane.Spec.PodMetricsEndpoints; !dataplane.Spec.NamespaceSelector.Any || len(end) != 1 || end[0].Port != "admin" ||
		!maps.Equal(dataplane.Spec.Selector.MatchLabels, dataplaneLabels) {
		t.Errorf("%+v", dataplane)
	}

	dashboard := get[configMap](t, all, dashboardID)
	if dashboard.Metadata.Labels["grafana_dashboard"] != "1" {
		t.Errorf("Grafana's sidecar doesn't find the dashboard: %v", dashboard.Metadata.Labels)
	}
	// Each metric that it shows is one that the documents promise.
	documents := read(t, "docs", "observability.md") + read(t, "docs", "kubernetes-monitoring.md")
	text := dashboard.Data["portreeve.json"]
	if !json.Valid([]byte(text)) {
		t.Fatal("the dashboard isn't JSON")
	}
	metrics := regexp.MustCompile(`portreeve_\w+`).FindAllString(text, -1)
	if len(metrics) < 15 {
		t.Errorf("the dashboard shows %d metrics", len(metrics))
	}
	for _, metric := range metrics {
		if !strings.Contains(documents, "`"+strings.TrimSuffix(metric, "_bucket")+"`") {
			t.Errorf("the dashboard shows %s, which no document knows", metric)
		}
	}
	watched := render(t, "--set", "monitoring.serviceMonitor.create=true", "--set", "watchNamespaces={a}")
	names := get[monitor](t, watched, "PodMonitor portreeve-system/portreeve-dataplane").Spec.NamespaceSelector
	if names.Any || !slices.Equal(names.MatchNames, []string{"a"}) {
		t.Errorf("PodMonitor with watchNamespaces: %+v", names)
	}
}

// TestPackage: the package holds what the folder does, with the CRDs that are a link there.
func TestPackage(t *testing.T) {
	folder := t.TempDir()
	if _, stderr, err := helm(t, "package", chart(), "--destination", folder); err != nil {
		t.Fatalf("helm package: %v\n%s", err, stderr)
	}
	packages, err := filepath.Glob(filepath.Join(folder, "*.tgz"))
	if err != nil || len(packages) != 1 {
		t.Fatalf("helm package made %v, %v", packages, err)
	}
	if want, got := template(t, chart()), template(t, packages[0]); got != want {
		t.Errorf("the package renders:\n%s\nthe folder:\n%s", got, want)
	}
}

func TestLint(t *testing.T) {
	for name, args := range map[string][]string{
		"default":    nil,
		"namespaces": {"--set", "watchNamespaces={a,b}"},
		"monitoring": {"--set", "monitoring.serviceMonitor.create=true,monitoring.dashboard.create=true"},
	} {
		t.Run(name, func(t *testing.T) {
			if stdout, stderr, err := helm(t, append([]string{"lint", "--strict", chart(), "--namespace", namespace}, args...)...); err != nil {
				t.Errorf("%v\n%s%s", err, stdout, stderr)
			}
		})
	}
}

// TestNotes: they say the next commands, for the names that there are.
func TestNotes(t *testing.T) {
	for name, of := range map[string]struct{ args, wanted []string }{
		"default": {nil, []string{
			"kubectl -n portreeve-system rollout status deployment/portreeve-controller",
			"gatewayclass/portreeve", "kubectl apply -n default -f -", "gatewayClassName: portreeve"}},
		"namespaces": {[]string{"--set", "watchNamespaces={a,b}", "--set", "gatewayClass.name=internal"}, []string{
			"for the namespaces a, b", "kubectl apply -n a -f -", "gatewayclass/internal", "gatewayClassName: internal"}},
		"no class": {[]string{"--set", "gatewayClass.create=false"}, []string{
			"controllerName portreeve.dev/controller; make one"}},
	} {
		t.Run(name, func(t *testing.T) {
			stdout, stderr, err := helm(t, append([]string{"install", "portreeve", chart(), "--namespace", namespace, "--dry-run=client"}, of.args...)...)
			if err != nil {
				t.Fatalf("%v\n%s", err, stderr)
			}
			_, notes, _ := strings.Cut(stdout, "\nNOTES:\n")
			for _, wanted := range of.wanted {
				if !strings.Contains(notes, wanted) {
					t.Errorf("the notes don't say %q:\n%s", wanted, notes)
				}
			}
		})
	}
}

// TestExampleImages: the examples name images that there are.
func TestExampleImages(t *testing.T) {
	images := regexp.MustCompile(`(?m)image: (\S+)$`).FindAllStringSubmatch(read(t, "examples", "kubernetes", "backends.yaml"), -1)
	if len(images) != 2 {
		t.Fatalf("images: %v", images)
	}
	for _, image := range images {
		if image[1] != "portreeve-demo-backend:"+version(t) {
			t.Errorf("image %s; the version is %s", image[1], version(t))
		}
	}
}
