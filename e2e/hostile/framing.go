package hostile

import (
	"fmt"
	"strings"

	"portreeve.dev/e2e/harness"
)

// bothFramings: Content-Length beside Transfer-Encoding.
func bothFramings(c *corpus) {
	for _, coding := range []string{"chunked", "Chunked", "CHUNKED", " chunked ", "\tchunked"} {
		for _, length := range []string{"0", "3", "5", "15", "56"} {
			for _, between := range []string{"", "X-Between: 1\r\n"} {
				first, second := "Content-Length: "+length+"\r\n", "Transfer-Encoding:"+coding+"\r\n"
				c.add("cl-te "+show(coding)+" "+length+show(between), post+who+first+between+second+"\r\n"+chunks+smuggled, Refuse)
				c.add("te-cl "+show(coding)+" "+length+show(between), post+who+second+between+first+"\r\n"+chunks+smuggled, Refuse)
			}
		}
	}
	for _, method := range []string{"GET", "HEAD", "PUT", "DELETE", "OPTIONS"} {
		c.add("cl-te by "+method, method+" /x?id={id} HTTP/1.1\r\n"+who+"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"+chunks+smuggled, Refuse)
	}
}

// codingGrid: an odd byte at every place of a Transfer-Encoding line.
func codingGrid(c *corpus) {
	for _, b := range oddBytes() {
		s := string([]byte{b})
		for _, place := range []struct {
			name, line string
			blankOK    bool
		}{
			{"before-name", s + "Transfer-Encoding: chunked", false},
			{"in-name", "Transfer" + s + "Encoding: chunked", false},
			{"after-name", "Transfer-Encoding" + s + ": chunked", false},
			{"after-colon", "Transfer-Encoding:" + s + "chunked", true},
			{"in-value", "Transfer-Encoding: chun" + s + "ked", false},
			{"after-value", "Transfer-Encoding: chunked" + s, true},
		} {
			name := fmt.Sprintf("%s 0x%02x", place.name, b)
			head := post + who + place.line + "\r\n"
			if place.blankOK && isBlank(b) {
				c.add(name, head+"\r\n"+chunks, Forward).Want = Want{Body: text("hello")}
			} else {
				c.add(name, head+"\r\n"+chunks+smuggled, Refuse, 400, 501)
			}
			if place.name == "after-name" || place.name == "after-colon" {
				c.add(name+" with cl", head+"Content-Length: 5\r\n\r\n"+chunks+smuggled, Refuse, 400, 501)
			}
		}
	}
}

var oddCodings = []string{"xchunked", "chunkedx", "x-chunked", "\"chunked\"", "'chunked'", "chunked, cow", "cow, chunked", "chunked,",
	",chunked", ", chunked", "chunked ,", "chunked,,", ",", "chunked,chunked", "chunked, chunked", "chunked;", "chunked;a=b", "chunked; q=1",
	"identity", "", " ", "\t", "chunked identity", "identity, chunked", "chunked, identity", "identity,identity", "chu nked", "chunke",
	"hunked", "gzip", "gzip, chunked", "chunked, gzip", "deflate, chunked", "compress", "br", "x-gzip", "trailers", "chunked\\", "chunked:",
	"chunked=1", "chunked(comment)", "(comment)chunked", "\\chunked", "ch\tunked", "chunked\u00a0", "\u00a0chunked", "\xa0chunked", "\x85chunked", "chunked\xff",
	"cHuNkEd, CHUNKED", "chunked\x00", "\x00chunked", "chunked\x0b", "\x0bchunked", "chunked\x0c", "0", "5", "none", "null", "true", "7bit",
	"chunked/1.0", "http/chunked", "*", "chunked*", "%63hunked", "chunk\u212aed", "\u017fchunked"}

