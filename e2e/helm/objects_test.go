package helm

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// The objects that the chart may hold, with every field that it may set: a field that isn't here is a mistake in a
// template, since the API server would refuse it or, worse, ignore it.

type header struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Metadata   metadata
}

type metadata struct {
	Name        string
	Namespace   string
	Labels      map[string]string
	Annotations map[string]string
}

func (h header) id() string { return h.Kind + " " + h.place() }

func (h header) place() string {
	if h.Metadata.Namespace == "" {
		return h.Metadata.Name
	}
	return h.Metadata.Namespace + "/" + h.Metadata.Name
}

type selector struct {
	MatchLabels      map[string]string `yaml:"matchLabels"`
	MatchExpressions []expression      `yaml:"matchExpressions"`
}

type expression struct {
	Key      string
	Operator string
	Values   []string
}

type deployment struct {
	header `yaml:",inline"`
	Spec   struct {
		Replicas             int
		RevisionHistoryLimit int `yaml:"revisionHistoryLimit"`
		Strategy             struct {
			Type          string
			RollingUpdate struct {
				MaxUnavailable int `yaml:"maxUnavailable"`
				MaxSurge       int `yaml:"maxSurge"`
			} `yaml:"rollingUpdate"`
		}
		Selector selector
		Template struct {
			Metadata metadata
			Spec     podSpec
		}
	}
}

type podSpec struct {
	ServiceAccountName           string              `yaml:"serviceAccountName"`
	AutomountServiceAccountToken bool                `yaml:"automountServiceAccountToken"`
	ImagePullSecrets             []map[string]string `yaml:"imagePullSecrets"`
	PriorityClassName            string              `yaml:"priorityClassName"`
	SecurityContext              securityContext     `yaml:"securityContext"`
	Containers                   []container
	Volumes                      []volume
	NodeSelector                 map[string]string `yaml:"nodeSelector"`
	Tolerations                  []map[string]string
	Affinity                     map[string]any
	TopologySpreadConstraints    []struct {
		TopologyKey       string   `yaml:"topologyKey"`
		MaxSkew           int      `yaml:"maxSkew"`
		WhenUnsatisfiable string   `yaml:"whenUnsatisfiable"`
		MatchLabelKeys    []string `yaml:"matchLabelKeys"`
		LabelSelector     selector `yaml:"labelSelector"`
	} `yaml:"topologySpreadConstraints"`
}

type securityContext struct {
	RunAsNonRoot             bool                  `yaml:"runAsNonRoot"`
	RunAsUser                *int                  `yaml:"runAsUser"`
	RunAsGroup               *int                  `yaml:"runAsGroup"`
	AllowPrivilegeEscalation *bool                 `yaml:"allowPrivilegeEscalation"`
	ReadOnlyRootFilesystem   bool                  `yaml:"readOnlyRootFilesystem"`
	SeccompProfile           struct{ Type string } `yaml:"seccompProfile"`
	Capabilities             struct{ Drop []string }
}

type container struct {
	Name            string
	Image           string
	ImagePullPolicy string `yaml:"imagePullPolicy"`
	Args            []string
	Env             []struct {
		Name      string
		ValueFrom struct {
			FieldRef struct {
				FieldPath string `yaml:"fieldPath"`
			} `yaml:"fieldRef"`
		} `yaml:"valueFrom"`
	}
	Ports []struct {
		Name          string
		ContainerPort int `yaml:"containerPort"`
	}
	LivenessProbe   probe `yaml:"livenessProbe"`
	ReadinessProbe  probe `yaml:"readinessProbe"`
	StartupProbe    probe `yaml:"startupProbe"`
	Resources       struct{ Requests, Limits map[string]string }
	SecurityContext securityContext `yaml:"securityContext"`
	VolumeMounts    []volumeMount   `yaml:"volumeMounts"`
}

type volumeMount struct {
	Name      string
	MountPath string `yaml:"mountPath"`
	ReadOnly  bool   `yaml:"readOnly"`
}

type volume struct {
	Name      string
	Projected struct {
		Sources []struct {
			ServiceAccountToken serviceAccountToken `yaml:"serviceAccountToken"`
		}
	}
}

type serviceAccountToken struct {
	Audience          string
	ExpirationSeconds int `yaml:"expirationSeconds"`
	Path              string
}

type probe struct {
	HTTPGet          struct{ Path, Port string } `yaml:"httpGet"`
	PeriodSeconds    int                         `yaml:"periodSeconds"`
	TimeoutSeconds   int                         `yaml:"timeoutSeconds"`
	FailureThreshold int                         `yaml:"failureThreshold"`
}

type service struct {
	header `yaml:",inline"`
	Spec   struct {
		Selector map[string]string
		Ports    []struct {
			Name       string
			Port       int
			TargetPort string `yaml:"targetPort"`
		}
	}
}

type serviceAccount struct {
	header                       `yaml:",inline"`
	AutomountServiceAccountToken bool `yaml:"automountServiceAccountToken"`
}

type role struct {
	header `yaml:",inline"`
	Rules  []struct {
		APIGroups     []string `yaml:"apiGroups"`
		Resources     []string
		ResourceNames []string `yaml:"resourceNames"`
		Verbs         []string
	}
}

