package feature

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"portreeve.dev/e2e/harness"
)

// TestListenersComeMoveAndGo: requests on other listeners, and in work on the one that goes, aren't cut.
func TestListenersComeMoveAndGo(t *testing.T) {
	release := make(chan struct{})
	w := start(t, harness.Options{Workers: 2}, func(x *harness.Exchange) {
		if x.Target == "/slow" {
			<-release
		}
		harness.EchoID(x)
	})
	stop := make(chan struct{})
	var running sync.WaitGroup
	var mu sync.Mutex
	var failures []string
	for worker := range 4 {
		running.Go(func() {
			var client *harness.Client
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				var err error
				if client == nil {
					client, err = harness.Dial(w.address())
				}
				var response *harness.Response
				id := fmt.Sprintf("%d-%d", worker, n)
				if err == nil {
					response, err = client.Exchange(harness.Request{Host: host, Fields: harness.Fields{field("X-Id", id)}})
				}
				if err != nil || string(response.Body) != "id="+id {
					mu.Lock()
					failures = append(failures, fmt.Sprintf("%s: %v %v", id, response, err))
					mu.Unlock()
					client = nil
					continue
				}
				if worker%2 == 0 || response.Closing() {
					client.Close()
					client = nil
				}
			}
		})
	}
	main := harness.Listener{Name: "http", Port: w.port}
	ports := harness.Ports(t, 4)
	var slow []*harness.Client
	for round := range 8 {
		port, gone := ports[round%4], ports[(round+3)%4]
		w.Folder.Apply(harness.GatewayDoc("edge", main, harness.Listener{Name: "extra", Port: port}))
		harness.WaitFor(t, 5*time.Second, fmt.Sprintf("the new port %d", port), func() (bool, string) {
			response, err := harness.Do(harness.Address(port), harness.Request{Host: host})
			return err == nil && response.Status == 200, fmt.Sprint(response, err)
		})
		if round > 0 {
			harness.WaitFor(t, 5*time.Second, fmt.Sprintf("the old port %d to be closed", gone), func() (bool, string) {
				client, err := harness.Dial(harness.Address(gone))
				if err == nil {
					client.Close()
				}
				return harness.IsRefused(err), fmt.Sprint(err)
			})
		}
		client, err := harness.Dial(harness.Address(port))
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		before := w.a.Count()
		client.Send(harness.Request{Host: host, Target: "/slow", Fields: harness.Fields{field("X-Id", fmt.Sprint("slow-", round))}}.Bytes())
		w.a.WaitSeen(t, before, 1, func(s *harness.Seen) bool { return s.Target == "/slow" })
		slow = append(slow, client)
	}
	w.Folder.Apply(harness.GatewayDoc("edge", main))
	harness.WaitFor(t, 5*time.Second, "the last port to be closed", func() (bool, string) {
		client, err := harness.Dial(harness.Address(ports[3]))
		if err == nil {
			client.Close()
		}
		return harness.IsRefused(err), fmt.Sprint(err)
	})
	close(release)
	for round, client := range slow {
		if response, err := client.Read("GET"); err != nil || string(response.Body) != fmt.Sprint("id=slow-", round) {
			t.Errorf("the request in work on a listener that went: %v %v", response, err)
		}
	}
	close(stop)
	running.Wait()
	if len(failures) > 0 {
		t.Errorf("%d requests on the listener that stayed failed, the first: %s", len(failures), failures[0])
	}
}

// TestIdleConnectionsOfAGoneListenerEnd: they aren't served by routes that are no longer theirs.
func TestIdleConnectionsOfAGoneListenerEnd(t *testing.T) {
	w := start(t, harness.Options{}, nil)
	port := harness.Port(t)
	w.Folder.Apply(harness.GatewayDoc("edge", harness.Listener{Name: "http", Port: w.port}, harness.Listener{Name: "extra", Port: port}))
	var client *harness.Client
	harness.WaitFor(t, 5*time.Second, "the new port", func() (bool, string) {
		var err error
		client, err = harness.Dial(harness.Address(port))
		return err == nil, fmt.Sprint(err)
	})
	defer client.Close()
	wantStatus(t, exchange(t, client, harness.Request{}), 200)
	w.Folder.Apply(harness.GatewayDoc("edge", harness.Listener{Name: "http", Port: w.port}))
	if _, closed := client.WaitClosed(5 * time.Second); !closed {
		t.Errorf("the idle connection stays open")
	}
}

// TestAllAddressesOfTheMachine: listeners are on every IPv4 and IPv6 address.
func TestAllAddressesOfTheMachine(t *testing.T) {
	w := start(t, harness.Options{}, nil)
	for _, address := range []string{"127.0.0.1", "127.0.0.2", "[::1]"} {
		response, err := harness.Do(fmt.Sprintf("%s:%d", address, w.port), harness.Request{Host: host})
		if err != nil || response.Status != 200 {
			t.Errorf("%s: %v %v", address, response, err)
		}
	}
	seen := w.a.WaitSeen(t, 0, 3, nil)
	if got := seen[2].Fields.Get("X-Forwarded-For"); got != "::1" {
		t.Errorf("X-Forwarded-For %q", got)
	}
	if got := seen[2].Fields.Get("Forwarded"); !strings.Contains(got, `for="[::1]"`) {
		t.Errorf("Forwarded %q", got)
	}
}

// TestRouteOfOneListener: a sectionName keeps a route to its listener.
func TestRouteOfOneListener(t *testing.T) {
	w := start(t, harness.Options{}, nil)
	port := harness.Port(t)
	w.Folder.Apply(harness.GatewayDoc("edge", harness.Listener{Name: "http", Port: w.port}, harness.Listener{Name: "extra", Port: port}),
		harness.RouteDoc("r", "edge", "extra", nil, harness.PrefixRule("/", "a", "")))
	w.settle("/", 404, "")
	other := &world{Gateway: w.Gateway, t: t, port: port}
	other.settle("/", 200, "a")
}