// codingValues: values that aren't exactly chunked, alone and beside a Content-Length.
func codingValues(c *corpus) {
	for _, value := range oddCodings {
		te := "Transfer-Encoding: " + value + "\r\n"
		c.add("te "+show(value), post+who+te+"\r\n"+chunks+smuggled, Refuse, 400, 501)
		c.add("te cl "+show(value), post+who+te+"Content-Length: 5\r\n\r\nhello"+smuggled, Refuse, 400, 501)
		c.add("cl te "+show(value), post+who+"Content-Length: 5\r\n"+te+"\r\nhello"+smuggled, Refuse, 400, 501)
		c.add("get te "+show(value), line+who+te+"\r\n"+smuggled, Refuse, 400, 501)
	}
	for _, name := range []string{"Transfer_Encoding", "Transfer Encoding", "transfer_encoding", "TRANSFER_ENCODING", "Transfer\tEncoding",
		"Transfer-Encoding ", "\"Transfer-Encoding\"", "Transfer\\Encoding", "Content_Length", "Content Length", "Content-Length "} {
		c.add("name "+show(name), post+who+name+": chunked\r\n\r\n"+chunks+smuggled, Refuse)
		c.add("name cl "+show(name), post+who+name+": chunked\r\nContent-Length: 5\r\n\r\nhello"+smuggled, Refuse)
	}
	for _, value := range []string{"chunked", "CHUNKED", "Chunked", "cHUNKED", "chunked ", " \t chunked\t ", "  chunked"} {
		c.add("good "+show(value), post+who+"Transfer-Encoding: "+value+"\r\n\r\n"+chunks, Forward).Want = Want{Body: text("hello")}
	}
	for _, name := range []string{"transfer-encoding", "TRANSFER-ENCODING", "tRANSFER-eNCODING"} {
		c.add("good name "+name, post+who+name+": chunked\r\n\r\n"+chunks, Forward).Want = Want{Body: text("hello")}
	}
}

// codingLines: more than one Transfer-Encoding line.
func codingLines(c *corpus) {
	values := []string{"chunked", "identity", "gzip", "", " ", "x", "chunked,", "Chunked"}
	for _, first := range values {
		for _, second := range values {
			for _, between := range []string{"", "X-Between: 1\r\n"} {
				lines := "Transfer-Encoding: " + first + "\r\n" + between + "transfer-encoding: " + second + "\r\n"
				c.add("two "+show(first)+" "+show(second)+show(between), post+who+lines+"\r\n"+chunks+smuggled, Refuse, 400, 501)
			}
		}
	}
	c.add("three", post+who+strings.Repeat("Transfer-Encoding: chunked\r\n", 3)+"\r\n"+chunks+smuggled, Refuse, 400, 501)
	c.add("empty colon", post+who+"Transfer-Encoding: chunked\r\nTransfer-Encoding:\r\n\r\n"+chunks+smuggled, Refuse, 400, 501)
	c.add("colon empty", post+who+"Transfer-Encoding:\r\nTransfer-Encoding: chunked\r\n\r\n"+chunks+smuggled, Refuse, 400, 501)
}

// codingInOldVersion: Transfer-Encoding in HTTP/1.0.
func codingInOldVersion(c *corpus) {
	for _, value := range []string{"chunked", "identity", "gzip", "", "Chunked", "chunked,"} {
		for _, method := range []string{"GET", "POST"} {
			for _, more := range []string{"", "Connection: keep-alive\r\n", "Content-Length: 5\r\n"} {
				c.add(method+" "+show(value)+" "+show(more), method+" /x?id={id} HTTP/1.0\r\n"+who+more+"Transfer-Encoding: "+value+"\r\n\r\n"+chunks+smuggled, Refuse, 400, 501)
			}
		}
	}
}

var oddLengths = []string{"+5", "-5", "-0", "+0", "0x5", "0X5", "5x", "x5", "1_0", "5_", "_5", "5.0", "5.", ".5", "5e0", "5E0", "\"5\"", "'5'", "5,5", "5, 5",
	"5,6", "5, 6", "5 5", "5\t5", "5,", ",5", ", 5", "5 ,", ",", "", " ", "\t", "05", "005", "00", "0000000000000000000005", "18446744073709551616",
	"18446744073709551621", "99999999999999999999", "1" + strings.Repeat("0", 100), strings.Repeat("0", 100) + "5",
	"340282366920938463463374607431768211456", "4294967301x", "5;", "5;a=b", "5:", "5/5", "5=5", "five", "NaN", "null", "true", "0b101", "0o5", "5h", "5L", "5u",
	"\u0665", "\uff15", "5\u00a0", "\u00a05", "5\x00", "\x005", "5\x0b", "\x0b5", "5\x0c", "%35", "\\5", "(5)", "[5]", "{5}", "$5", "5$", "5!", "~5"}

