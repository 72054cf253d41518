package hostile

import (
	"fmt"
	"strings"

	"portreeve.dev/e2e/harness"
)

// template is a request with a line end of every kind; the marks are where they stand.
var template = []string{"POST /x?id={id} HTTP/1.1", "Host: " + host, "X-Id: {id}", "Transfer-Encoding: chunked", "X-Last: z", "", "5", "hello", "0", "X-T: v", ""}

const headLines = 6 // of the template's lines, the head's

// lineEnds: each line end of a request replaced by what some server takes for one.
func lineEnds(c *corpus) {
	for at := range template {
		for _, end := range []string{"\n", "\r", "\r\r\n", "\n\r", "\n\n", "\r\r", "\x0b\r\n", "\x0c", "\x85", "\u2028", "\x00\r\n", "\r \n", "\r\x00\n", "\rX\n"} {
			var raw strings.Builder
			for i, text := range template {
				raw.WriteString(text)
				if i == at {
					raw.WriteString(end)
				} else {
					raw.WriteString("\r\n")
				}
			}
			if at == 2 && (end == "\x85" || end == "\u2028") {
				continue // The value of X-Id then goes on, and the request is another, good one.
			}
			verdict := Refuse
			if at >= headLines {
				verdict = RefuseBody
			}
			status := []int{400}
			if at == 0 {
				status = append(status, 505)
			}
			if at == 3 {
				status = append(status, 501)
			}
			c.add(fmt.Sprintf("line %d ends with %s", at, show(end)), raw.String()+smuggled, verdict, status...)
		}
	}
	for _, lead := range []string{"\r\n", "\r\n\r\n"} {
		c.add("leading "+show(lead), lead+line+who+"\r\n", Either).Method = "GET"
	}
	for _, lead := range []string{"\n", "\r", " ", "\t", "\x00", "\r\r\n", "\n\r\n", " \r\n", "\r\n ", "\ufeff", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", strings.Repeat("\n", 50)} {
		c.add("leading "+show(lead), lead+line+who+"\r\n"+smuggled, Refuse).Method = "GET"
	}
}

// bareBytes: CR, LF and NUL where no line ends.
func bareBytes(c *corpus) {
	places := []struct{ name, before, after string }{
		{"in method", "GE", "T /x HTTP/1.1\r\n" + who},
		{"in path", "GET /a", "b HTTP/1.1\r\n" + who},
		{"in query", "GET /a?b=", "c HTTP/1.1\r\n" + who},
		{"in version", "GET /a HTTP/1.", "1\r\n" + who},
		{"in protocol", "GET /a HT", "TP/1.1\r\n" + who},
		{"in host", "GET /a HTTP/1.1\r\nHost: h", ".example.com\r\nX-Id: {id}\r\n"},
		{"in name", line + who + "X-A", "B: v\r\n"},
		{"after name", line + who + "X-A", ": v\r\n"},
		{"before value", line + who + "X-A:", "v\r\n"},
		{"in value", line + who + "X-A: v", "w\r\n"},
		{"after value", line + who + "X-A: v", "\r\n"},
		{"a header behind it", line + who + "X-A: v", "X-Evil: 1\r\n"},
		{"a length behind it", post + who + "X-A: v", "Content-Length: 5\r\n"},
		{"a coding behind it", post + who + "X-A: v", "Transfer-Encoding: chunked\r\n"},
		{"a request behind it", line + who + "X-A: v", "GET /smuggled HTTP/1.1\r\n" + who},
	}
	for _, place := range places {
		for _, bytes := range []string{"\r", "\n", "\x00", "\r\r", "\n\n", "\n\r", "\r\n\r", "\r\x00", "\x00\n", "\n ", "\r ", "\r\t"} {
			c.add(place.name+" "+show(bytes), place.before+bytes+place.after+"\r\n"+smuggled, Refuse, 400, 501, 505).Method = "GET"
		}
	}
}

// folds: continued lines, and blanks before the first field.
func folds(c *corpus) {
	for _, blank := range []string{" ", "\t", "  ", " \t", "\t "} {
		for _, place := range []struct{ name, raw string }{
			{"plain", line + who + "X-A: a\r\n" + blank + "b\r\n"},
			{"empty value", line + who + "X-A:\r\n" + blank + "b\r\n"},
			{"only blanks", line + who + "X-A: a\r\n" + blank + "\r\n"},
			{"host", line + "Host:\r\n" + blank + host + "\r\nX-Id: {id}\r\n"},
			{"host continued", line + "Host: h\r\n" + blank + ".example.com\r\nX-Id: {id}\r\n"},
			{"first field", line + blank + "Host: " + host + "\r\nX-Id: {id}\r\n"},
			{"blank line first", line + blank + "\r\n" + who},
			{"te", post + who + "Transfer-Encoding:\r\n" + blank + "chunked\r\n"},
			{"te continued", post + who + "Transfer-Encoding: chun\r\n" + blank + "ked\r\n"},
			{"te and more", post + who + "Transfer-Encoding: chunked\r\n" + blank + ", identity\r\n"},
			{"cl", post + who + "Content-Length:\r\n" + blank + "5\r\n"},
			{"cl continued", post + who + "Content-Length: 5\r\n" + blank + "0\r\n"},
			{"hidden cl", post + who + "X-A: a\r\n" + blank + "Content-Length: 5\r\n"},
			{"hidden te", post + who + "X-A: a\r\n" + blank + "Transfer-Encoding: chunked\r\n"},
			{"connection", line + who + "Connection: close,\r\n" + blank + "x-a\r\n"},
		} {
			c.add(place.name+" "+show(blank), place.raw+"\r\n"+chunks+smuggled, Refuse, 400, 501)
		}
	}
}

