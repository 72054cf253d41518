package hostile

import (
	"fmt"
	"strings"

	"portreeve.dev/e2e/harness"
)

// Answer is what a hostile backend sends in answer to a good request.
type Answer struct {
	Name   string
	Method string
	Raw    string
	// End is what the backend does after the bytes: "" keeps the connection open, "fin" and "rst" end it.
	End string
	// What the client may get: Bad a 502, Good this status with this body, Cut an answer that is visibly incomplete.
	Bad    bool
	Good   *string
	Status int
	Cut    bool
	// Fields of the request in addition, Absent and Has those of the answer, MaxInterim its interim answers.
	Fields     harness.Fields
	Absent     []string
	Has        harness.Fields
	MaxInterim int
}

const ok = "HTTP/1.1 200 OK\r\nX-Echo: {id}\r\n"

// Answers is every hostile answer.
// SIZE: a table, a line or two for each answer.
func Answers() []Answer {
	var all []Answer
	add := func(name, raw string) *Answer {
		all = append(all, Answer{Name: name, Raw: raw, Method: "GET", Status: 200, MaxInterim: 8})
		return &all[len(all)-1]
	}
	bad := func(name, raw string) *Answer { a := add(name, raw); a.Bad = true; return a }
	good := func(name, raw, body string) *Answer { a := add(name, raw); a.Good = text(body); return a }
	cutOff := func(name, raw string) *Answer { a := add(name, raw); a.Bad, a.Cut = true, true; return a }
	either := func(name, raw, body string) *Answer { a := good(name, raw, body); a.Bad = true; return a }

	// Framing.
	for _, coding := range []string{"chunked", "Chunked"} {
		bad("cl-te "+coding, ok+"Content-Length: 5\r\nTransfer-Encoding: "+coding+"\r\n\r\n"+chunks)
		bad("te-cl "+coding, ok+"Transfer-Encoding: "+coding+"\r\nContent-Length: 15\r\n\r\n"+chunks)
	}
	for _, pair := range [][2]string{{"5", "6"}, {"6", "5"}, {"5", "0"}, {"0", "5"}} {
		bad("two lengths "+pair[0]+" "+pair[1], ok+"Content-Length: "+pair[0]+"\r\nContent-Length: "+pair[1]+"\r\n\r\nhello")
		bad("length list "+pair[0]+" "+pair[1], ok+"Content-Length: "+pair[0]+", "+pair[1]+"\r\n\r\nhello")
	}
	either("two equal lengths", ok+"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", "hello")
	either("equal length list", ok+"Content-Length: 5, 5\r\n\r\nhello", "hello")
	for _, length := range []string{"+5", "-5", "0x5", "", " ", "5x", "5 5", "5,", ",5", "1_0", "5.0", "\"5\"", "18446744073709551621", "99999999999999999999999", "five", "5\x00", "5;"} {
		bad("length "+show(length), ok+"Content-Length: "+length+"\r\n\r\nhello")
	}
	either("length with zeros", ok+"Content-Length: 005\r\n\r\nhello", "hello")
	for _, coding := range []string{"gzip", "chunked, gzip", "gzip, chunked", "identity", "xchunked", "", "chunked,", "chunked, chunked", "\"chunked\"", "chunked;a=b", "\x0bchunked", "chunked\xa0", "identity, chunked", "chu nked"} {
		bad("coding "+show(coding), ok+"Transfer-Encoding: "+coding+"\r\n\r\n"+chunks)
	}
	bad("two codings", ok+"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"+chunks)
	bad("coding and empty coding", ok+"Transfer-Encoding: chunked\r\nTransfer-Encoding:\r\n\r\n"+chunks)
	bad("identity and chunked", ok+"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n"+chunks)
	bad("chunked in 1.0", strings.Replace(ok, "1.1", "1.0", 1)+"Transfer-Encoding: chunked\r\n\r\n"+chunks)
	for _, name := range []string{"Transfer-Encoding ", "Transfer-Encoding\t", "Content-Length ", "Transfer Encoding", "Content-Length\x00"} {
		bad("name "+show(name), ok+name+": chunked\r\n\r\n"+chunks)
	}

	// Statuses that have no body.
	for _, status := range []string{"204", "304"} {
		for _, more := range []string{"Content-Length: 5\r\n\r\nhello", "Content-Length: 5\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n" + chunks, "\r\nhello", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n" + chunks} {
			a := either(status+" "+show(more), "HTTP/1.1 "+status+" None\r\nX-Echo: {id}\r\n"+more, "")
			a.Status = 204
			if status == "304" {
				a.Status = 304
			}
		}
	}
	either("205 with a body", "HTTP/1.1 205 Reset\r\nX-Echo: {id}\r\nContent-Length: 5\r\n\r\nhello", "hello").Status = 205
	for _, more := range []string{"Content-Length: 5\r\n\r\nhello", "Content-Length: 5\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n" + chunks, "\r\n", "\r\nhello"} {
		good("head "+show(more), ok+more, "").Method = "HEAD"
	}

	// Interim answers.
	continues := "HTTP/1.1 100 Continue\r\n\r\n"
	hints := "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
	end := ok + "Content-Length: 5\r\n\r\nhello"
	either("one 103", hints+end, "hello")
	either("unasked 100", continues+end, "hello")
	either("102", "HTTP/1.1 102 Processing\r\n\r\n"+end, "hello")
	either("unknown 1xx", "HTTP/1.1 199 What\r\n\r\n"+end, "hello")
	for _, n := range []int{7, 8, 9, 100, 1000} {
		either(fmt.Sprintf("%d times 103", n), strings.Repeat(hints, n)+end, "hello")
		either(fmt.Sprintf("%d times 100", n), strings.Repeat(continues, n)+end, "hello")
	}
	either("103 with a length", "HTTP/1.1 103 Early\r\nContent-Length: 5\r\n\r\n"+end, "hello")
	either("103 with a coding", "HTTP/1.1 103 Early\r\nTransfer-Encoding: chunked\r\n\r\n"+end, "hello")
	bad("103 with a body", "HTTP/1.1 103 Early\r\nContent-Length: 5\r\n\r\nhello"+end)
	bad("103 then the end", hints).End = "fin"
	bad("103 with a bad field", "HTTP/1.1 103 Early\r\nX Y: z\r\n\r\n"+end)
	bad("103 with a bare LF", "HTTP/1.1 103 Early\nLink: x\r\n\r\n"+end)
	for _, fields := range []string{"", "Connection: Upgrade\r\nUpgrade: websocket\r\n", "Connection: Upgrade\r\nUpgrade: h2c\r\n", "Content-Length: 5\r\n", "Upgrade: foo\r\n"} {
		bad("unasked 101 "+show(fields), "HTTP/1.1 101 Switching\r\nX-Echo: {id}\r\n"+fields+"\r\nhello")
	}
	bad("101 then 200", "HTTP/1.1 101 Switching\r\n\r\n"+end)
	bad("100 then 101", continues+"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")
	handshake := harness.Fields{{Name: "Connection", Value: "Upgrade"}, {Name: "Upgrade", Value: "websocket"}, {Name: "Sec-WebSocket-Version", Value: "13"}, {Name: "Sec-WebSocket-Key", Value: "dGhlIHNhbXBsZSBub25jZQ=="}}
	for _, fields := range []string{
		"Connection: Upgrade\r\nUpgrade: websocket\r\n",
		"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n",
		"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo\r\n",
		"Connection: Upgrade\r\nUpgrade: h2c\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n",
		"Upgrade: \r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n",
		"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n",
	} {
		bad("101 to a handshake "+show(fields), "HTTP/1.1 101 Switching\r\n"+fields+"\r\nhello").Fields = handshake
	}
	good("200 to a handshake", end, "hello").Fields = handshake
	good("400 to a handshake", strings.Replace(end, "200 OK", "400 Bad", 1), "hello").Status = 400
	all[len(all)-1].Fields = handshake

	// Bytes behind the answer.
	evil := "HTTP/1.1 200 OK\r\nX-Echo: evil\r\nContent-Length: 4\r\n\r\nevil"
	for _, extra := range []string{evil, "x", "\r\n", "\n", "\x00", "hello", strings.Repeat("x", 70000), evil + evil, "HTTP/1.1 100 Continue\r\n\r\n", "0\r\n\r\n", "HTTP/1.1 4"} {
		good("extra "+show(extra), end+extra, "hello")
		good("extra chunked "+show(extra), ok+"Transfer-Encoding: chunked\r\n\r\n"+chunks+extra, "hello")
		good("extra head "+show(extra), ok+"Content-Length: 5\r\n\r\n"+extra, "").Method = "HEAD"
	}

	// The first line.
	for _, first := range []string{"hello", "", " ", "<html>", "HTTP", "HTTP/", "HTTP/1.1", "HTTP/1.1 ", "HTTP/1.1 20 OK", "HTTP/1.1 2000 OK", "HTTP/1.1 099 Low", "HTTP/1.1 000 Zero", "HTTP/1.1 600 High", "HTTP/1.1 999 High", "HTTP/1.1 abc OK", "HTTP/1.1 2e2 OK", "HTTP/1.1 -20 OK",
		"HTTP/1.1 +20 OK", "HTTP/1.1 0x2 OK", "HTTP/1.1  200 OK", "HTTP/1.1 200OK", "HTTP/1.1200 OK", "HTTP/1.1\t200 OK", "HTTP/2.0 200 OK", "HTTP/2 200", "HTTP/3.0 200 OK", "HTTP/0.9 200 OK", "HTTP/1.11 200 OK", "HTTP/11.1 200 OK", "HTTP/1 200 OK", "HTTP/1. 200 OK", "http/1.1 200 OK", "Http/1.1 200 OK",
		"ICY 200 OK", "SIP/2.0 200 OK", "RTSP/1.0 200 OK", " HTTP/1.1 200 OK", "\tHTTP/1.1 200 OK", "\x00HTTP/1.1 200 OK", "HTTP /1.1 200 OK", "HTTP/1.1 2\x0000 OK", "HTTP/1.1 200 O\x00K", "HTTP/1.1 200 O\rK", "HTTP/1.1 200 O\x01K", "HTTP/1.1 200 O\x7fK", "SSH-2.0-OpenSSH_9.2", "GET / HTTP/1.1", "220 mail ESMTP",
		"{\"status\":200}", "\xef\xbb\xbfHTTP/1.1 200 OK", "HTTP/1.1 2 00 OK", "HTTP/1.1 \u0662\u0660\u0660 OK", "HTTP\x001.1 200 OK", "HTTPS/1.1 200 OK", "HTTP/-1.1 200 OK", "HTTP/1.1 1 OK", "X-Echo: evil"} {
		bad("first line "+show(first), first+"\r\nX-Echo: {id}\r\nContent-Length: 5\r\n\r\nhello")
	}
	bad("only a body", "just text").End = "fin"
	bad("a TLS alert", "\x15\x03\x03\x00\x02\x02\x28").End = "fin"
	bad("an HTTP/2 settings frame", "\x00\x00\x00\x04\x00\x00\x00\x00\x00").End = "fin"
	for _, first := range []string{"HTTP/1.1 200", "HTTP/1.1 200 ", "HTTP/1.2 200 OK", "HTTP/1.1 200 O\xffK", "HTTP/1.1 200 " + strings.Repeat("x", 5000)} {
		either("doubtful line "+show(first), first+"\r\nX-Echo: {id}\r\nContent-Length: 5\r\n\r\nhello", "hello")
	}
	for _, lead := range []string{"\n", "\r", "\r\n", "\n\n", " \r\n"} {
		bad("leading "+show(lead), lead+end)
	}
	good("1.0", strings.Replace(end, "1.1", "1.0", 1), "hello").End = "fin"

	// Line ends and field lines.
	for _, raw := range []string{"HTTP/1.1 200 OK\nX-Echo: {id}\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 200 OK\r\nX-Echo: {id}\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 200 OK\r\nX-Echo: {id}\r\nContent-Length: 5\n\r\nhello",
		"HTTP/1.1 200 OK\r\nX-Echo: {id}\r\nContent-Length: 5\r\n\nhello", "HTTP/1.1 200 OK\nX-Echo: {id}\nContent-Length: 5\n\nhello", "HTTP/1.1 200 OK\rX-Echo: {id}\rContent-Length: 5\r\rhello", "HTTP/1.1 200 OK\r\r\nX-Echo: {id}\r\nContent-Length: 5\r\n\r\nhello",
		"HTTP/1.1 200 OK\r\nX-Echo: {id}\r\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 200 OK\r\nX-Echo: {id}\r\nContent-Length: 5\r\n\rhello", "HTTP/1.1 200 OK\r\nX-Echo: {id}\rSet-Cookie: a=b\r\nContent-Length: 5\r\n\r\nhello"} {
		bad("line ends "+show(raw), raw)
	}
	for _, field := range []string{"NoColon", ": v", "X : v", "X\t: v", " X: v", "\tX: v", "X: v\r\n folded", "X:\r\n\tv", "X Y: v", "X\x00: v", "X: \x00", "X: a\x01b", "X: a\x7fb", "X: a\x1bb", "X\x85: v", "X\xff: v", "(X): v", "X/Y: v", "X@Y: v", "\"X\": v", "X: a\rb", "=", "Set-Cookie: a=b\rSet-Cookie: c=d", "Set-Cookie: a=\x00"} {
		bad("field "+show(field), ok+field+"\r\nContent-Length: 5\r\n\r\nhello")
	}
	bad("a folded first field", "HTTP/1.1 200 OK\r\n X: y\r\nX-Echo: {id}\r\nContent-Length: 5\r\n\r\nhello")
	either("an underscore", ok+"X_Y: v\r\nContent-Length: 5\r\n\r\nhello", "hello")
	either("a byte above 0x7f", ok+"X: \xff\r\nContent-Length: 5\r\n\r\nhello", "hello")
	good("empty values", ok+"X:\r\nContent-Length: 5\r\n\r\nhello", "hello")
	hop := good("hop-by-hop fields", ok+"Connection: keep-alive, X-Internal\r\nX-Internal: 1\r\nKeep-Alive: timeout=5\r\nProxy-Connection: x\r\nTrailer: X\r\nUpgrade: h2c\r\nContent-Length: 5\r\n\r\nhello", "hello")
	hop.Absent = []string{"X-Internal", "Keep-Alive", "Proxy-Connection", "Upgrade"}
	// What frames the answer isn't an option of the connection.
	good("connection names the framing", ok+"Connection: Content-Length, Set-Cookie\r\nContent-Length: 5\r\n\r\nhello", "hello")
	good("many cookies", ok+strings.Repeat("Set-Cookie: a=b\r\n", 50)+"Content-Length: 5\r\n\r\nhello", "hello")

	// Sizes.
	good("40 KiB of fields", ok+strings.Repeat("X: "+strings.Repeat("v", 1000)+"\r\n", 40)+"Content-Length: 5\r\n\r\nhello", "hello")
	bad("60 KiB of fields", ok+strings.Repeat("X: "+strings.Repeat("v", 1000)+"\r\n", 60)+"Content-Length: 5\r\n\r\nhello")
	bad("a field of 70 KiB", ok+"X: "+strings.Repeat("v", 70000)+"\r\nContent-Length: 5\r\n\r\nhello")
	bad("a first line of 70 KiB", "HTTP/1.1 200 "+strings.Repeat("v", 70000)+"\r\nContent-Length: 5\r\n\r\nhello")
	bad("1 MiB of fields", ok+strings.Repeat("X: "+strings.Repeat("v", 1000)+"\r\n", 1024)+"\r\n")
	bad("250 fields", ok+strings.Repeat("X: v\r\n", 250)+"Content-Length: 5\r\n\r\nhello")
	bad("5000 fields", ok+strings.Repeat("X: v\r\n", 5000)+"Content-Length: 5\r\n\r\nhello")
	good("150 fields", ok+strings.Repeat("X: v\r\n", 150)+"Content-Length: 5\r\n\r\nhello", "hello")

	// Chunks: the head may have been sent on when the fault comes.
	chunked := ok + "Transfer-Encoding: chunked\r\n\r\n"
	for _, body := range []string{"zz\r\nhello\r\n0\r\n\r\n", "0x5\r\nhello\r\n0\r\n\r\n", "+5\r\nhello\r\n0\r\n\r\n", "-5\r\nhello\r\n0\r\n\r\n", " 5\r\nhello\r\n0\r\n\r\n", "5 \r\nhello\r\n0\r\n\r\n", "\r\nhello\r\n0\r\n\r\n", "5_0\r\nhello\r\n0\r\n\r\n", "11111111111111111\r\nhello\r\n0\r\n\r\n",
		"5\nhello\r\n0\r\n\r\n", "5\r\nhello\n0\r\n\r\n", "5\r\nhello0\r\n\r\n", "3\r\nhello\r\n0\r\n\r\n", "8\r\nhello\r\n0\r\n\r\n", "5\r\nhello\r\n0\n\r\n", "5\r\nhello\r\n0\r\n\n", "5\r\nhello\r\n0\r\nbad trailer\r\n\r\n", "5\r\nhello\r\n0\r\nX : v\r\n\r\n", "5\r\nhello\r\n0\r\nX: v\n\r\n", "5\r\nhello\r\n0\r\n: v\r\n\r\n",
		"5;a\nb\r\nhello\r\n0\r\n\r\n", "5;\x00\r\nhello\r\n0\r\n\r\n", "5;" + strings.Repeat("x", 70000) + "\r\nhello\r\n0\r\n\r\n", "5\r\r\nhello\r\n0\r\n\r\n", "5\x00\r\nhello\r\n0\r\n\r\n", "hello", "5\r\nhello\r\n" + strings.Repeat("0", 5000) + "\r\n\r\n", "5\r\nhello\r\nHTTP/1.1 200 OK\r\n\r\n",
		"5\r\nhello\r\n0\r\n" + strings.Repeat("X: v\r\n", 1000) + "\r\n", "5\r\nhello\r\n0\r\nX: " + strings.Repeat("v", 70000) + "\r\n\r\n"} {
		a := cutOff("chunk "+show(body), chunked+body)
		a.End = "fin"
	}
	for _, body := range []string{"5;a=b\r\nhello\r\n0\r\n\r\n", "5\r\nhello\r\n0;x\r\n\r\n", "05\r\nhello\r\n00\r\n\r\n", "5\r\nhello\r\n0\r\nX-Late: 1\r\n\r\n", "1\r\nh\r\n4\r\nello\r\n0\r\n\r\n"} {
		good("good chunk "+show(body), chunked+body, "hello").Absent = []string{"X-Late"}
	}
	for _, trailer := range []string{"Content-Length: 9", "Transfer-Encoding: chunked", "Set-Cookie: a=b", "X-Echo: evil", "Connection: close", "Host: x"} {
		a := either("trailer "+trailer, chunked+"5\r\nhello\r\n0\r\n"+trailer+"\r\n\r\n", "hello")
		a.Cut, a.Absent = true, []string{"Set-Cookie"}
	}

	// Ends within the answer.
	for _, part := range []string{"", "H", "HTTP/1.1 200 OK", "HTTP/1.1 200 OK\r\n", ok, ok + "Content-Length: 5\r\n"} {
		for _, how := range []string{"fin", "rst"} {
			bad("cut in the head at "+fmt.Sprint(len(part))+" by "+how, part).End = how
		}
	}
	for _, part := range []string{ok + "Content-Length: 5\r\n\r\n", ok + "Content-Length: 5\r\n\r\nhell", chunked, chunked + "5", chunked + "5\r\nhel", chunked + "5\r\nhello\r\n", chunked + "5\r\nhello\r\n0\r\n", chunked + "5\r\nhello\r\n0\r\nX: v"} {
		for _, how := range []string{"fin", "rst"} {
			cutOff(fmt.Sprintf("cut in the body at %d by %s", len(part), how), part).End = how
		}
	}
	cutOff("a huge length", ok+"Content-Length: 9223372036854775807\r\n\r\nhello").End = "fin"
	good("ended by the close", ok+"\r\nhello", "hello").End = "fin"
	good("ended by the close, connection: close", ok+"Connection: close\r\n\r\nhello", "hello").End = "fin"
	good("close with a length", ok+"Connection: close\r\nContent-Length: 5\r\n\r\nhello", "hello").End = "fin"
	return all
}
