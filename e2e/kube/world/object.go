package world

import (
	"fmt"
	"strings"
)

// Object is an object of the API as JSON; a nil or empty one has nothing in it.
type Object map[string]any

// At walks along names of fields and indices; nil when there is nothing.
func (o Object) At(steps ...any) any {
	var at any = map[string]any(o)
	for _, step := range steps {
		switch step := step.(type) {
		case string:
			fields, _ := at.(map[string]any)
			at = fields[step]
		case int:
			list, _ := at.([]any)
			if step >= len(list) {
				return nil
			}
			at = list[step]
		}
	}
	return at
}

// Text is what stands there as a text; "" for nothing.
func (o Object) Text(steps ...any) string {
	if at := o.At(steps...); at != nil {
		return fmt.Sprint(at)
	}
	return ""
}

// Number is the number that stands there; 0 for nothing.
func (o Object) Number(steps ...any) int {
	number, _ := o.At(steps...).(float64)
	return int(number)
}

// Items is the list of objects that stands there.
func (o Object) Items(steps ...any) []Object {
	list, _ := o.At(steps...).([]any)
	var items []Object
	for _, one := range list {
		fields, _ := one.(map[string]any)
		items = append(items, fields)
	}
	return items
}

// Name is the object's.
func (o Object) Name() string { return o.Text("metadata", "name") }

// Condition is one of an object's conditions; the zero one isn't there.
type Condition struct {
	Type, Status, Reason, Message string
	Generation                    int
}

// Is says whether the condition is there, has that status, and is about the object as it is now.
func (c Condition) Is(status string, of Object) bool {
	return c.Status == status && c.Generation == of.Number("metadata", "generation")
}

func (c Condition) String() string {
	if c.Type == "" {
		return "none"
	}
	return fmt.Sprintf("%s=%s/%s (%s) of generation %d", c.Type, c.Status, c.Reason, c.Message, c.Generation)
}

func (o Object) conditions(steps ...any) []Condition {
	var all []Condition
	for _, one := range o.Items(append(steps, "conditions")...) {
		all = append(all, Condition{one.Text("type"), one.Text("status"), one.Text("reason"), one.Text("message"),
			one.Number("observedGeneration")})
	}
	return all
}

func pick(all []Condition, name string) Condition {
	for _, one := range all {
		if one.Type == name {
			return one
		}
	}
	return Condition{}
}

// Condition is that of the object itself.
func (o Object) Condition(name string) Condition { return pick(o.conditions("status"), name) }

// ParentCondition is that of a route for its first parent.
func (o Object) ParentCondition(name string) Condition {
	return pick(o.conditions("status", "parents", 0), name)
}

// ListenerCondition is that of a Gateway's listener.
func (o Object) ListenerCondition(listener, name string) Condition {
	for i, one := range o.Items("status", "listeners") {
		if one.Text("name") == listener {
			return pick(o.conditions("status", "listeners", i), name)
		}
	}
	return Condition{}
}

// Conditions is all of them, of parents and listeners too, for a person to read.
func (o Object) Conditions() string {
	lines := []string{fmt.Sprintf("%s %s/%s of generation %d", o.Text("kind"), o.Text("metadata", "namespace"), o.Name(),
		o.Number("metadata", "generation"))}
	add := func(prefix string, all []Condition) {
		for _, one := range all {
			lines = append(lines, "  "+prefix+one.String())
		}
	}
	add("", o.conditions("status"))
	for i, one := range o.Items("status", "listeners") {
		add("listener "+one.Text("name")+": ", o.conditions("status", "listeners", i))
	}
	for i, one := range o.Items("status", "parents") {
		add("parent "+one.Text("parentRef", "name")+": ", o.conditions("status", "parents", i))
	}
	return strings.Join(lines, "\n")
}