// names: lines that are no field.
func names(c *corpus) {
	for _, text := range []string{"NoColon", "No Colon", ":", ": v", " : v", "X : v", "X\t: v", "X  : v", "X v", "GET / HTTP/1.1", "X-A\xc2\xa0: v", "X-A\x85: v", "X-A\xa0: v",
		"\xefX: v", "X;A: v", "X/A: v", "\"X\": v", "(X): v", "X=A: v", "X@A: v", "{X}: v", "[X]: v", "X<A>: v", "X?A: v", "X,A: v", "X\\A: v", "\u212aeep-Alive: v", "=", "-: v\x00",
		"Content-Length : 5", "Content-Length\t: 5", "Transfer-Encoding : chunked", "Host : " + host, "Host\x00: " + host} {
		c.add("line "+show(text), line+who+text+"\r\n\r\n"+smuggled, Refuse, 400, 501)
		c.add("first line "+show(text), line+text+"\r\n"+who+"\r\n"+smuggled, Refuse, 400, 501)
	}
	c.add("long name", line+who+strings.Repeat("x", 300)+": v\r\n\r\n", Either, 400, 431)
	c.add("empty value", line+who+"X-A:\r\nX-B: \r\n\r\n", Forward).Want = Want{}
	c.add("colons in the value", line+who+"X-A:: :b:\r\n\r\n", Forward).Want = Want{Has: harness.Fields{{Name: "X-A", Value: ": :b:"}}}
}

// nameGrid: every byte in a field name.
func nameGrid(c *corpus) {
	for b := 0; b < 256; b++ {
		s := string([]byte{byte(b)})
		for _, place := range []struct{ name, field string }{{"start", s + "X-N"}, {"within", "X" + s + "N"}, {"end", "X-N" + s}} {
			name := fmt.Sprintf("%s 0x%02x", place.name, b)
			raw := line + who + place.field + ": v\r\n\r\n"
			switch {
			case b == ':' && place.name != "start":
			case b == '_':
				c.add(name, raw+smuggled, Refuse)
			case harness.IsTokenByte(byte(b)):
				if place.name == "within" {
					c.add(name, raw, Forward).Want = Want{Has: harness.Fields{{Name: place.field, Value: "v"}}}
				}
			default:
				c.add(name, raw+smuggled, Refuse)
			}
		}
	}
}

// valueGrid: every byte in a field value.
func valueGrid(c *corpus) {
	for b := 0; b < 256; b++ {
		s := string([]byte{byte(b)})
		for _, place := range []struct{ name, value string }{{"start", s + "v"}, {"within", "v" + s + "w"}, {"end", "v" + s}} {
			name := fmt.Sprintf("%s 0x%02x", place.name, b)
			raw := line + who + "X-V: " + place.value + "\r\n\r\n"
			has := Want{Has: harness.Fields{{Name: "X-V", Value: strings.Trim(place.value, " \t")}}}
			switch {
			case b < 0x20 && b != '\t' || b == 0x7f:
				c.add(name, raw+smuggled, Refuse)
			case b >= 0x80:
				if place.name == "within" {
					c.add(name, raw, Either).Want = has
				}
			case place.name == "within" || isBlank(byte(b)):
				c.add(name, raw, Forward).Want = has
			}
		}
	}
	for b := 0; b < 0x20; b++ {
		if b != '\t' {
			c.add(fmt.Sprintf("cookie 0x%02x", b), line+who+"Cookie: a="+string([]byte{byte(b)})+"b\r\n\r\n"+smuggled, Refuse)
		}
	}
}

