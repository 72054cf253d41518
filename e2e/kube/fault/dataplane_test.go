//go:build cluster

package fault

import (
	"fmt"
	"testing"

	"portreeve.dev/e2e/kube/world"
)

// Data planes come and go for all the reasons that there are, and a request meets none of it.
func TestDataPlanesReplaced(t *testing.T) {
	t.Parallel()
	s := begin(t, configured, config("config", "replicas: 1"))
	step := func(name string, do func()) {
		t.Helper()
		load := s.load()
		do()
		load.end(name)
	}
	step("restart", func() {
		s.Kubectl(t, "rollout", "restart", "--namespace", s.Namespace, "deployment/"+dataPlanes)
		s.rolledOut(dataPlanes, 1)
	})
	step("from 1 to 3, and back", func() {
		s.Apply(config("config", "replicas: 3"))
		s.rolledOut(dataPlanes, 3)
		s.Apply(config("config", "replicas: 1"))
		s.rolledOut(dataPlanes, 1)
	})
	s.Apply(config("config", "replicas: 2"))
	s.rolledOut(dataPlanes, 2)
	step("one of two deleted", func() {
		s.Delete("Pod", s.Pods("edge")[0].Name())
		s.rolledOut(dataPlanes, 2)
	})
	step("upgrade", func() {
		next := loadNext(t, s.World)
		upgrade(t, s.World, next)
		s.WaitObject("Deployment", dataPlanes, "the new image", func(o world.Object) bool {
			return o.Text("spec", "template", "spec", "containers", 0, "image") == "portreeve-dataplane:"+next
		})
		s.rolledOut(dataPlanes, 2)
		for _, pod := range s.Pods("edge") {
			if image := pod.Text("spec", "containers", 0, "image"); image != "portreeve-dataplane:"+next {
				t.Errorf("%s has the image %s", pod.Name(), image)
			}
		}
		s.Programmed("edge")
	})
	// What the new controllers make is what the old ones made.
	s.WaitFor("two controllers of the new image", func() (bool, string) {
		number := 0
		for _, pod := range s.controllers() {
			if pod.Condition("Ready").Status == "True" && pod.Text("spec", "containers", 0, "image") == "portreeve-controller:"+s.Tag+"-next" {
				number++
			}
		}
		return number == replicas, fmt.Sprint(number)
	})
}
