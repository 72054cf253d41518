package http2

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"portreeve.dev/e2e/harness"
)

const (
	// perConnection is how many requests of one attacking connection may reach a backend before it is told to go away.
	perConnection = 150
	// growth is how much memory an attack may leave in use for each of its connections, over what one run may take anyway.
	growth     = 2 << 20
	growthOnce = 16 << 20
)

// victim is a client whose requests go on during an attack.
type victim struct {
	w    *world
	stop chan struct{}
	done sync.WaitGroup

	mu    sync.Mutex
	took  []time.Duration
	wrong []string
}

func (w *world) startVictim() *victim {
	v := &victim{w: w, stop: make(chan struct{})}
	v.done.Go(func() {
		client, err := harness.Dial(harness.Address(w.plain))
		if err != nil {
			v.wrong = append(v.wrong, err.Error())
			return
		}
		defer client.Close()
		for n := 0; ; n++ {
			select {
			case <-v.stop:
				return
			default:
			}
			id := fmt.Sprintf("victim-%d", n)
			started := time.Now()
			response, err := client.Exchange(harness.Request{Host: host, Target: "/victim", Fields: harness.Fields{field("X-Id", id)}})
			v.mu.Lock()
			v.took = append(v.took, time.Since(started))
			if err != nil || response.Status != 200 || string(response.Body) != "id="+id {
				v.wrong = append(v.wrong, fmt.Sprint(id, ": ", response, err))
			}
			v.mu.Unlock()
			if err != nil {
				return
			}
			time.Sleep(2 * time.Millisecond) // the pace of its requests
		}
	})
	return v
}

// end stops the victim and returns its 99th percentile.
func (v *victim) end(t *testing.T) time.Duration {
	t.Helper()
	close(v.stop)
	v.done.Wait()
	if len(v.wrong) > 0 {
		t.Errorf("%d of %d requests of another client failed, the first: %s", len(v.wrong), len(v.took), v.wrong[0])
	}
	if len(v.took) == 0 {
		return 0
	}
	slices.Sort(v.took)
	return v.took[len(v.took)*99/100]
}

func (v *victim) count() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.took)
}

// attack is one connection's worth of it; it returns when the connection is over or it has nothing more to send.
type attack struct {
	name string
	// run sends on a connection until it fails, the gateway says GOAWAY, or all is sent.
	run func(a *attacker)
	// endless: all of it may be sent and answered, as long as nothing grows and no one suffers.
	endless bool
	// connections is how many are attacked one after the other; 0 means 8.
	connections int
	options     harness.H2Options
	limits      map[string]int
}

type attacker struct {
	*harness.H2
	w      *world
	t      *testing.T
	number int
}

// alive says whether the attack can go on.
func (a *attacker) alive() bool { return !a.Gone() }

// frames runs write for n rounds in batches, as long as the connection lives, and returns how many rounds it did.
func (a *attacker) frames(n int, write func(f *http2.Framer, round int) error) int {
	for done := 0; done < n; {
		if !a.alive() {
			return done
		}
		a.Lock()
		var err error
		for batch := 0; batch < 50 && done < n && err == nil; batch++ {
			err = write(a.Framer, done)
			done++
		}
		a.Unlock()
		if err != nil {
			return done
		}
	}
	return n
}

func (a *attacker) head(f *http2.Framer, id uint32, end bool, more ...harness.Field) error {
	block := a.Block(a.w.fields("GET", "/attack", append([]harness.Field{field("x-id", fmt.Sprint("attack-", a.number))}, more...)...)...)
	return f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block, EndStream: end, EndHeaders: true})
}

// raw writes a frame of any kind.
func raw(f *http2.Framer, kind http2.FrameType, flags http2.Flags, id uint32, payload []byte) error {
	return f.WriteRawFrame(kind, flags, id, payload)
}

// answering: requests of attackers stay in work until the gateway gives them up; others are answered.
func answering(x *harness.Exchange) {
	if !strings.HasPrefix(x.Target, "/attack") {
		harness.EchoID(x)
		return
	}
	_ = x.ReadBody()
	x.Gone(20 * time.Second)
	x.Close()
}

// TestAttacks: each attack is ended by the gateway, reaches the backend little, leaves no memory and no other client suffers.
func TestAttacks(t *testing.T) {
	for _, attack := range attacks() {
		t.Run(strings.ReplaceAll(attack.name, ",", ""), func(t *testing.T) {
			patiently(t, func() string {
				return start(t, harness.Options{Workers: 2, Limits: attack.limits}, answering).under(t, attack)
			})
		})
	}
}

// patiently measures up to three times, because a single hiccup of the machine is not an attack's. The text says how
// another client suffered; "": it didn't.
func patiently(t *testing.T, measure func() string) {
	t.Helper()
	suffered := ""
	for range 3 {
		if suffered = measure(); suffered == "" || t.Failed() {
			break
		}
	}
	if suffered != "" {
		t.Error(suffered)
	}
}

