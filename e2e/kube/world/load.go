package world

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"portreeve.dev/e2e/harness"
)

// Load is a stream of requests while something happens. It is bounded in number and time, whatever becomes of its test.
type Load struct {
	Request Request
	// Requests that are begun each second, whether others are answered or not. 0: Clients ask one after the other.
	Rate int
	// How many requests may be under way. Default 4, with a Rate 256.
	Clients int
	// Each request on a connection of its own.
	NewConnections bool
	// Default 100,000, and 10 minutes.
	Most  int
	Until time.Duration
}

// Run is a load that runs.
type Run struct {
	stop    context.CancelFunc
	ended   sync.WaitGroup
	client  *http.Client
	count   atomic.Int64
	mutex   sync.Mutex
	answers []Answer
}

var errTooMany = errors.New("not sent: too many requests are under way")

// StartLoad begins a load; it ends with Stop, or with the test.
func (w *World) StartLoad(t testing.TB, load Load) *Run {
	t.Helper()
	if load.Clients == 0 {
		load.Clients = 4
		if load.Rate > 0 {
			load.Clients = 256
		}
	}
	if load.Most == 0 {
		load.Most = 100_000
	}
	if load.Until == 0 {
		load.Until = harness.Scale(10 * time.Minute)
	}
	ctx, stop := context.WithTimeout(context.Background(), load.Until)
	r := &Run{stop: stop, client: w.Client(load.Request, !load.NewConnections)}
	if load.Rate > 0 {
		r.ended.Go(func() { r.atRate(ctx, load) })
	} else {
		var begun atomic.Int64
		for range load.Clients {
			r.ended.Go(func() {
				for ctx.Err() == nil && begun.Add(1) <= int64(load.Most) {
					r.record(ask(context.Background(), r.client, load.Request))
				}
			})
		}
	}
	t.Cleanup(func() { r.Stop() })
	return r
}

// atRate begins each request at its time. One that is late because this machine is busy is begun at once.
func (r *Run) atRate(ctx context.Context, load Load) {
	free := make(chan struct{}, load.Clients)
	begin := time.Now()
	for i := range load.Most {
		due := begin.Add(time.Duration(i) * time.Second / time.Duration(load.Rate))
		if wait := time.Until(due); wait > 0 {
			select {
			case <-ctx.Done():
				return
			case <-time.After(wait): // the pace is what is wanted
			}
		} else if ctx.Err() != nil {
			return
		}
		select {
		case free <- struct{}{}:
			r.ended.Go(func() {
				r.record(ask(context.Background(), r.client, load.Request))
				<-free
			})
		default:
			r.record(Answer{Err: errTooMany, Begun: time.Now(), ID: newID()})
		}
	}
}

func (r *Run) record(answer Answer) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.answers = append(r.answers, answer)
	r.count.Add(1)
}

// Count is the number of answers so far.
func (r *Run) Count() int { return int(r.count.Load()) }

// More waits for that many further answers: whatever was done before is what the last of these met.
func (r *Run) More(t testing.TB, number int) {
	t.Helper()
	want := r.Count() + number
	harness.WaitFor(t, Limit, fmt.Sprintf("%d more answers", number), func() (bool, string) {
		return r.Count() >= want, fmt.Sprint(r.Count(), " answers")
	})
}

// Stop sends no more requests, waits for the answers that are due, and returns all.
func (r *Run) Stop() []Answer {
	r.stop()
	r.ended.Wait()
	r.client.CloseIdleConnections()
	return r.answers
}

// Expect fails the test with the first few answers that aren't as they should be, and what the data planes' access logs
// have of them. It wants one answer at least.
func (s *Space) Expect(answers []Answer, what string, ok func(Answer) bool) {
	s.T.Helper()
	const told = 5
	wrong := 0
	for _, answer := range answers {
		if ok(answer) {
			continue
		}
		if wrong++; wrong <= told {
			s.T.Errorf("want %s; came, at %s: %s\naccess log: %s", what, answer.Begun.Format("15:04:05.000"), answer, s.AccessLine(answer.ID))
		}
	}
	if wrong > told {
		s.T.Errorf("%d more of %d answers are wrong", wrong-told, len(answers))
	}
	if len(answers) == 0 {
		s.T.Error("no request was sent")
	}
}

func newID() string {
	var bytes [12]byte
	_, _ = rand.Read(bytes[:])
	return hex.EncodeToString(bytes[:])
}
