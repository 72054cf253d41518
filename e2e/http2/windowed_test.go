package http2

import (
	"testing"
	"time"

	"golang.org/x/net/http2"

	"portreeve.dev/e2e/harness"
)

// windowed sends DATA as far as the gateway's windows allow. It keeps count of the updates by itself.
type windowed struct {
	*harness.H2
	t       *testing.T
	initial int64
	sent    map[uint32]int64
	total   int64
}

func newWindowed(t *testing.T, w *world) *windowed {
	t.Helper()
	c := &windowed{H2: w.dial(harness.H2Options{}), t: t, initial: 65535, sent: map[uint32]int64{}}
	if value, has := c.Settings()[http2.SettingInitialWindowSize]; has {
		c.initial = int64(value)
	}
	return c
}

// room is how much may be sent on a stream now.
func (c *windowed) room(id uint32) int64 {
	ofStream, ofConnection := c.Windows(id)
	return min(c.initial+ofStream-c.sent[id], 65535+ofConnection-c.total)
}

func (c *windowed) send(id uint32, n int64, end bool, data []byte) {
	c.t.Helper()
	if err := c.Data(id, end, data[:n]); err != nil {
		c.t.Fatalf("DATA: %v; GOAWAY %v", err, c.GoAways())
	}
	c.sent[id] += n
	c.total += n
}

// sendAll sends a whole body.
func (c *windowed) sendAll(id uint32, body []byte) {
	c.t.Helper()
	for len(body) > 0 {
		var room int64
		if !c.Await(10*time.Second, func() bool { room = c.room(id); return room > 0 }) {
			c.t.Fatalf("the window stays closed with %d bytes to send; connection: %v", len(body), c.Err())
		}
		n := min(room, int64(len(body)))
		c.send(id, n, n == int64(len(body)), body)
		body = body[n:]
	}
}

// sendUntilStuck sends zeros until no window has opened for a second, and returns how many.
func (c *windowed) sendUntilStuck(id uint32, total int) int {
	c.t.Helper()
	zeros := make([]byte, 1<<20)
	sent := 0
	for sent < total {
		var room int64
		if !c.Await(time.Second, func() bool { room = c.room(id); return room > 0 }) {
			break
		}
		n := min(room, int64(total-sent), int64(len(zeros)))
		c.send(id, n, false, zeros)
		sent += int(n)
	}
	return sent
}

// sendRest sends n zeros and ends the stream.
func (c *windowed) sendRest(id uint32, n int) {
	c.t.Helper()
	c.sendAll(id, make([]byte, n))
}
