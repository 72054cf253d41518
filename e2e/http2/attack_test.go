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
	"golang.org/x/net/http2/hpack"

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

const many = 20000

func attacks() []attack {
	reset := func(name string, write func(a *attacker, f *http2.Framer, id uint32) error) attack {
		return attack{name: name, run: func(a *attacker) {
			a.frames(many, func(f *http2.Framer, _ int) error { return write(a, f, a.NextID()) })
		}}
	}
	both := func(first error, then func() error) error {
		if first != nil {
			return first
		}
		return then()
	}
	flood := func(name string, write func(a *attacker, f *http2.Framer, round int) error) attack {
		return attack{name: name, connections: 3, run: func(a *attacker) {
			a.frames(100000, func(f *http2.Framer, round int) error { return write(a, f, round) })
		}}
	}
	return []attack{
		// F1
		{name: "F1 rapid reset", run: func(a *attacker) {
			a.frames(100000, func(f *http2.Framer, _ int) error {
				id := a.NextID()
				return both(a.head(f, id, true), func() error { return f.WriteRSTStream(id, http2.ErrCodeCancel) })
			})
		}},
		{name: "F1 reset at once by hundreds", run: func(a *attacker) {
			a.frames(many/100, func(f *http2.Framer, _ int) error {
				var ids []uint32
				for range 90 {
					id := a.NextID()
					ids = append(ids, id)
					if err := a.head(f, id, true); err != nil {
						return err
					}
				}
				for _, id := range ids {
					if err := f.WriteRSTStream(id, http2.ErrCodeCancel); err != nil {
						return err
					}
				}
				return nil
			})
		}},
		// F2
		reset("F2 window overflow of a finished request", func(a *attacker, f *http2.Framer, id uint32) error {
			return both(a.head(f, id, true), func() error { return f.WriteWindowUpdate(id, 1<<31-1) })
		}),
		reset("F2 window update of zero", func(a *attacker, f *http2.Framer, id uint32) error {
			return both(a.head(f, id, true), func() error { return raw(f, http2.FrameWindowUpdate, 0, id, make([]byte, 4)) })
		}),
		reset("F2 priority of a wrong length", func(a *attacker, f *http2.Framer, id uint32) error {
			return both(a.head(f, id, true), func() error { return raw(f, http2.FramePriority, 0, id, make([]byte, 4)) })
		}),
		reset("F2 priority on itself", func(a *attacker, f *http2.Framer, id uint32) error {
			return both(a.head(f, id, true), func() error { return f.WritePriority(id, http2.PriorityParam{StreamDep: id}) })
		}),
		reset("F2 headers after the end", func(a *attacker, f *http2.Framer, id uint32) error {
			return both(a.head(f, id, true), func() error { return a.head(f, id, true) })
		}),
		reset("F2 data after the end", func(a *attacker, f *http2.Framer, id uint32) error {
			return both(a.head(f, id, true), func() error { return f.WriteData(id, true, []byte("x")) })
		}),
		reset("F2 data beyond the length", func(a *attacker, f *http2.Framer, id uint32) error {
			return both(a.head(f, id, false, field("content-length", "1")), func() error { return f.WriteData(id, false, []byte("xx")) })
		}),
		reset("F2 malformed field", func(a *attacker, f *http2.Framer, id uint32) error { return a.head(f, id, true, field("X-Upper", "1")) }),
		reset("F2 bad trailer", func(a *attacker, f *http2.Framer, id uint32) error {
			return both(a.head(f, id, false), func() error {
				return f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: a.Block(hpack.HeaderField{Name: ":path", Value: "/"}), EndStream: true, EndHeaders: true})
			})
		}),
		// F3
		{name: "F3 endless continuation", run: func(a *attacker) {
			a.Lock()
			id := a.NextID()
			block := a.Block(a.w.fields("GET", "/attack")...)
			_ = a.Framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block, EndStream: true})
			a.Unlock()
			a.frames(many, func(f *http2.Framer, round int) error {
				return f.WriteContinuation(id, false, a.Block(hpack.HeaderField{Name: fmt.Sprint("x-", round), Value: strings.Repeat("v", 100)}))
			})
		}},
		{name: "F3 empty continuations", run: func(a *attacker) {
			a.Lock()
			id := a.NextID()
			_ = a.Framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: a.Block(a.w.fields("GET", "/attack")...), EndStream: true})
			a.Unlock()
			a.frames(many, func(f *http2.Framer, _ int) error { return f.WriteContinuation(id, false, nil) })
		}},
		{name: "F3 many requests of eight continuations each", run: func(a *attacker) {
			a.frames(2000, func(f *http2.Framer, _ int) error {
				id := a.NextID()
				err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: a.Block(a.w.fields("GET", "/attack")...), EndStream: true})
				for n := range 8 {
					err = both(err, func() error {
						return f.WriteContinuation(id, n == 7, a.Block(hpack.HeaderField{Name: "x-a", Value: strings.Repeat("v", 2000), Sensitive: true}))
					})
				}
				return err
			})
		}},
		// F4, F5
		{name: "F4 one byte a field", run: func(a *attacker) {
			a.frames(500, func(f *http2.Framer, _ int) error { return a.bomb(f, "x", "y", 16000, 0) })
		}},
		{name: "F4 one byte a field, with continuations", run: func(a *attacker) {
			a.frames(100, func(f *http2.Framer, _ int) error { return a.bomb(f, "x", "y", 16000, 8) })
		}},
		{name: "F4 crumbs", run: func(a *attacker) {
			a.frames(500, func(f *http2.Framer, _ int) error { return a.bomb(f, "cookie", "a=b", 16000, 0) })
		}},
		{name: "F5 large entry", run: func(a *attacker) {
			a.frames(500, func(f *http2.Framer, _ int) error { return a.bomb(f, "x", strings.Repeat("y", 4000), 12000, 0) })
		}},
		flood("F5 table size flips", func(a *attacker, f *http2.Framer, round int) error {
			return f.WriteSettings(http2.Setting{ID: http2.SettingHeaderTableSize, Val: uint32(round % 2 * 4096)})
		}),
		// F6
		flood("F6 settings", func(a *attacker, f *http2.Framer, _ int) error { return f.WriteSettings() }),
		flood("F6 settings of many values", func(a *attacker, f *http2.Framer, _ int) error {
			settings := make([]http2.Setting, 100)
			for i := range settings {
				settings[i] = http2.Setting{ID: http2.SettingInitialWindowSize, Val: uint32(65535 + i)}
			}
			return f.WriteSettings(settings...)
		}),
		flood("F6 ping", func(a *attacker, f *http2.Framer, round int) error { return f.WritePing(false, [8]byte{byte(round)}) }),
		flood("F6 unasked ping answers", func(a *attacker, f *http2.Framer, round int) error { return f.WritePing(true, [8]byte{byte(round)}) }),
		flood("F6 priority of idle streams", func(a *attacker, f *http2.Framer, round int) error {
			return f.WritePriority(uint32(2*(round%1000)+1), http2.PriorityParam{Weight: byte(round)})
		}),
		{name: "F6 empty data", connections: 3, run: func(a *attacker) {
			a.Lock()
			id := a.NextID()
			err := a.head(a.Framer, id, false)
			a.Unlock()
			if err == nil {
				a.frames(100000, func(f *http2.Framer, _ int) error { return f.WriteData(id, false, nil) })
			}
		}},
		{name: "F6 padded empty data", connections: 3, run: func(a *attacker) {
			a.Lock()
			id := a.NextID()
			err := a.head(a.Framer, id, false)
			a.Unlock()
			if err == nil {
				a.frames(100000, func(f *http2.Framer, _ int) error {
					return raw(f, http2.FrameData, http2.FlagDataPadded, id, []byte{0})
				})
			}
		}},
		flood("F6 window updates by one", func(a *attacker, f *http2.Framer, _ int) error { return f.WriteWindowUpdate(0, 1) }),
		flood("F6 unknown frames", func(a *attacker, f *http2.Framer, round int) error {
			return raw(f, http2.FrameType(0x40+round%100), 0, 0, []byte("hello"))
		}),
		flood("F6 resets of closed streams", func(a *attacker, f *http2.Framer, round int) error {
			if round == 0 {
				return both(a.head(f, 1, true), func() error { return f.WriteRSTStream(1, http2.ErrCodeCancel) })
			}
			return f.WriteRSTStream(1, http2.ErrCodeCancel)
		}),
		flood("F6 fields without a name", func(a *attacker, f *http2.Framer, _ int) error { return a.head(f, a.NextID(), true, field("", "")) }),
		// F9, F10
		{name: "F9 data after a reset", connections: 20, endless: true, run: func(a *attacker) {
			a.frames(100, func(f *http2.Framer, _ int) error {
				id := a.NextID()
				return both(a.head(f, id, false), func() error {
					return both(f.WriteData(id, false, []byte("hello")), func() error {
						return both(f.WriteRSTStream(id, http2.ErrCodeCancel), func() error { return f.WriteData(id, true, []byte("world")) })
					})
				})
			})
		}},
		{name: "F10 bad frames behind the one that ended it", connections: 20, endless: true, run: func(a *attacker) {
			a.Lock()
			defer a.Unlock()
			_ = a.head(a.Framer, a.NextID(), true)
			_ = raw(a.Framer, http2.FramePing, 0, 0, make([]byte, 7))
			_ = raw(a.Framer, http2.FrameData, 0, 0, []byte("x"))
			_ = raw(a.Framer, http2.FrameHeaders, 0xff, 0, []byte("\xff\xff\xff\xff"))
			_ = raw(a.Framer, http2.FrameSettings, 0, 1, make([]byte, 5))
			_ = raw(a.Framer, http2.FrameWindowUpdate, 0, 0, nil)
			_ = raw(a.Framer, http2.FrameGoAway, 0, 0, nil)
			_ = raw(a.Framer, http2.FrameContinuation, 4, 7, []byte("x"))
			_ = raw(a.Framer, http2.FramePushPromise, 4, 1, make([]byte, 4))
			_, _ = a.Conn.Write([]byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"))
		}},
		{name: "GOAWAY by the client, again and again", connections: 3, endless: true, run: func(a *attacker) {
			a.frames(10000, func(f *http2.Framer, _ int) error { return f.WriteGoAway(0, http2.ErrCodeNo, []byte("bye")) })
		}},
	}
}