type roleBinding struct {
	header  `yaml:",inline"`
	RoleRef struct {
		APIGroup string `yaml:"apiGroup"`
		Kind     string
		Name     string
	} `yaml:"roleRef"`
	Subjects []struct{ Kind, Namespace, Name string }
}

type podDisruptionBudget struct {
	header `yaml:",inline"`
	Spec   struct {
		MaxUnavailable int `yaml:"maxUnavailable"`
		Selector       selector
	}
}

type networkPolicy struct {
	header `yaml:",inline"`
	Spec   struct {
		PodSelector selector `yaml:"podSelector"`
		PolicyTypes []string `yaml:"policyTypes"`
		Ingress     []struct {
			From  []networkPeer
			Ports []networkPort
		}
		Egress []struct {
			To    []networkPeer
			Ports []networkPort
		}
	}
}

type networkPeer struct {
	NamespaceSelector *selector `yaml:"namespaceSelector"`
	PodSelector       *selector `yaml:"podSelector"`
}

type networkPort struct{ Protocol, Port string }

type gatewayClass struct {
	header `yaml:",inline"`
	Spec   struct {
		ControllerName string            `yaml:"controllerName"`
		ParametersRef  map[string]string `yaml:"parametersRef"`
	}
}

type configMap struct {
	header `yaml:",inline"`
	Data   map[string]string
}

type monitor struct {
	header `yaml:",inline"`
	Spec   struct {
		NamespaceSelector struct {
			Any        bool
			MatchNames []string `yaml:"matchNames"`
		} `yaml:"namespaceSelector"`
		Selector            selector
		Endpoints           []struct{ Port, Interval string }
		PodMetricsEndpoints []struct{ Port, Interval string } `yaml:"podMetricsEndpoints"`
	}
}

// A CRD is compared as a whole.
type customResourceDefinition struct {
	header `yaml:",inline"`
	Spec   map[string]any
}

var kinds = map[string]func() any{
	"apps/v1 Deployment":                               func() any { return new(deployment) },
	"v1 Service":                                       func() any { return new(service) },
	"v1 ServiceAccount":                                func() any { return new(serviceAccount) },
	"v1 ConfigMap":                                     func() any { return new(configMap) },
	"rbac.authorization.k8s.io/v1 Role":                func() any { return new(role) },
	"rbac.authorization.k8s.io/v1 ClusterRole":         func() any { return new(role) },
	"rbac.authorization.k8s.io/v1 RoleBinding":         func() any { return new(roleBinding) },
	"rbac.authorization.k8s.io/v1 ClusterRoleBinding":  func() any { return new(roleBinding) },
	"policy/v1 PodDisruptionBudget":                    func() any { return new(podDisruptionBudget) },
	"networking.k8s.io/v1 NetworkPolicy":               func() any { return new(networkPolicy) },
	"gateway.networking.k8s.io/v1 GatewayClass":        func() any { return new(gatewayClass) },
	"monitoring.coreos.com/v1 ServiceMonitor":          func() any { return new(monitor) },
	"monitoring.coreos.com/v1 PodMonitor":              func() any { return new(monitor) },
	"apiextensions.k8s.io/v1 CustomResourceDefinition": func() any { return new(customResourceDefinition) },
}

// objects are those of one rendering, by "KIND NAMESPACE/NAME".
type objects map[string]any

// parse takes a manifest apart, and fails the test for anything that isn't one of the objects above.
func parse(t *testing.T, manifest string) objects {
	t.Helper()
	found := objects{}
	documents := yaml.NewDecoder(strings.NewReader(manifest))
	for {
		var document yaml.Node
		if err := documents.Decode(&document); errors.Is(err, io.EOF) {
			return found
		} else if err != nil {
			t.Fatalf("the chart renders what isn't YAML: %v\n%s", err, manifest)
		}
		text, err := yaml.Marshal(&document)
		if err != nil {
			t.Fatal(err)
		}
		if strings.TrimSpace(string(text)) == "null" {
			continue
		}
		object, id, err := decode(text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if _, twice := found[id]; twice {
			t.Fatalf("the chart renders %s twice", id)
		}
		found[id] = object
	}
}

func decode(text []byte) (object any, id string, err error) {
	var about header
	if err := yaml.Unmarshal(text, &about); err != nil {
		return nil, "", err
	}
	create, known := kinds[about.APIVersion+" "+about.Kind]
	if !known {
		return nil, "", fmt.Errorf("no object of the chart: %s %s", about.APIVersion, about.Kind)
	}
	object = create()
	strict := yaml.NewDecoder(bytes.NewReader(text))
	strict.KnownFields(true)
	if err := strict.Decode(object); err != nil {
		return nil, "", fmt.Errorf("%s: %w", about.id(), err)
	}
	return object, about.id(), nil
}

// get is the object of that id ("Service portreeve-system/portreeve-controller").
func get[T any](t *testing.T, from objects, id string) *T {
	t.Helper()
	object, ok := from[id].(*T)
	if !ok {
		t.Fatalf("the chart renders no %s", id)
	}
	return object
}
