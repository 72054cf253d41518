package helm

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// TestRefused: a value that the chart doesn't know, or that can't be right, stops helm, and the error says where it is.
func TestRefused(t *testing.T) {
	for name, of := range map[string]struct{ set, wanted string }{
		"unknown value":             {`replicas=2`, "'replicas' not allowed"},
		"unknown value, deep":       {`controller={"replica":2}`, "'replica' not allowed"},
		"unknown value of an image": {`dataplane={"image":{"version":"1"}}`, "'version' not allowed"},
		"no replicas":               {`controller={"replicas":0}`, "/controller/replicas"},
		"replicas in words":         {`controller={"replicas":"two"}`, "/controller/replicas"},
		"root":                      {`controller={"runAsUser":0}`, "/controller/runAsUser"},
		"log level":                 {`controller={"logLevel":"verbose"}`, "/controller/logLevel"},
		"pull policy":               {`controller={"image":{"pullPolicy":"Sometimes"}}`, "/controller/image/pullPolicy"},
		"digest":                    {`dataplane={"image":{"digest":"0123"}}`, "/dataplane/image/digest"},
		"tag in the repository":     {`dataplane={"image":{"repository":"a@b"}}`, "/dataplane/image/repository"},
		"a label that is a number":  {`controller={"podLabels":{"a":1}}`, "/controller/podLabels/a"},
		"namespaces as a text":      {`watchNamespaces="a"`, "/watchNamespaces"},
		"namespace of two words":    {`watchNamespaces=["a b"]`, "/watchNamespaces/0"},
		"namespace twice":           {`watchNamespaces=["a","a"]`, "/watchNamespaces"},
		"controller without a path": {`controllerName="portreeve.dev"`, "/controllerName"},
		"half a reference":          {`gatewayClass={"parametersRef":{"name":"a"}}`, "/gatewayClass/parametersRef"},
		"no port":                   {`networkPolicy={"apiServerPorts":[]}`, "/networkPolicy/apiServerPorts"},
		"port":                      {`networkPolicy={"apiServerPorts":[65536]}`, "/networkPolicy/apiServerPorts/0"},
		"an empty peer":             {`networkPolicy={"metricsFrom":[{}]}`, "/networkPolicy/metricsFrom/0"},
		"interval":                  {`monitoring={"serviceMonitor":{"interval":"often"}}`, "/monitoring/serviceMonitor/interval"},
	} {
		t.Run(name, func(t *testing.T) {
			_, stderr, err := helm(t, "template", "portreeve", chart(), "--namespace", namespace, "--set-json", of.set)
			if err == nil || !strings.Contains(stderr, of.wanted) {
				t.Errorf("%s: error %v; wanted one with %q:\n%s", of.set, err, of.wanted, stderr)
			}
		})
	}
}

type schema struct {
	Ref                  string            `json:"$ref"`
	Description          string            `json:"description"`
	AdditionalProperties any               `json:"additionalProperties"`
	Properties           map[string]schema `json:"properties"`
	Definitions          map[string]schema `json:"definitions"`
	Items                *schema           `json:"items"`
}

// TestSchema: each value has a description, and values.yaml shows each with its default.
func TestSchema(t *testing.T) {
	var all schema
	if err := json.Unmarshal([]byte(read(t, "helm", "portreeve", "values.schema.json")), &all); err != nil {
		t.Fatal(err)
	}
	var values map[string]any
	if err := yaml.Unmarshal([]byte(read(t, "helm", "portreeve", "values.yaml")), &values); err != nil {
		t.Fatal(err)
	}
	// Given by other charts only.
	delete(all.Properties, "global")

	var visit func(path string, of schema, value any)
	visit = func(path string, of schema, value any) {
		if name, found := strings.CutPrefix(of.Ref, "#/definitions/"); found {
			of = all.Definitions[name]
		}
		if of.Items != nil {
			visit(path+"[]", *of.Items, nil)
		}
		if len(of.Properties) == 0 {
			return
		}
		if of.AdditionalProperties != false {
			t.Errorf("%s lets unknown values in", path)
		}
		shown, isMap := value.(map[string]any)
		for _, key := range slices.Sorted(maps.Keys(of.Properties)) {
			next := of.Properties[key]
			if next.Description == "" {
				t.Errorf("%s.%s has no description", path, key)
			}
			// An empty one shows none of its parts.
			if isMap && len(shown) > 0 && shown[key] == nil {
				t.Errorf("values.yaml doesn't show %s.%s", path, key)
			}
			visit(path+"."+key, next, shown[key])
		}
		for key := range shown {
			if _, known := of.Properties[key]; !known {
				t.Errorf("values.yaml has %s.%s, which the schema doesn't know", path, key)
			}
		}
	}
	visit("", all, values)
}
