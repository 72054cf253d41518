package cases

import (
	"fmt"
	"strconv"
	"sync"
	"time"

	"portreeve.dev/e2e/harness"
)

// duringField marks the requests of a `during`, so that checks that run at the same time don't count them.
const duringField = "X-Case-During"

// mostAtOnce is how many requests of a load may wait for their answers. Where the machine leaves a gateway too little
// time for 60 a second, more would only queue until they fail.
const mostAtOnce = 30

// load sends one request again and again, each on a new connection, 60 a second.
type load struct {
	w     *world
	spec  *During
	shown time.Time // when the change showed
	stop  chan struct{}
	ended sync.WaitGroup

	mu      sync.Mutex
	answers []loadAnswer
}

type loadAnswer struct {
	number int
	at     time.Time
	status int
	err    error
}

func (w *world) startLoad(spec *During) error {
	l := &load{w: w, spec: spec, stop: make(chan struct{})}
	w.load = l
	l.ended.Add(1)
	go l.run()
	// The change comes once the load runs.
	if seen, ok := harness.Poll(20*time.Second, func() (bool, string) {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.answers) >= 10, fmt.Sprintf("%d answers", len(l.answers))
	}); !ok {
		return fmt.Errorf("the load of `during` doesn't come up: %s", seen)
	}
	return nil
}

func (l *load) run() {
	defer l.ended.Done()
	ticker := time.NewTicker(time.Second / 60)
	defer ticker.Stop()
	var inFlight sync.WaitGroup
	defer inFlight.Wait()
	free := make(chan struct{}, mostAtOnce)
	for number := 0; ; number++ {
		select {
		case <-l.stop:
			return
		case <-ticker.C:
		}
		select {
		case <-l.stop:
			return
		case free <- struct{}{}:
		}
		inFlight.Go(func() {
			defer func() { <-free }()
			answer := loadAnswer{number: number, at: time.Now()}
			answer.status, answer.err = l.one(number)
			l.mu.Lock()
			defer l.mu.Unlock()
			l.answers = append(l.answers, answer)
		})
	}
}

func (l *load) one(number int) (int, error) {
	response, client, err := l.w.ask(l.spec.Request, harness.Field{Name: duringField, Value: strconv.Itoa(number)})
	if client != nil {
		client.Close()
	}
	if err != nil {
		return 0, err
	}
	if response.Truncated {
		return 0, fmt.Errorf("a truncated answer of status %d", response.Status)
	}
	return response.Status, nil
}

// stopLoad ends a load without judging it.
func (w *world) stopLoad() {
	if w.load != nil {
		close(w.load.stop)
		w.load.ended.Wait()
		w.load = nil
	}
}

// endLoad lets a load run until one second after the change showed, stops it and judges each answer.
func (w *world) endLoad() error {
	l := w.load
	if l == nil {
		return nil
	}
	end := l.shown.Add(time.Second)
	if l.shown.IsZero() {
		// No check followed: the change shows within the time that it may take.
		end = w.changed.Add(harness.Scale(w.place.Settle()) + time.Second)
	}
	time.Sleep(time.Until(end)) // the format wants the request sent until one second after the change shows
	w.stopLoad()

	backendOf := map[string]string{}
	for letter, b := range w.backends {
		for _, seen := range b.Seen(0) {
			if number := seen.Fields.Get(duringField); number != "" {
				if backendOf[number] != "" {
					return fmt.Errorf("request %s of `during` reached %s and %s", number, backendOf[number], letter)
				}
				backendOf[number] = letter
			}
		}
	}
	for _, answer := range l.answers {
		backend := backendOf[strconv.Itoa(answer.number)]
		if backend == "" {
			backend = "none"
		}
		if answer.err != nil {
			return fmt.Errorf("request %d of `during`, %v after the change: %w", answer.number, answer.at.Sub(w.changed), answer.err)
		}
		allowed := false
		for _, allow := range l.spec.Allow {
			allowed = allowed || allow.Status == answer.status && allow.Backend == backend
		}
		if !allowed {
			return fmt.Errorf("request %d of `during`, %v after the change: status %d by %s, which isn't allowed", answer.number,
				answer.at.Sub(w.changed), answer.status, backend)
		}
	}
	// Numbers start again with the next load.
	for _, b := range w.backends {
		b.Forget()
	}
	return nil
}
