package hostile

import (
	"fmt"
	"strings"
)

const chunkedHead = post + who + "Transfer-Encoding: chunked\r\n\r\n"

func hello() Want { return Want{Body: text("hello")} }

// chunkSizes: sizes that aren't plain hexadecimal numbers.
func chunkSizes(c *corpus) {
	for _, size := range []string{"0x5", "0X5", "+5", "-5", "-1", " 5", "5 ", "\t5", "5\t", "5zz", "5_0", "_5", "", " ", "g", "G", "5h", "5.0", "5,5", "5,", "0x", "x5", "#5", "5\x00", "\x005",
		"11111111111111111", "FFFFFFFFFFFFFFFFF", "10000000000000005", "00000000000000005", strings.Repeat("0", 64) + "5", strings.Repeat("0", 5000) + "5",
		strings.Repeat("f", 64), "5\x0b", "\x0b5", "5\x0c", "5\u00a0", "\uff15", "5\"", "\"5\"", "'5'", "5=", "5:", "5/", "%35", "$5", "five", "NaN", "-0", "+0", "0-5", "0+5", "5\xff", "\xff5", "5\x85"} {
		c.add("first "+show(size), chunkedHead+size+"\r\nhello\r\n0\r\n\r\n"+smuggled, RefuseBody)
		c.add("second "+show(size), chunkedHead+"3\r\nabc\r\n"+size+"\r\nhello\r\n0\r\n\r\n"+smuggled, RefuseBody)
		if strings.Trim(size, "0") == "5" || size == "" || size == " " {
			continue
		}
		last := strings.NewReplacer("5", "0", "f", "0", "F", "0", "1", "0", "8", "0").Replace(size)
		if strings.Trim(last, "0") != "" && last != size {
			c.add("last "+show(last), chunkedHead+"5\r\nhello\r\n"+last+"\r\n\r\n"+smuggled, RefuseBody)
		}
	}
	for _, size := range []string{"5", "05", "005", "0000000000000005"} {
		c.add("good "+size, chunkedHead+size+"\r\nhello\r\n0\r\n\r\n", Forward).Want = hello()
	}
	c.add("good upper case", chunkedHead+"A\r\n0123456789\r\n0\r\n\r\n", Forward).Want = Want{Body: text("0123456789")}
	c.add("good lower case", chunkedHead+"a\r\n0123456789\r\n0\r\n\r\n", Forward).Want = Want{Body: text("0123456789")}
	c.add("good zeros", chunkedHead+"5\r\nhello\r\n000\r\n\r\n", Forward).Want = hello()
	c.add("good one by one", chunkedHead+strings.Repeat("1\r\nx\r\n", 50)+"0\r\n\r\n", Forward).Want = Want{Body: text(strings.Repeat("x", 50))}
}

// chunkSizeGrid: every byte around a chunk size.
func chunkSizeGrid(c *corpus) {
	for b := 0; b < 256; b++ {
		if isHex(byte(b)) {
			continue
		}
		s := string([]byte{byte(b)})
		c.add(fmt.Sprintf("before 0x%02x", b), chunkedHead+s+"5\r\nhello\r\n0\r\n\r\n"+smuggled, RefuseBody)
		verdict := RefuseBody
		if b == ';' {
			verdict = EitherBody
		}
		raw := chunkedHead + "5" + s + "\r\nhello\r\n0\r\n\r\n"
		if verdict == RefuseBody {
			raw += smuggled
		}
		c.add(fmt.Sprintf("after 0x%02x", b), raw, verdict).Want = hello()
	}
}

