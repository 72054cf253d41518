//go:build cluster

package cases

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"portreeve.dev/e2e/cases"
	"portreeve.dev/e2e/harness"
	"portreeve.dev/e2e/kube/world"
)

// document is one object of a case file.
type document struct {
	// Kind, namespace and name that it has here, as in the object.
	as     cases.Reference
	object world.Object
	// Its metadata.creationTimestamp and status, which aren't for whoever makes an object to say.
	age    string
	status world.Object
}

// Apply makes the objects in their order. New ones with an age come last, the oldest first.
func (p *place) Apply(text string) error {
	parts, _, err := harness.SplitDocuments(text)
	if err != nil {
		return err
	}
	var aged []document
	for _, part := range parts {
		one, err := p.parse(part)
		if err != nil {
			return fmt.Errorf("%w in\n%s", err, part)
		}
		if one.age != "" && !p.made[one.as] {
			aged = append(aged, one)
		} else if err := p.put(one); err != nil {
			return err
		}
	}
	slices.SortStableFunc(aged, func(a, b document) int { return strings.Compare(a.age, b.age) })
	for len(aged) > 0 {
		same := 1
		for same < len(aged) && aged[same].age == aged[0].age {
			same++
		}
		if err := p.putInOneSecond(aged[:same]); err != nil {
			return err
		}
		aged = aged[same:]
	}
	return nil
}

// parse gives the object and all that it names the names of here.
func (p *place) parse(text string) (document, error) {
	var fields map[string]any
	if err := yaml.Unmarshal([]byte(text), &fields); err != nil {
		return document{}, err
	}
	// As the API server reads it: numbers and times are those of JSON.
	asJSON, err := json.Marshal(fields)
	if err != nil {
		return document{}, err
	}
	var object world.Object
	if err := json.Unmarshal(asJSON, &object); err != nil {
		return document{}, err
	}
	metadata, found := object.At("metadata").(map[string]any)
	if !found {
		return document{}, fmt.Errorf("no metadata")
	}
	as := p.own(cases.Reference{Kind: object.Text("kind"), Namespace: object.Text("metadata", "namespace"), Name: object.Name()})
	p.rename(map[string]any(object))
	metadata["name"] = as.Name
	if as.Namespace != "" {
		metadata["namespace"] = as.Namespace
	}
	one := document{as: as, object: object, age: object.Text("metadata", "creationTimestamp")}
	one.status, _ = object.At("status").(map[string]any)
	delete(metadata, "creationTimestamp")
	delete(object, "status")
	return one, nil
}

// own is how an object of the case file is called here.
func (p *place) own(object cases.Reference) cases.Reference {
	switch {
	case object.Kind == "Namespace" || object.Kind == "GatewayClass":
		object.Name = p.prefix + object.Name
	case object.Namespace == "":
		object.Namespace = p.prefix + "default"
	default:
		object.Namespace = p.prefix + object.Namespace
	}
	return object
}

// nameLabel is the label that each namespace has: its name.
const nameLabel = "kubernetes.io/metadata.name"

// rename gives namespaces and classes their names of here, wherever they are named: in parentRefs, backendRefs,
// ReferenceGrants, selectors.
func (p *place) rename(at any) {
	switch at := at.(type) {
	case []any:
		for _, item := range at {
			p.rename(item)
		}
	case map[string]any:
		for field, value := range at {
			name, isText := value.(string)
			names, isList := value.([]any)
			switch {
			case isText && slices.Contains([]string{"namespace", "gatewayClassName", nameLabel}, field):
				at[field] = p.prefix + name
			case isList && field == "values" && at["key"] == nameLabel:
				for i := range names {
					names[i] = p.prefix + fmt.Sprint(names[i])
				}
			default:
				p.rename(value)
			}
		}
	}
}

// put makes an object, or changes it to what the document says.
func (p *place) put(one document) error {
	if namespace := (cases.Reference{Kind: "Namespace", Name: one.as.Namespace}); one.as.Namespace != "" && !p.made[namespace] {
		err := p.apply(namespace, world.Object{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": namespace.Name}})
		if err != nil {
			return err
		}
	}
	p.note(one)
	if err := p.apply(one.as, one.object); err != nil {
		return err
	}
	if one.status != nil {
		return p.putStatus(one)
	}
	return nil
}

func (p *place) apply(as cases.Reference, object world.Object) error {
	text, err := json.Marshal(object)
	if err != nil {
		return err
	}
	p.made[as] = true
	return p.cluster.TryApply(context.Background(), "", string(text))
}

// putInOneSecond makes objects of one age, younger than all that were made before.
func (p *place) putInOneSecond(group []document) error {
	const tries = 5
	var seconds map[string]bool
	for range tries {
		// An age is a whole second: it must be another one than before, and long enough for all of the group.
		time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second))) // until it begins
		seconds = map[string]bool{}
		for _, one := range group {
			if err := p.put(one); err != nil {
				return err
			}
			seconds[p.cluster.Find(one.as.Kind, one.as.Namespace, one.as.Name).Text("metadata", "creationTimestamp")] = true
		}
		if len(seconds) == 1 {
			return nil
		}
		for _, one := range group {
			if err := p.remove(one.as); err != nil {
				return err
			}
		}
	}
	return fmt.Errorf("%d objects couldn't be made in one second, the last time in %v", len(group), seconds)
}

// putStatus writes what another controller has to say of an object, as such a one must: into the newest version, without
// touching what others say.
func (p *place) putStatus(one document) error {
	for {
		object, err := p.cluster.TryFind(context.Background(), one.as.Kind, one.as.Namespace, one.as.Name)
		if err != nil {
			return err
		}
		status := maps.Clone(one.status)
		if said := one.status.Items("parents"); said != nil {
			all := slices.Clone(one.status.At("parents").([]any))
			for _, entry := range object.Items("status", "parents") {
				same := func(other world.Object) bool { return other.Text("controllerName") == entry.Text("controllerName") }
				if !slices.ContainsFunc(said, same) {
					all = append(all, entry)
				}
			}
			status["parents"] = all
		}
		object["status"] = status
		err = p.cluster.TryPutStatus(context.Background(), "another-controller", object)
		if !world.Conflict(err) {
			return err
		}
	}
}