// lengthValues: malformed and repeated Content-Length.
func lengthValues(c *corpus) {
	for _, value := range oddLengths {
		c.add("post "+show(value), post+who+"Content-Length: "+value+"\r\n\r\nhello"+smuggled, Refuse)
		c.add("get "+show(value), line+who+"Content-Length: "+value+"\r\n\r\n"+smuggled, Refuse)
	}
	for _, pair := range [][2]string{{"5", "5"}, {"5", "6"}, {"6", "5"}, {"5", "0"}, {"0", "5"}, {"0", "0"}, {"5", ""}, {"", "5"}, {"5", "05"}, {"5", "+5"}, {"5", "x"}} {
		for _, between := range []string{"", "X-Between: 1\r\n"} {
			lines := "Content-Length: " + pair[0] + "\r\n" + between + "content-length: " + pair[1] + "\r\n"
			c.add("two "+show(pair[0])+" "+show(pair[1])+show(between), post+who+lines+"\r\nhello"+smuggled, Refuse)
		}
	}
	c.add("no value", post+who+"Content-Length:\r\n\r\nhello"+smuggled, Refuse)
	for _, value := range []string{"5", " 5", "5 ", "\t5\t"} {
		c.add("good "+show(value), post+who+"Content-Length:"+value+"\r\n\r\nhello", Forward).Want = Want{Body: text("hello")}
	}
	c.add("good zero", post+who+"Content-Length: 0\r\n\r\n", Forward).Want = Want{Body: text("")}
}

// lengthGrid: every byte before, within and after the number.
func lengthGrid(c *corpus) {
	for b := 0; b < 256; b++ {
		if isDigit(byte(b)) {
			continue
		}
		s := string([]byte{byte(b)})
		for _, place := range []struct{ name, value string }{{"before", s + "5"}, {"within", "0" + s + "5"}, {"after", "5" + s}} {
			name := fmt.Sprintf("%s 0x%02x", place.name, b)
			head := post + who + "Content-Length:" + place.value + "\r\n\r\nhello"
			if isBlank(byte(b)) && place.name != "within" {
				c.add(name, head, Forward).Want = Want{Body: text("hello")}
			} else {
				c.add(name, head+smuggled, Refuse)
			}
		}
	}
}

// bodiesWhereNoneIsUsual: bodies of GET, HEAD, OPTIONS, DELETE are part of the request and nothing else.
func bodiesWhereNoneIsUsual(c *corpus) {
	for _, method := range []string{"GET", "HEAD", "OPTIONS", "DELETE", "PUT", "PATCH", "POST"} {
		for _, body := range []string{"hello", smuggled, "\r\n\r\n", "0\r\n\r\n"} {
			request := method + " /x?id={id} HTTP/1.1\r\n" + who
			length := fmt.Sprintf("Content-Length: %d\r\n\r\n", len(body))
			c.add(method+" length "+show(body), request+length+body, Forward).Want = Want{Method: method, Body: text(body), Framing: "length"}
			chunk := fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body)
			c.add(method+" chunked "+show(body), request+chunk, Forward).Want = Want{Method: method, Body: text(body)}
		}
	}
	c.add("post without framing", post+who+"\r\n", Forward).Want = Want{Method: "POST", Body: text("")}
}

// expectations: only an exact 100-continue is known.
func expectations(c *corpus) {
	for _, value := range []string{"y 100-continue", "100-continue y", "100-continue, 100-continue", "100-continue;x=1", "200-ok", "101-continue", "x",
		"100 continue", "100-continu", "100-continue,", ",100-continue", "\"100-continue\"", "100_continue"} {
		c.add("value "+show(value), post+who+"Expect: "+value+"\r\nContent-Length: 5\r\n\r\nhello", Refuse, 400, 417).Open = true
	}
	for _, pair := range [][2]string{{"100-continue", "100-continue"}, {"100-continue", "x"}, {"x", "100-continue"}} {
		c.add("two "+pair[0]+" "+pair[1], post+who+"Expect: "+pair[0]+"\r\nExpect: "+pair[1]+"\r\nContent-Length: 5\r\n\r\nhello", Refuse, 400, 417).Open = true
	}
	c.add("folded", post+who+"Expect:\r\n 100-continue\r\nContent-Length: 5\r\n\r\nhello"+smuggled, Refuse, 400, 417)
	c.add("get with x", line+who+"Expect: x\r\n\r\n", Refuse, 400, 417).Open = true
	for _, value := range []string{"100-continue", "100-Continue", " 100-continue "} {
		c.add("good "+show(value), post+who+"Expect: "+value+"\r\nContent-Length: 5\r\n\r\nhello", Forward).Want = Want{Body: text("hello")}
	}
	c.add("without a body", line+who+"Expect: 100-continue\r\n\r\n", Either, 400, 417).Open = true
	c.add("in 1.0", "POST /x?id={id} HTTP/1.0\r\n"+who+"Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello", Either, 400, 417).Want = Want{Body: text("hello")}
}