// chunkExtensions: short ones are read and dropped, the others end the connection.
func chunkExtensions(c *corpus) {
	body := func(extension string) string { return chunkedHead + "5" + extension + "\r\nhello\r\n0\r\n\r\n" }
	for _, extension := range []string{";a", ";a=b", ";a=\"x y\"", ";a=\"x;y\"", ";a;b;c", ";a=b;c=d", ";foo=bar", ";a=\"\""} {
		c.add("good "+show(extension), body(extension), Forward).Want = hello()
		c.add("good last "+show(extension), chunkedHead+"5\r\nhello\r\n0"+extension+"\r\n\r\n", Forward).Want = hello()
	}
	for _, extension := range []string{"; a=b", " ;a=b", ";a =b", ";a= b", ";", ";;", ";=b", ";a=", ";a=\"unterminated", ";a=\"x\"y", ";a=b c", ";a=\"x\\\"y\"", ";a=\xff", ";\xc3\xa9", ";a=\"\xc3\xa9\"", ";a=\tb", ";a,b", ";a@b", "; ", ";a=(b)"} {
		c.add("doubtful "+show(extension), body(extension), EitherBody).Want = hello()
	}
	for _, extension := range []string{";\n", ";a\nb", ";a=\"x\ny\"", ";\x00", ";a=\x00", "\r\r;a", ";a\rb", ";a=\"x\ry\"", ";\r", ";\x01", ";a=\x7f", ";a=\x1b[31m", ";a\n\n", ";\r\r\n", ";a=\"x\r\ny\"", "\n;a", "\r;a",
		";" + strings.Repeat("x", 400), ";a=\"" + strings.Repeat("x", 5000) + "\"", ";" + strings.Repeat("x", 65536), strings.Repeat(";a=b", 200), strings.Repeat(";", 5000)} {
		c.add("bad "+show(extension), body(extension)+smuggled, RefuseBody)
		c.add("bad last "+show(extension), chunkedHead+"5\r\nhello\r\n0"+extension+"\r\n\r\n"+smuggled, RefuseBody)
	}
	c.add("many small", chunkedHead+strings.Repeat("1;"+strings.Repeat("x", 198)+"\r\nx\r\n", 60)+"0\r\n\r\n", Forward).Want = Want{Body: text(strings.Repeat("x", 60))}
	c.add("too many small", chunkedHead+strings.Repeat("1;"+strings.Repeat("x", 198)+"\r\nx\r\n", 120)+"0\r\n\r\n"+smuggled, RefuseBody)
}

// chunkData: data that is longer or shorter than its size, and ends that aren't.
func chunkData(c *corpus) {
	for _, body := range []string{
		"3\r\nhello\r\n0\r\n\r\n", "4\r\nhello\r\n0\r\n\r\n", "8\r\nhello\r\n0\r\n\r\n", "6\r\nhello\r\n0\r\n\r\n", "5\r\nhello0\r\n\r\n", "5\r\nhello\n0\r\n\r\n", "5\r\nhello\r0\r\n\r\n", "5\r\nhelloXX0\r\n\r\n",
		"5\r\nhello\r\n\r\n0\r\n\r\n", "5\nhello\r\n0\r\n\r\n", "\r\n5\r\nhello\r\n0\r\n\r\n", "5\r\n\r\nhello\r\n0\r\n\r\n", "0\r\nGET /smuggled HTTP/1.1\r\n\r\n", "5\r\nhello\r\n0\n\r\n", "5\r\nhello\r\n0\r\n\n", "5\r\nhello\r\n0\n\n",
		"5\r\nhello\r\n0\r\nX", "5\r\nhello\r\n0\r\r\n\r\n", "2\r\nhello\r\n0\r\n\r\n", "1\r\nhello\r\n0\r\n\r\n", "5\r\nhello \r\n0\r\n\r\n", "5\r\nhello\x00\r\n0\r\n\r\n", "hello\r\n", "{\"a\":1}\r\n", "5 hello\r\n0\r\n\r\n", "5\r\nhello\r\n0 \r\n\r\n",
		"7\r\nhello\r\n0\r\n\r\n", "5;a\nhello\r\n0\r\n\r\n", "5\r\nhello\r\r\n0\r\n\r\n", "5\r\nhello\n\r\n0\r\n\r\n",
	} {
		c.add("data "+show(body), chunkedHead+body+smuggled, RefuseBody)
	}
}

