package cases

import (
	"fmt"
	"slices"
	"strconv"

	"portreeve.dev/e2e/harness"
)

func (w *world) checkStatus(want *Status) error {
	status, err := w.place.Status(Reference{want.Kind, want.Namespace, want.Name})
	if err != nil {
		return err
	}
	conditions := status.Conditions
	switch {
	case want.Kind == "HTTPRoute":
		controller := want.Controller
		if controller == "" {
			controller = harness.ControllerName
		}
		port, _ := strconv.Atoi(want.Port)
		found := false
		for _, entry := range status.Parents {
			if entry.ParentRef.Name == want.Parent && entry.ParentRef.SectionName == want.Section && entry.ParentRef.Port == port &&
				entry.ControllerName == controller {
				if found {
					return fmt.Errorf("two entries for that parent: %+v", status.Parents)
				}
				found, conditions = true, entry.Conditions
			}
		}
		if want.Present != nil {
			if found != *want.Present {
				return fmt.Errorf("wanted no entry for that parent, got %+v", status.Parents)
			}
			return nil
		}
		if !found {
			return fmt.Errorf("no entry for that parent in %+v", status.Parents)
		}
	case want.Listener != "":
		found := false
		for _, entry := range status.Listeners {
			if entry.Name != want.Listener {
				continue
			}
			found, conditions = true, entry.Conditions
			if want.AttachedRoutes != nil && entry.AttachedRoutes != *want.AttachedRoutes {
				return fmt.Errorf("wanted attachedRoutes %d, got %d", *want.AttachedRoutes, entry.AttachedRoutes)
			}
			if want.SupportedKinds != nil {
				kinds := []string{}
				for _, kind := range entry.SupportedKinds {
					kinds = append(kinds, kind.Kind)
				}
				wanted := slices.Clone(*want.SupportedKinds)
				slices.Sort(kinds)
				slices.Sort(wanted)
				if !slices.Equal(kinds, wanted) {
					return fmt.Errorf("wanted supportedKinds %q, got %q", wanted, kinds)
				}
			}
		}
		if !found {
			return fmt.Errorf("no listener %s in %+v", want.Listener, status.Listeners)
		}
	}
	if want.Condition == "" {
		if want.AttachedRoutes != nil && want.Listener == "" || want.SupportedKinds != nil && want.Listener == "" {
			return fmt.Errorf("attachedRoutes and supportedKinds belong to a listener")
		}
		return nil
	}
	condition := harness.FindCondition(conditions, want.Condition)
	if condition == nil {
		return fmt.Errorf("no condition %s in %+v", want.Condition, conditions)
	}
	if want.Is != "" && condition.Status != want.Is || want.Reason != "" && condition.Reason != want.Reason {
		return fmt.Errorf("wanted %s %s/%s, got %s/%s: %s", want.Condition, want.Is, want.Reason, condition.Status, condition.Reason, condition.Message)
	}
	ours := want.Controller == "" || want.Controller == harness.ControllerName
	if ours && status.Generation != 0 && condition.ObservedGeneration != status.Generation {
		return fmt.Errorf("%s %s/%s is about generation %d, the object's is %d", want.Condition, condition.Status, condition.Reason,
			condition.ObservedGeneration, status.Generation)
	}
	return nil
}