// compare says how another client suffered.
func compare(calm, attacked time.Duration) string {
	if most := harness.Scale(2*calm + 30*time.Millisecond); attacked > most {
		return fmt.Sprintf("another client's p99 is %v, at a gateway that isn't attacked %v; at most %v", attacked, calm, most)
	}
	return ""
}

func (w *world) under(t *testing.T, attack attack) string {
	connections := attack.connections
	if connections == 0 {
		connections = 8
	}
	// The same client at another gateway, which nobody attacks, at the same time: the machine's other work slows both.
	control := start(t, harness.Options{Workers: 2}, answering)
	calm := control.startVictim()
	harness.WaitFor(t, 20*time.Second, "the first requests", func() (bool, string) { return calm.count() >= 20, fmt.Sprint(calm.count()) })
	before := w.usage()

	// One connection after the other, at least so many, and on until enough of the victim's requests have met them.
	var attackers []*attacker
	v := w.startVictim()
	for n := 0; n < connections || v.count() < 300 && n < 10*connections; n++ {
		conn, err := w.tryDial(attack.options)
		if err != nil {
			t.Fatalf("connection %d: %v", n, err)
		}
		a := &attacker{H2: conn, w: w, t: t, number: n}
		attackers = append(attackers, a)
		attack.run(a)
		if !attack.endless && !a.Until(15*time.Second, a.ended) {
			t.Errorf("connection %d: all was sent, and the gateway neither says GOAWAY nor closes", n)
			break
		}
		time.Sleep(20 * time.Millisecond) // the pace of connections
	}
	harness.WaitFor(t, 20*time.Second, "more of the victim's requests", func() (bool, string) { return v.count() >= 300, fmt.Sprint(v.count()) })
	connections = len(attackers)
	p99, calmP99 := v.end(t), calm.end(t)
	after := w.usage()

	requests := map[string]int{}
	for _, seen := range w.a.Seen(0) {
		requests[seen.ID()]++
	}
	goAways := 0
	for n, a := range attackers {
		if reached := requests[fmt.Sprint("attack-", n)]; reached > perConnection {
			t.Errorf("connection %d: %d requests reached the backend, at most %d", n, reached, perConnection)
		}
		if len(a.GoAways()) > 0 {
			goAways++
		}
		a.Close()
	}
	if goAways == 0 && !attack.endless {
		t.Errorf("no connection got a GOAWAY")
	}
	if grown := after.rss - before.rss; grown > growthOnce+connections*growth {
		t.Errorf("the gateway grew by %d MiB", grown>>20)
	}
	if spent := after.cpu - before.cpu; spent > harness.Scale(time.Duration(connections)*400*time.Millisecond) {
		t.Errorf("the gateway spent %v of CPU on %d connections", spent, connections)
	}
	// It serves as before, HTTP/2 too.
	c := w.dial(harness.H2Options{})
	wantStatus(t, w.do(c, nil, w.fields("GET", "/after", field("x-id", "after"))...), 200)
	fmt.Printf("http2: %s: p99 of another client %v, elsewhere %v; memory %+d KiB; CPU %v; GOAWAY on %d of %d\n", attack.name, p99.Round(10*time.Microsecond),
		calmP99.Round(10*time.Microsecond), (after.rss-before.rss)>>10, after.cpu-before.cpu, goAways, connections)
	return compare(calmP99, p99)
}

// ended is for Until, which holds the state's lock.
func (a *attacker) ended() bool { return a.GoneLocked() }

// TestUndrainedFloods: the attacker doesn't read what its frames make the gateway send.
func TestUndrainedFloods(t *testing.T) {
	for name, write := range map[string]func(f *http2.Framer) error{
		"F6 ping":     func(f *http2.Framer) error { return f.WritePing(false, [8]byte{}) },
		"F6 settings": func(f *http2.Framer) error { return f.WriteSettings() },
	} {
		t.Run(name, func(t *testing.T) {
			w := start(t, harness.Options{}, answering)
			before := w.usage().rss
			for range 5 {
				client, err := harness.Dial(harness.Address(w.plain))
				if err != nil {
					t.Fatal(err)
				}
				defer client.Close()
				if _, err := client.Conn.Write([]byte(http2.ClientPreface)); err != nil {
					t.Fatal(err)
				}
				f := http2.NewFramer(client.Conn, nil)
				_ = f.WriteSettings()
				ended := false
				for range 1000000 {
					_ = client.Conn.SetWriteDeadline(time.Now().Add(harness.Scale(2 * time.Second)))
					if write(f) != nil {
						ended = true
						break
					}
				}
				if !ended {
					t.Errorf("a million frames were taken")
				}
			}
			if grown := w.usage().rss - before; grown > growthOnce {
				t.Errorf("the gateway grew by %d MiB", grown>>20)
			}
			c := w.dial(harness.H2Options{})
			wantStatus(t, w.do(c, nil, w.fields("GET", "/after")...), 200)
		})
	}
}

