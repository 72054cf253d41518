package harness

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// answerWith serves one connection with these bytes and closes it.
func answerWith(t *testing.T, bytes string) *Client {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		_, _ = io.WriteString(conn, bytes)
		_ = conn.(*net.TCPConn).CloseWrite()
		_, _ = io.Copy(io.Discard, conn)
		conn.Close()
	}()
	client, err := Dial(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func TestClientReadsAnswersStrictly(t *testing.T) {
	for _, c := range []struct{ name, bytes, method, want string }{
		{"length", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", "GET", "200 length ab"},
		{"chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n", "GET", "200 chunked ab"},
		{"close", "HTTP/1.1 200 OK\r\n\r\nab", "GET", "200 close ab"},
		{"head", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "HEAD", "200 none "},
		{"interim", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No\r\n\r\n", "GET", "204 none +100"},
		{"truncated length", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab", "GET", "200 length ab truncated"},
		{"truncated chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "GET", "200 chunked ab truncated"},
		{"nothing", "", "GET", "error: the connection ended without a byte"},
		{"half a head", "HTTP/1.1 200 OK\r\nConte", "GET", "error: in the head"},
		{"bare LF", "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n", "GET", "error: in the status line"},
		{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na", "GET", "error: Content-Length"},
		{"both", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\na", "GET", "error: both"},
		{"no status line", "hello\r\n\r\n", "GET", "error: no status line"},
		{"extension", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;a\r\na\r\n0\r\n\r\n", "GET", "error: in the body"},
	} {
		t.Run(c.name, func(t *testing.T) {
			response, err := answerWith(t, c.bytes).Read(c.method)
			got := ""
			if err != nil {
				got = "error: " + err.Error()
			} else {
				got = "" + itoa(response.Status) + " " + response.Framing + " " + string(response.Body)
				for _, interim := range response.Interim {
					got += "+" + itoa(interim.Status)
				}
				if response.Truncated {
					got += " truncated"
				}
			}
			if !strings.HasPrefix(got, c.want) || err == nil && got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func itoa(n int) string {
	return string([]byte{byte('0' + n/100), byte('0' + n/10%10), byte('0' + n%10)})
}

func TestBackendRecordsEveryByte(t *testing.T) {
	b := NewBackend(t, "a", EchoID)
	client, err := Dial(Address(b.Port))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	raw := "POST /x HTTP/1.1\r\nHost: a\r\nX-Id: 7\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"
	client.SendText(raw)
	response, err := client.Read("POST")
	if err != nil || string(response.Body) != "id=7" {
		t.Fatalf("%v %v", response, err)
	}
	seen := b.WaitSeen(t, 0, 1, nil)
	if string(seen[0].Raw) != raw || string(seen[0].Bytes) != "ab" || len(seen[0].Faults) != 0 {
		t.Errorf("seen %v", seen)
	}
	client.SendText("POST /y HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab")
	client.CloseWrite()
	seen = b.WaitSeen(t, 1, 1, func(s *Seen) bool { return s.Err != nil })
	if seen[0].Complete || string(seen[0].Bytes) != "ab" {
		t.Errorf("seen %v", seen)
	}
}

func TestBackendKnowsDeparturesFromTheCanonicalForm(t *testing.T) {
	for _, c := range []struct{ raw, want string }{
		{"GET /a/../b HTTP/1.1\r\nHost: a\r\n\r\n", "dot segment"},
		{"GET /a/%2E%2e/b HTTP/1.1\r\nHost: a\r\n\r\n", "dot segment"},
		{"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "origin form"},
		{"GET / HTTP/1.1\r\n\r\n", "0 Host"},
		{"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "2 Host"},
		{"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "Host \"a b\""},
		{"GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n", "hop-by-hop"},
		{"GET / HTTP/1.1\r\nHost: a\r\nX_A: 1\r\n\r\n", "underscore"},
		{"GET / HTTP/1.1\r\nHost: a\r\nX-A : 1\r\n\r\n", "no field line"},
		{"GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\n\r\n", "bare LF"},
		{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", "Transfer-Encoding"},
		{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;x\r\na\r\n0\r\n\r\n", "chunk size line"},
		{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: 1\r\n\r\n", "trailers"},
	} {
		b := NewBackend(t, "a", nil)
		client, err := Dial(Address(b.Port))
		if err != nil {
			t.Fatal(err)
		}
		client.SendText(c.raw)
		WaitFor(t, 5*time.Second, c.want, func() (bool, string) {
			all := b.Seen(0)
			if len(all) == 0 {
				return false, "nothing"
			}
			text := strings.Join(all[0].Faults, "; ")
			if all[0].Err != nil {
				text += all[0].Err.Error()
			}
			return strings.Contains(text, c.want), text
		})
		client.Close()
	}
}

func TestMetricsParse(t *testing.T) {
	metrics, err := ParseMetrics("# HELP x y\n# TYPE x counter\nx{a=\"b c\",d=\"}\"} 3\nx{a=\"e\"} 4 1700000000\ny 1e3\n")
	if err != nil || metrics.Sum("x") != 7 || metrics.Sum("x", `a="e"`) != 4 || metrics["y"] != 1000 {
		t.Errorf("%v %v", metrics, err)
	}
}

func TestPortsAreNotGivenTwice(t *testing.T) {
	seen := map[int]bool{}
	for _, port := range Ports(t, 50) {
		if seen[port] {
			t.Fatalf("port %d twice", port)
		}
		seen[port] = true
	}
}