// upgrades: no tunnel without a real 101, and never one to h2c.
func upgrades(c *corpus) {
	upgrade := func(fields string) string { return line + who + fields + "\r\n" }
	gone := Want{Absent: []string{"Upgrade", "HTTP2-Settings"}}
	for _, fields := range []string{
		"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n",
		"Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n",
		"Connection: HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n",
		"Connection: Upgrade\r\nUpgrade: H2C\r\n",
		"Connection: Upgrade\r\nUpgrade: foo\r\n",
		"Connection: Upgrade\r\nUpgrade: h2c, websocket\r\n",
		"Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n",
		"Connection: Upgrade\r\nUpgrade: \r\n",
		"Connection: Upgrade\r\n",
		"Upgrade: websocket\r\n",
		"Upgrade: h2c\r\n",
	} {
		found := c.add("stripped "+show(fields), upgrade(fields), Either, 400, 426, 501)
		found.Want, found.Open = gone, true
	}
	// The backend answers 200: no tunnel then, and what follows is an ordinary request.
	key := "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	for _, fields := range []string{
		"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" + key,
		"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 1\r\n" + key,
		"Connection: Upgrade\r\nUpgrade: websocket\r\n" + key,
		"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
		"Connection: keep-alive, upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\n" + key,
	} {
		c.add("refused upgrade "+show(fields), upgrade(fields), Either, 400, 426, 501, 502).Open = true
	}
	c.add("websocket by post", post+who+"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+key+"Content-Length: 5\r\n\r\nhello", Either, 400, 501, 502)
	c.add("websocket in 1.0", "GET /x?id={id} HTTP/1.0\r\n"+who+"Connection: Upgrade\r\nUpgrade: websocket\r\n"+key+"\r\n", Either).Want = gone
}

// connects: CONNECT isn't served, and nothing behind it is sent on.
func connects(c *corpus) {
	for _, target := range []string{host + ":80", host + ":443", host, "127.0.0.1:22", "[::1]:22", "/", "/x", "*", "http://" + host + "/", ":80", "h.example.com:", "a:b:c", "user@" + host + ":80"} {
		for _, more := range []string{"", "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n"} {
			c.add(show(target)+" "+show(more), "CONNECT "+target+" HTTP/1.1\r\n"+who+more+"\r\n"+smuggled, Refuse, 400, 405, 501)
		}
	}
	c.add("in 1.0", "CONNECT "+host+":80 HTTP/1.0\r\n"+who+"\r\n"+smuggled, Refuse, 400, 405, 501)
	c.add("lower case", "connect "+host+":80 HTTP/1.1\r\n"+who+"\r\n"+smuggled, Refuse, 400, 405, 501)
}

