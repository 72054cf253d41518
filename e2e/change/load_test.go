// Package change changes the configuration, and ends and restarts processes, under a constant load whose every answer
// is checked.
package change

import (
	"crypto/tls"
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"portreeve.dev/e2e/harness"
)

// target is one thing that the load asks for in turn.
type target struct {
	port   int
	secure bool
	host   string
	path   string
	// check judges an answer to a request that was sent at the given time.
	check func(sent time.Time, response *harness.Response, state tls.ConnectionState) error
}

// load sends requests at a constant rate, whether or not earlier ones have been answered: an open loop.
type load struct {
	t       *testing.T
	targets []target
	every   time.Duration
	stop    chan struct{}
	ended   sync.WaitGroup

	sent     atomic.Int64
	answered atomic.Int64
	dialled  atomic.Int64
	mu       sync.Mutex
	failures []string
	pools    [][]*harness.Client
	slowest  time.Duration
}

func startLoad(t *testing.T, perSecond int, targets []target) *load {
	l := &load{t: t, targets: targets, every: time.Second / time.Duration(perSecond), stop: make(chan struct{}), pools: make([][]*harness.Client, len(targets))}
	l.ended.Add(1)
	go l.run()
	return l
}

func (l *load) run() {
	defer l.ended.Done()
	var inFlight sync.WaitGroup
	defer inFlight.Wait()
	next := time.Now()
	for n := 0; ; n++ {
		next = next.Add(l.every)
		select {
		case <-l.stop:
			return
		case <-time.After(time.Until(next)):
		}
		l.sent.Add(1)
		inFlight.Go(func() {
			if err := l.one(n); err != nil {
				l.fail("request %d: %v", n, err)
			}
			l.answered.Add(1)
		})
	}
}

func (l *load) fail(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.failures) < 1000 {
		l.failures = append(l.failures, fmt.Sprintf(format, args...))
	}
}

// one sends request n: every 15th on a new connection, the others on a kept one.
func (l *load) one(n int) error {
	which := n % len(l.targets)
	to := l.targets[which]
	fresh := n/len(l.targets)%15 == 0
	sent := time.Now()
	client, reused, err := l.connect(which, fresh)
	if err != nil {
		return fmt.Errorf("connect to %s%s: %w", to.host, to.path, err)
	}
	id := strconv.Itoa(n)
	client.Timeout = harness.Scale(10 * time.Second)
	response, err := client.Exchange(harness.Request{Host: to.host, Target: to.path, Fields: harness.Fields{{Name: "X-Id", Value: id}}})
	if err != nil {
		client.Close()
		return fmt.Errorf("%s%s (connection reused: %v): %w", to.host, to.path, reused, err)
	}
	state := client.TLS()
	if response.Closing() || fresh {
		client.Close()
	} else {
		l.mu.Lock()
		l.pools[which] = append(l.pools[which], client)
		l.mu.Unlock()
	}
	if took := time.Since(sent); took > 0 {
		l.mu.Lock()
		l.slowest = max(l.slowest, took)
		l.mu.Unlock()
	}
	if response.Status != 200 || response.Truncated {
		return fmt.Errorf("%s%s: %v", to.host, to.path, response)
	}
	if got := response.Fields.Get("X-Echo"); got != id {
		return fmt.Errorf("%s%s: the answer to request %q", to.host, to.path, got)
	}
	if to.check != nil {
		if err := to.check(sent, response, state); err != nil {
			return fmt.Errorf("%s%s: %w", to.host, to.path, err)
		}
	}
	return nil
}

func (l *load) connect(which int, fresh bool) (*harness.Client, bool, error) {
	if !fresh {
		l.mu.Lock()
		if pool := l.pools[which]; len(pool) > 0 {
			client := pool[len(pool)-1]
			l.pools[which] = pool[:len(pool)-1]
			l.mu.Unlock()
			return client, true, nil
		}
		l.mu.Unlock()
	}
	l.dialled.Add(1)
	to := l.targets[which]
	if to.secure {
		client, err := harness.DialTLS(harness.Address(to.port), to.host, nil)
		return client, false, err
	}
	client, err := harness.Dial(harness.Address(to.port))
	return client, false, err
}

// finish ends the load and fails the test if any request did.
func (l *load) finish() {
	l.t.Helper()
	close(l.stop)
	l.ended.Wait()
	for _, pool := range l.pools {
		for _, client := range pool {
			client.Close()
		}
	}
	for _, text := range l.failures[:min(len(l.failures), 10)] {
		l.t.Error(text)
	}
	if len(l.failures) > 0 {
		l.t.Errorf("%d of %d requests failed", len(l.failures), l.sent.Load())
	}
	fmt.Printf("change: %s: %d requests on %d connections, %d failed, the slowest took %v\n", l.t.Name(), l.sent.Load(), l.dialled.Load(), len(l.failures), l.slowest.Round(time.Millisecond))
}

// tagging answers with the id of the request and the name of the backend.
func tagging(name string) harness.Handler {
	return func(x *harness.Exchange) {
		if x.ReadBody() == nil {
			_ = x.Reply(200, harness.Fields{{Name: "X-Echo", Value: x.ID()}, {Name: "X-Backend", Value: name}}, name)
		}
	}
}

// history knows which values were current when. A value may still be seen for `grace` after another took its place.
type history[T comparable] struct {
	mu      sync.Mutex
	current T
	ended   map[T]time.Time // when a value was seen to be replaced
}

func newHistory[T comparable](first T) *history[T] {
	return &history[T]{current: first, ended: map[T]time.Time{}}
}

func (h *history[T]) set(value T) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if value == h.current {
		return
	}
	h.ended[h.current] = time.Now()
	delete(h.ended, value)
	h.current = value
}

// grace is how long after a change an answer may still be by the configuration before it.
const grace = 2 * time.Second

func (h *history[T]) check(sent time.Time, value T) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if value == h.current {
		return nil
	}
	ended, known := h.ended[value]
	if !known {
		return fmt.Errorf("the answer is by %v, which was never configured here", value)
	}
	if sent.After(ended.Add(harness.Scale(grace))) {
		return fmt.Errorf("the answer is by %v, which was replaced %v before the request", value, sent.Sub(ended))
	}
	return nil
}

func dialable(port int) bool {
	conn, err := net.DialTimeout("tcp", harness.Address(port), time.Second)
	if err == nil {
		conn.Close()
	}
	return err == nil
}