// TestStalledReaders: F7 and F8. Windows that don't open, or by a byte at a time, hold little and not for long.
func TestStalledReaders(t *testing.T) {
	for name, c := range map[string]struct {
		window uint32
		drip   bool
	}{"F8 window of zero": {0, false}, "F7 window of one": {1, false}, "F7 a byte at a time": {1, true}} {
		t.Run(name, func(t *testing.T) {
			patiently(t, func() string { return stall(t, name, c.window, c.drip) })
		})
	}
}

func stall(t *testing.T, name string, window uint32, drip bool) string {
	const answer = 4 << 20
	w := start(t, harness.Options{Limits: map[string]int{"http2_stuck_window_timeout_ms": 2000, "http2_connection_idle_timeout_ms": 3000}}, func(x *harness.Exchange) {
		if x.ReadBody() != nil {
			return
		}
		if x.Target == "/victim" || x.Target == "/after" {
			_ = x.Reply(200, nil, "id="+x.ID())
			return
		}
		_ = x.WriteText(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", answer))
		part := make([]byte, 32<<10)
		for n := 0; n < answer; n += len(part) {
			if x.Write(part) != nil {
				break
			}
		}
		x.Close()
	})
	control := start(t, harness.Options{}, answering)
	before := w.usage().rss
	var conns []*harness.H2
	var ids [][]uint32
	for range 10 {
		conn := w.dial(harness.H2Options{NoWindow: true, Settings: []http2.Setting{{ID: http2.SettingInitialWindowSize, Val: window}}})
		var opened []uint32
		for range 90 {
			id, err := conn.Open(true, w.fields("GET", "/big")...)
			if err != nil {
				t.Fatal(err)
			}
			opened = append(opened, id)
		}
		conns, ids = append(conns, conn), append(ids, opened)
	}
	// Nine hundred requests at once are work for anyone; the victim is looked at while they stall.
	harness.WaitFor(t, 20*time.Second, "the requests at the backend", func() (bool, string) {
		n := 0
		for _, seen := range w.a.Seen(0) {
			if seen.Target == "/big" && seen.Complete {
				n++
			}
		}
		gone := 0
		for _, conn := range conns {
			if conn.Gone() {
				gone += 90
			}
		}
		return n+gone >= 900, fmt.Sprint(n)
	})
	started := time.Now()
	v, calm := w.startVictim(), control.startVictim()
	peak := 0
	over := func(n int) bool {
		for _, id := range ids[n] {
			if s := conns[n].Stream(id); !s.Reset && !s.Ended {
				return conns[n].Err() != nil
			}
		}
		return true
	}
	harness.WaitFor(t, 20*time.Second, "all stalled streams to be ended", func() (bool, string) {
		peak = max(peak, w.usage().rss-before)
		open := 0
		for n, conn := range conns {
			if over(n) {
				continue
			}
			open++
			if drip {
				for _, id := range ids[n] {
					_ = conn.WindowUpdate(id, 1)
				}
			}
		}
		return open == 0, fmt.Sprintf("%d connections go on after %v", open, time.Since(started))
	})
	ended := time.Since(started)
	harness.WaitFor(t, 20*time.Second, "more of the victim's requests", func() (bool, string) { return v.count() >= 400, fmt.Sprint(v.count()) })
	p99, calmP99 := v.end(t), calm.end(t)
	// 900 streams with a watermark of 64 KiB each.
	if peak > 900*(64<<10)+growthOnce+10*growth {
		t.Errorf("the gateway grew by %d MiB for 900 stalled streams", peak>>20)
	}
	harness.WaitFor(t, 10*time.Second, "the backend's connections to end", func() (bool, string) {
		_, open := w.a.Conns()
		return open < 20, fmt.Sprintf("%d are open", open)
	})
	for _, conn := range conns {
		conn.Close()
	}
	fmt.Printf("http2: %s: 900 stalled streams took %d MiB at the most and ended after %v; p99 of another client %v, elsewhere %v\n", name, peak>>20,
		ended.Round(100*time.Millisecond), p99.Round(10*time.Microsecond), calmP99.Round(10*time.Microsecond))
	return compare(calmP99, p99)
}

// TestSlotIsHeldUntilTheWorkEnds: a stream that was reset counts until its request at the backend is given up.
func TestSlotIsHeldUntilTheWorkEnds(t *testing.T) {
	var inWork, most atomic.Int64
	w := start(t, harness.Options{}, func(x *harness.Exchange) {
		if !strings.HasPrefix(x.Target, "/attack") {
			harness.EchoID(x)
			return
		}
		now := inWork.Add(1)
		for {
			before := most.Load()
			if now <= before || most.CompareAndSwap(before, now) {
				break
			}
		}
		_ = x.ReadBody()
		x.Gone(20 * time.Second)
		inWork.Add(-1)
		x.Close()
	})
	c := w.dial(harness.H2Options{})
	for range 3000 {
		if c.Gone() {
			break
		}
		id, err := c.Open(true, w.fields("GET", "/attack")...)
		if err != nil {
			break
		}
		if c.Reset(id, http2.ErrCodeCancel) != nil {
			break
		}
	}
	if n := most.Load(); n > 110 {
		t.Errorf("%d requests of one connection were in work at once, the limit is 100 streams", n)
	}
}