// requestLines: what stands before the first field.
func requestLines(c *corpus) {
	for _, text := range []string{"GET  /x HTTP/1.1", "GET /x  HTTP/1.1", " GET /x HTTP/1.1", "GET /x HTTP/1.1 ", "GET\t/x\tHTTP/1.1", "GET /x", "GET", "", " ", "GET /x HTTP/1.1 x", "GET /x y HTTP/1.1",
		"/x HTTP/1.1", "GET HTTP/1.1", "GET  HTTP/1.1", "HTTP/1.1 200 OK", "GET x HTTP/1.1", "GET x/y HTTP/1.1", "GET ?x HTTP/1.1", "GET * HTTP/1.1", "POST * HTTP/1.1", "GET #x HTTP/1.1", "GET \\x HTTP/1.1",
		"GET /x HTTP/1.1\t", "GET /x HTTP", "GET /x HTTP/", "GET /x HTTP/1", "GET /x HTTP/1.", "GET /x HTTP/.1", "GET /x HTTP/1.10", "GET /x HTTP/11.1", "GET /x HTTP/01.1", "GET /x HTTP/1.01", "GET /x HTTP/0.9",
		"GET /x HTTP/2.0", "GET /x HTTP/2", "GET /x HTTP/3.0", "GET /x HTTP/1.1.1", "GET /x http/1.1", "GET /x Http/1.1", "GET /x HTTPS/1.1", "GET /x HTTP /1.1", "GET /x HTTP/ 1.1", "GET /x HTTP/1 .1", "GET /x HTTP-1.1",
		"GET /x HTTP/-1.1", "GET /x HTTP/+1.1", "GET /x HTTP/1,1", "GET /x ICY/1.1", "GET /x RTSP/1.0", "GET /x SIP/2.0", "GET,/x HTTP/1.1", "GET: /x HTTP/1.1", "\"GET\" /x HTTP/1.1", "(GET) /x HTTP/1.1", "G\x00T /x HTTP/1.1",
		"PRI * HTTP/1.1", "GET\u00a0/x HTTP/1.1", "GET /\u00a0HTTP/1.1", "GET /x HTTP/\uff11.1"} {
		found := c.add("line "+show(text), text+"\r\n"+who+"\r\n"+smuggled, Refuse, 400, 405, 501, 505)
		found.Method = "GET"
		parts := strings.Split(text, " ")
		found.Silent = len(parts) == 3 && !strings.HasPrefix(parts[1], "/") && !strings.HasPrefix(parts[2], "HTTP/")
	}
	for _, method := range []string{"get", "Get", "gET", "PATCH", "PURGE", "PROPFIND", "FOO", "M-SEARCH", "A", strings.Repeat("M", 32), "TRACE", "G!#$%&'*+.^`|~"} {
		c.add("method "+show(method), method+" /x?id={id} HTTP/1.1\r\n"+who+"\r\n", Either, 400, 405, 501).Want = Want{Method: method}
		c.cases[len(c.cases)-1].Open = true
	}
	for _, n := range []int{33, 64, 1000} {
		c.add(fmt.Sprintf("method of %d bytes", n), strings.Repeat("M", n)+" /x HTTP/1.1\r\n"+who+"\r\n"+smuggled, Refuse, 400, 414, 501)
	}
	for _, version := range []string{"HTTP/1.2", "HTTP/1.9"} {
		c.add("version "+version, "GET /x?id={id} "+version+"\r\n"+who+"\r\n", Either, 400, 505)
	}
	c.add("version 1.0", "GET /x?id={id} HTTP/1.0\r\n"+who+"\r\n", Forward)
	c.add("version 1.0 keep-alive", "GET /x?id={id} HTTP/1.0\r\n"+who+"Connection: keep-alive\r\n\r\n", Forward)
	c.add("http 0.9", "GET /x\r\n", Refuse, 400, 505).Half = true
	c.add("options star", "OPTIONS * HTTP/1.1\r\n"+who+"\r\n", Either, 400, 404, 405, 501).Open = true
}

// requestLineGrid: every byte at every seam of the request line.
func requestLineGrid(c *corpus) {
	for b := 0; b < 256; b++ {
		s := string([]byte{byte(b)})
		add := func(name, text string) {
			c.add(fmt.Sprintf("%s 0x%02x", name, b), text+"\r\n"+who+"\r\n"+smuggled, Refuse, 400, 501, 505).Method = "GET"
		}
		if !harness.IsTokenByte(byte(b)) {
			add("in the method", "G"+s+"T /x HTTP/1.1")
		}
		if b != ' ' {
			add("after the method", "GET"+s+"/x HTTP/1.1")
			add("after the target", "GET /x"+s+"HTTP/1.1")
		}
		add("after the version", "GET /x HTTP/1.1"+s)
		if b != '.' {
			add("in the version", "GET /x HTTP/1"+s+"1")
		}
		if b != '/' {
			add("after the protocol", "GET /x HTTP"+s+"1.1")
		}
		if b != '1' && b != '0' && !(b > '1' && b <= '9') {
			add("as the minor version", "GET /x HTTP/1."+s)
		}
		if b != '1' {
			add("as the major version", "GET /x HTTP/"+s+".1")
		}
	}
}

// truncations: the client goes away at every byte of a request.
func truncations(c *corpus) {
	for _, whole := range []struct{ name, raw string }{
		{"get", line + who + "\r\n"},
		{"length", post + who + "Content-Length: 11\r\n\r\nhello world"},
		{"chunked", post + who + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"},
	} {
		for at := 1; at < len(whole.raw); at++ {
			if open := strings.LastIndexByte(whole.raw[:at], '{'); open >= 0 && at-open < 4 {
				continue // {id} is filled in before sending.
			}
			found := c.add(fmt.Sprintf("%s at %d", whole.name, at), whole.raw[:at], Cut, 400, 408)
			found.Half, found.Method = true, "GET"
		}
	}
}