// trailers: never forwarded as fields; those that frame or route make the request bad.
func trailers(c *corpus) {
	body := func(lines string) string { return chunkedHead + "5\r\nhello\r\n0\r\n" + lines + "\r\n" }
	for _, name := range []string{"Content-Length", "Transfer-Encoding", "Host", "content-length", "TRANSFER-ENCODING", "host", "Transfer-encoding", "CONTENT-LENGTH"} {
		for _, value := range []string{"5", "chunked", host, ""} {
			c.add("framing "+name+" "+value, body(name+": "+value+"\r\n")+smuggled, RefuseBody)
		}
	}
	for _, name := range []string{"Authorization", "X-Forwarded-For", "Cookie", "Content-Encoding", "Content-Type", "Connection", "Upgrade", "Expect", "Max-Forwards", "Trailer", "TE", "Set-Cookie", "X-Any", "Cache-Control", "Range",
		"Content-Range", "X-Forwarded-Proto", "Forwarded", "X-Request-Id", "Keep-Alive", "Proxy-Authorization", "If-Match", "Age", "Location", "Vary", "Via"} {
		found := c.add("dropped "+name, body(name+": late-value\r\n"), EitherBody)
		found.Want = Want{Body: text("hello"), Without: "late-value"}
		declared := c.add("declared "+name, strings.Replace(body(name+": late-value\r\n"), "X-Id:", "Trailer: "+name+"\r\nX-Id:", 1), EitherBody)
		declared.Want = Want{Body: text("hello"), Without: "late-value", Absent: []string{"Trailer"}}
	}
	c.add("plain", body("X-Checksum: 1\r\n"), Forward).Want = Want{Body: text("hello"), Absent: []string{"X-Checksum"}}
	for _, n := range []int{1, 19, 20} {
		c.add(fmt.Sprintf("%d fields", n), body(strings.Repeat("X-T: v\r\n", n)), Forward).Want = Want{Body: text("hello"), Absent: []string{"X-T"}}
	}
	for _, n := range []int{21, 100, 1000} {
		c.add(fmt.Sprintf("%d fields", n), body(strings.Repeat("X-T: v\r\n", n))+smuggled, RefuseBody, 400, 431)
	}
	c.add("3 KiB", body("X-T: "+strings.Repeat("v", 3000)+"\r\n"), Forward).Want = hello()
	for _, n := range []int{5000, 70000} {
		c.add(fmt.Sprintf("%d bytes", n), body("X-T: "+strings.Repeat("v", n)+"\r\n")+smuggled, RefuseBody, 400, 431)
	}
}

// badTrailers: trailers that aren't fields.
func badTrailers(c *corpus) {
	body := func(lines string) string { return chunkedHead + "5\r\nhello\r\n0\r\n" + lines + "\r\n\r\n" }
	for _, text := range []string{"NoColon", ": v", "X : v", " X: v", "\tX: v", "X: v\r\n folded", "X:\r\n v", "X\x00: v", "X: \x00", "X: v\rw", "X: v\nw", "X: v\n", "X: v\r\r\n", "X\n: v", "GET /smuggled HTTP/1.1", "5\r\nhello", "X: \x01", "X: \x7f", "X\xff: v", "X\x85: v", "(X): v", "X Y: v", "=",
		"X: v\nContent-Length: 5", "X: v\rHost: a", "X: v\n\nGET /smuggled HTTP/1.1"} {
		c.add("line "+show(text), body(text)+smuggled, RefuseBody)
		c.add("second line "+show(text), body("X-T: v\r\n"+text)+smuggled, RefuseBody)
	}
	for _, b := range oddBytes() {
		s := string([]byte{b})
		c.add(fmt.Sprintf("name 0x%02x", b), body("X"+s+"N: v")+smuggled, RefuseBody)
		if b < 0x20 && b != '\t' || b == 0x7f {
			c.add(fmt.Sprintf("value 0x%02x", b), body("X-N: v"+s+"w")+smuggled, RefuseBody)
		}
	}
}