// bomb sends a request whose block holds one entry and then references to it, one byte each.
func (a *attacker) bomb(f *http2.Framer, name, value string, references, continuations int) error {
	id := a.NextID()
	// None of these goes into the table, so that the encoder's and the gateway's stay the same but for our entry.
	fields := a.w.fields("GET", "/attack")
	for i := range fields {
		fields[i].Sensitive = true
	}
	block := a.Block(fields...)
	// A literal with incremental indexing; field 62 is the newest entry then.
	block = append(block, 0x40, byte(len(name)))
	block = append(block, name...)
	if len(value) < 127 {
		block = append(block, byte(len(value)))
	} else {
		block = append(block, 0x7f)
		rest := len(value) - 127
		for ; rest >= 128; rest >>= 7 {
			block = append(block, byte(rest&127)|128)
		}
		block = append(block, byte(rest))
	}
	block = append(block, value...)
	block = append(block, []byte(strings.Repeat("\xbe", max(0, min(references, 16384-len(block)))))...)
	err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block, EndStream: true, EndHeaders: continuations == 0})
	for n := range continuations {
		if err == nil {
			err = f.WriteContinuation(id, n == continuations-1, []byte(strings.Repeat("\xbe", 16384)))
		}
	}
	return err
}

// TestAttacks: each attack is ended by the gateway, reaches the backend little, leaves no memory and no other client suffers.
func TestAttacks(t *testing.T) {
	for _, attack := range attacks() {
		t.Run(strings.ReplaceAll(attack.name, ",", ""), func(t *testing.T) {
			w := start(t, harness.Options{Workers: 2, Limits: attack.limits}, answering)
			w.under(t, attack)
		})
	}
}