// hopByHop: what Connection names goes, but never what guards a request.
func hopByHop(c *corpus) {
	value := func(name, value string) harness.Field { return harness.Field{Name: name, Value: value} }
	kept := harness.Fields{value("Authorization", "Basic abc"), value("Cookie", "a=b"), value("X-Forwarded-For", harness.ClientAddress)}
	fields := "Authorization: Basic abc\r\nCookie: a=b\r\nX-Plain: 1\r\n"
	for _, options := range []string{"close, X-Forwarded-For", "Authorization", "cookie", "host", "Host, Content-Length", "authorization, cookie, host",
		"X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host, Forwarded, X-Request-Id", "te", "transfer-encoding", "content-length", "AUTHORIZATION,COOKIE",
		"keep-alive, Authorization", ",,,Cookie,,", "Via", "X-Real-Ip"} {
		c.add("protected "+show(options), line+who+"Connection: "+options+"\r\n"+fields+"\r\n", Forward).Want = Want{Has: kept, Host: host}
		c.add("protected with body "+show(options), post+who+"Connection: "+options+"\r\n"+fields+"Content-Length: 5\r\n\r\nhello", Forward).Want =
			Want{Has: kept, Host: host, Body: text("hello"), Framing: "length"}
	}
	for _, name := range []string{"X-Plain", "x-plain", "X-Hop", "Accept"} {
		c.add("named "+name, line+who+"Connection: "+name+"\r\nAccept: */*\r\nX-Hop: 1\r\n"+fields+"\r\n", Forward).Want = Want{Absent: []string{name}, Has: kept}
	}
	c.add("two lines", line+who+"Connection: X-One\r\nConnection: X-Two\r\nX-One: 1\r\nX-Two: 2\r\n\r\n", Forward).Want = Want{Absent: []string{"X-One", "X-Two"}}
	c.add("classic", line+who+"Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nTE: trailers\r\nTrailer: X\r\n\r\n", Forward).Want =
		Want{Absent: []string{"Keep-Alive", "Proxy-Connection", "TE", "Trailer"}}
	many := make([]string, 1000)
	for i := range many {
		many[i] = fmt.Sprintf("x-%d", i)
	}
	c.add("1000 options", line+who+"Connection: "+strings.Join(many, ",")+"\r\nX-7: 1\r\n\r\n", Either, 400, 431).Want = Want{Absent: []string{"X-7"}}
	for _, odd := range []string{"\"close\"", "close;q=1", "a b", "x-plain\x80", "=", "(c)"} {
		c.add("odd "+show(odd), line+who+"Connection: "+odd+"\r\n\r\n", Either).Want = Want{}
	}
}

// forwarded: what clients say about themselves is replaced.
func forwarded(c *corpus) {
	spoof := "203.0.113.9"
	for _, name := range []string{"X-Forwarded-For", "x-forwarded-for", "X-FORWARDED-FOR", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Real-IP", "Forwarded",
		"X-Forwarded-Client-Cert", "x-forwarded-client-cert", "X-Forwarded-By", "X-Forwarded-Server", "X-Client-Ip", "True-Client-Ip"} {
		value := spoof
		if strings.EqualFold(name, "Forwarded") {
			value = "for=" + spoof
		}
		verdict, want := Forward, Want{Without: spoof, Has: harness.Fields{{Name: "X-Forwarded-For", Value: harness.ClientAddress}}}
		if name == "X-Forwarded-By" || name == "X-Forwarded-Server" || name == "X-Client-Ip" || name == "True-Client-Ip" {
			want.Without = ""
		}
		c.add(name, line+who+name+": "+value+"\r\n\r\n", verdict).Want = want
		c.add(name+" twice", line+who+name+": "+value+"\r\n"+name+": "+value+"\r\n\r\n", verdict).Want = want
	}
	for _, name := range []string{"X_Forwarded_For", "X-Forwarded_For", "x_forwarded_for", "X_Real_IP", "Content_Type", "X_", "_", "_X"} {
		c.add("underscore "+name, line+who+name+": "+spoof+"\r\n\r\n"+smuggled, Refuse)
	}
	c.add("proto", line+who+"X-Forwarded-Proto: https\r\n\r\n", Forward).Want = Want{Has: harness.Fields{{Name: "X-Forwarded-Proto", Value: "http"}}}
}

// shadowing: two fields where a backend may read either.
func shadowing(c *corpus) {
	for _, pair := range [][2]string{{"Authorization", "Authorization"}, {"Authorization", "authorization"}, {"AUTHORIZATION", "Authorization"}} {
		for _, values := range [][2]string{{"Basic a", "Basic b"}, {"Basic a", "Basic a"}, {"Basic a", ""}, {"", "Basic a"}} {
			found := c.add("two "+pair[0]+" "+pair[1]+" "+values[0]+values[1], line+who+pair[0]+": "+values[0]+"\r\n"+pair[1]+": "+values[1]+"\r\n\r\n", Refuse)
			found.Open = true
		}
	}
	c.add("cookie lines", line+who+"Cookie: a=b\r\nCookie: c=d\r\n\r\n", Forward)
	for _, name := range []string{"Accept", "X-Any"} {
		c.add("two "+name, line+who+name+": a\r\n"+name+": b\r\n\r\n", Forward).Want = Want{Has: harness.Fields{{Name: name, Value: "a, b"}}}
	}
}
