package helm

import (
	"slices"
	"strings"
	"testing"
)

// What the controller may do. A line: where ("*": everywhere), group/resource[:name], verbs. A right that is added here
// is one more that whoever takes the controller over has.
const (
	clusterRights = `
		* apiextensions.k8s.io/customresourcedefinitions get,list,watch
		* authentication.k8s.io/tokenreviews create
		* gateway.networking.k8s.io/gatewayclasses get,list,watch
		* gateway.networking.k8s.io/gatewayclasses/status patch
		* /namespaces get,list,watch`
	ownRights = `
		portreeve-system coordination.k8s.io/leases create
		portreeve-system coordination.k8s.io/leases:portreeve-controller get,patch,watch
		portreeve-system /secrets create
		portreeve-system /secrets:portreeve-authority get,patch`
	namespacedRights = `
		NS apps/deployments create,delete,get,list,patch,watch
		NS autoscaling/horizontalpodautoscalers create,delete,get,list,patch,watch
		NS /configmaps create,get,list,patch,watch
		NS discovery.k8s.io/endpointslices get,list,watch
		NS events.k8s.io/events create,patch
		NS gateway.networking.k8s.io/gateways get,list,watch
		NS gateway.networking.k8s.io/gateways/status patch
		NS gateway.networking.k8s.io/httproutes get,list,watch
		NS gateway.networking.k8s.io/httproutes/status patch
		NS gateway.networking.k8s.io/referencegrants get,list,watch
		NS policy/poddisruptionbudgets create,delete,get,list,patch,watch
		NS portreeve.dev/dataplaneconfigs get,list,watch
		NS /secrets get,list,watch
		NS /serviceaccounts create,delete,get,list,patch,watch
		NS /services create,delete,get,list,patch,watch`
)

// lines is a text's lines, sorted, without what is around them.
func lines(texts ...string) []string {
	var all []string
	for _, line := range strings.Split(strings.Join(texts, "\n"), "\n") {
		if line = strings.TrimSpace(line); line != "" {
			all = append(all, line)
		}
	}
	slices.Sort(all)
	return all
}

// rights are those of all roles, as above. Each role must be bound to the controller's ServiceAccount and nobody else.
func rights(t *testing.T, all objects) []string {
	t.Helper()
	var found []string
	for id, object := range all {
		of, ok := object.(*role)
		if !ok {
			continue
		}
		where := "*"
		if of.Kind == "Role" {
			where = of.Metadata.Namespace
		}
		for _, rule := range of.Rules {
			verbs := strings.Join(slices.Sorted(slices.Values(rule.Verbs)), ",")
			for _, group := range rule.APIGroups {
				for _, resource := range rule.Resources {
					name := ""
					if len(rule.ResourceNames) > 0 {
						name = ":" + strings.Join(rule.ResourceNames, ",")
					}
					found = append(found, where+" "+group+"/"+resource+name+" "+verbs)
				}
			}
		}
		binding := get[roleBinding](t, all, of.Kind+"Binding "+strings.TrimPrefix(id, of.Kind+" "))
		if len(binding.Subjects) != 1 || binding.RoleRef.Kind != of.Kind || binding.RoleRef.Name != of.Metadata.Name ||
			binding.Subjects[0].Kind != "ServiceAccount" || binding.Subjects[0].Namespace != namespace ||
			binding.Subjects[0].Name != "portreeve-controller" {
			t.Errorf("%s: %+v", binding.id(), binding)
		}
	}
	slices.Sort(found)
	return found
}

func compare(t *testing.T, got, wanted []string) {
	t.Helper()
	for _, line := range got {
		if !slices.Contains(wanted, line) {
			t.Errorf("a right too many: %s", line)
		}
	}
	for _, line := range wanted {
		if !slices.Contains(got, line) {
			t.Errorf("a right is missing: %s", line)
		}
	}
}

func TestRights(t *testing.T) {
	compare(t, rights(t, render(t)), lines(clusterRights, ownRights, strings.ReplaceAll(namespacedRights, "NS", "*")))
}

// TestRightsInNamespaces: nothing of what is in a namespace can be read or written outside of those that are watched.
func TestRightsInNamespaces(t *testing.T) {
	all := render(t, "--set", "watchNamespaces={a,portreeve-system}")
	compare(t, rights(t, all), lines(clusterRights, ownRights, strings.ReplaceAll(namespacedRights, "NS", "a"),
		strings.ReplaceAll(namespacedRights, "NS", "portreeve-system")))
	args := get[deployment](t, all, controllerID).Spec.Template.Spec.Containers[0].Args
	for _, wanted := range []string{"--watch-namespace=a", "--watch-namespace=portreeve-system"} {
		if !slices.Contains(args, wanted) {
			t.Errorf("args %v: no %s", args, wanted)
		}
	}
}
