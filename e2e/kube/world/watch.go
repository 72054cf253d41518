package world

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"testing"

	"portreeve.dev/e2e/cluster"
)

// Watch keeps each state that an object goes through, also those that are over before anybody looks.
type Watch struct {
	stop   context.CancelFunc
	ended  sync.WaitGroup
	states []Object
}

// Watch begins with the object as it is, which must be there.
func (s *Space) Watch(kind, name string) *Watch {
	s.T.Helper()
	ctx, stop := context.WithCancel(context.Background())
	where := cluster.APIServer + path(kind, s.Namespace, "") + "?watch=1&fieldSelector=metadata.name%3D" + name
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, where, nil)
	if err != nil {
		s.T.Fatal(err)
	}
	response, err := s.api.Do(request)
	if err != nil {
		s.T.Fatal(err)
	}
	w := &Watch{stop: stop}
	events := json.NewDecoder(response.Body)
	w.ended.Go(func() {
		defer response.Body.Close()
		for {
			var event struct {
				Type   string
				Object Object
			}
			if events.Decode(&event) != nil {
				return
			}
			w.states = append(w.states, event.Object)
		}
	})
	s.T.Cleanup(func() { w.Stop(s.T) })
	return w
}

// Stop ends it and returns the states.
func (w *Watch) Stop(t testing.TB) []Object {
	t.Helper()
	w.stop()
	w.ended.Wait()
	if len(w.states) == 0 {
		t.Error("the watch saw nothing")
	}
	return w.states
}