func (w *world) under(t *testing.T, attack attack) {
	connections := attack.connections
	if connections == 0 {
		connections = 8
	}
	// The victim without an attack, also to warm up.
	calm := w.startVictim()
	harness.WaitFor(t, 20*time.Second, "the victim's requests", func() (bool, string) { return calm.count() >= 300, fmt.Sprint(calm.count()) })
	calmP99 := calm.end(t)
	before := w.usage()

	var attackers []*attacker
	v := w.startVictim()
	for n := range connections {
		conn, err := w.tryDial(attack.options)
		if err != nil {
			t.Fatalf("connection %d: %v", n, err)
		}
		a := &attacker{H2: conn, w: w, t: t, number: n}
		attackers = append(attackers, a)
		attack.run(a)
		if !attack.endless && !a.Until(15*time.Second, a.ended) {
			t.Errorf("connection %d: all was sent, and the gateway neither says GOAWAY nor closes", n)
		}
	}
	harness.WaitFor(t, 20*time.Second, "more of the victim's requests", func() (bool, string) { return v.count() >= 100, fmt.Sprint(v.count()) })
	p99 := v.end(t)
	after := w.usage()

	goAways := 0
	for n, a := range attackers {
		reached := 0
		for _, seen := range w.a.Seen(0) {
			if seen.ID() == fmt.Sprint("attack-", n) {
				reached++
			}
		}
		if reached > perConnection {
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
	if most := harness.Scale(2*calmP99 + 30*time.Millisecond); p99 > most {
		t.Errorf("another client's p99 went from %v to %v, at most %v", calmP99, p99, most)
	}
	if spent := after.cpu - before.cpu; spent > harness.Scale(time.Duration(connections)*1500*time.Millisecond) {
		t.Errorf("the gateway spent %v of CPU on %d connections", spent, connections)
	}
	// It serves as before, HTTP/2 too.
	c := w.dial(harness.H2Options{})
	wantStatus(t, w.do(c, nil, w.fields("GET", "/after", field("x-id", "after"))...), 200)
	fmt.Printf("http2: %s: p99 of another client %v, then %v; memory %+d KiB; CPU %v; GOAWAY on %d of %d\n", attack.name, calmP99.Round(10*time.Microsecond),
		p99.Round(10*time.Microsecond), (after.rss-before.rss)>>10, after.cpu-before.cpu, goAways, connections)
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
	const answer = 4 << 20
	for name, c := range map[string]struct {
		window uint32
		drip   bool
	}{"F8 window of zero": {0, false}, "F7 window of one": {1, false}, "F7 a byte at a time": {1, true}} {
		t.Run(name, func(t *testing.T) {
			w := start(t, harness.Options{Limits: map[string]int{"http2_stuck_window_timeout_ms": 1500, "http2_connection_idle_timeout_ms": 3000}}, func(x *harness.Exchange) {
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
			calm := w.startVictim()
			harness.WaitFor(t, 20*time.Second, "the victim's requests", func() (bool, string) { return calm.count() >= 200, "" })
			calmP99 := calm.end(t)
			before := w.usage().rss
			v := w.startVictim()
			var conns []*harness.H2
			var ids [][]uint32
			for range 10 {
				conn := w.dial(harness.H2Options{NoWindow: true, Settings: []http2.Setting{{ID: http2.SettingInitialWindowSize, Val: c.window}}})
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
			started := time.Now()
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
					if c.drip {
						for _, id := range ids[n] {
							_ = conn.WindowUpdate(id, 1)
						}
					}
				}
				return open == 0, fmt.Sprintf("%d connections go on after %v", open, time.Since(started))
			})
			p99 := v.end(t)
			// 900 streams with a watermark of 64 KiB each.
			if peak > 900*(64<<10)+growthOnce+10*growth {
				t.Errorf("the gateway grew by %d MiB for 900 stalled streams", peak>>20)
			}
			if most := harness.Scale(2*calmP99 + 30*time.Millisecond); p99 > most {
				t.Errorf("another client's p99 went from %v to %v", calmP99, p99)
			}
			harness.WaitFor(t, 10*time.Second, "the backend's connections to end", func() (bool, string) {
				_, open := w.a.Conns()
				return open < 20, fmt.Sprintf("%d are open", open)
			})
			fmt.Printf("http2: %s: 900 stalled streams took %d MiB at the most and ended after %v\n", name, peak>>20, time.Since(started).Round(100*time.Millisecond))
		})
	}
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
