package hostile

import (
	"fmt"
	"strings"

	"portreeve.dev/e2e/harness"
)

func getTarget(target string) string {
	return "GET " + target + " HTTP/1.1\r\n" + who + "\r\n"
}

// injections: encoded line ends stay encoded wherever they go.
func injections(c *corpus) {
	for _, target := range []string{"/%0d%0aSet-Cookie:%20a=b", "/%0aSet-Cookie:a", "/a%0d%0a%0d%0aGET%20/smuggled", "/%0D%0AX-Evil:%201", "/%00", "/a%00b", "/a%0db", "/a%7fb", "/%E5%98%8A%E5%98%8DSet-Cookie:a"} {
		found := c.add("path "+show(target), getTarget(target), Either)
		found.Want, found.Open = Want{Targets: []string{target, strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(target, "%0d", "%0D"), "%0a", "%0A"), "%7f", "%7F")}, AnyOf: true}, true
		if strings.Contains(target, "%00") {
			found.Verdict = Refuse
		}
	}
	for _, query := range []string{"a=%0d%0aSet-Cookie:%20b", "%0a", "a=%00"} {
		c.add("query "+show(query), getTarget("/x?"+query), Forward).Want = Want{Targets: []string{"/x?" + query}}
	}
	for _, value := range []string{"%0d%0aX-Evil: 1", "\\r\\nX-Evil: 1", "a\u560a\u560dX-Evil: 1", "<script>", "${jndi:ldap://x}", "'; DROP TABLE x; --"} {
		c.add("value "+show(value), line+who+"X-A: "+value+"\r\n\r\n", Forward).Want = Want{Has: harness.Fields{{Name: "X-A", Value: value}}, Absent: []string{"X-Evil"}}
	}
}

// paths: one normalised path is matched and forwarded. /admin and below has a route, and a backend, of its own.
func paths(c *corpus) {
	for _, p := range []struct {
		target string
		to     []string // where a target may end; one that begins with ! is at the guard
	}{
		{"/admin", []string{"!/admin"}}, {"/admin/", []string{"!/admin/"}}, {"/admin/x?y=/../z", []string{"!/admin/x?y=/../z"}},
		{"/a/../admin", []string{"!/admin"}}, {"/a/../admin/x", []string{"!/admin/x"}}, {"/./admin", []string{"!/admin"}}, {"/a/./../admin", []string{"!/admin"}},
		{"/a/b/../../admin", []string{"!/admin"}}, {"/a/%2e%2e/admin", []string{"!/admin"}}, {"/a/%2E%2E/admin", []string{"!/admin"}}, {"/a/.%2e/admin", []string{"!/admin"}},
		{"/a/%2e./admin", []string{"!/admin"}}, {"/%2e/admin", []string{"!/admin"}}, {"/adm%69n", []string{"!/admin"}}, {"/%61dmin", []string{"!/admin"}}, {"/%61%64%6d%69%6e", []string{"!/admin"}},
		{"/../admin", []string{"!/admin", "400"}}, {"/../../admin", []string{"!/admin", "400"}}, {"/%2e%2e/admin", []string{"!/admin", "400"}}, {"/.%2e/%2e./admin", []string{"!/admin", "400"}},
		{"//../admin", []string{"!/admin", "400"}}, {"///../admin", []string{"!//admin", "!/admin", "400", "//admin"}}, {"//..//admin", []string{"!/admin", "//admin", "!//admin", "400"}}, {"//./admin", []string{"!/admin", "//admin", "400"}},
		{"//admin", []string{"//admin", "!/admin", "400"}}, {"/x//admin", []string{"/x//admin", "/x/admin", "400"}}, {"//%2e%2e/admin", []string{"!/admin", "400"}}, {"//a/../../admin", []string{"!/admin", "400"}},
		{"/a//../admin", []string{"/a/admin", "!/admin", "400"}}, {"/a//..//../admin", []string{"!/admin", "/a/admin", "//admin", "/a//admin", "400"}},
		{"/admin/../x", []string{"/x"}}, {"/admin/../admin/x", []string{"!/admin/x"}}, {"/admin/..", []string{"/"}}, {"/admin/.", []string{"!/admin/"}}, {"/admin/%2e", []string{"!/admin/"}},
		{"/admin/%2e%2e/x", []string{"/x"}}, {"/.", []string{"/"}}, {"/..", []string{"/", "400"}}, {"/a/.", []string{"/a/"}}, {"/a/..", []string{"/"}}, {"/a/b/..", []string{"/a/"}}, {"/a/./b", []string{"/a/b"}},
		{"/a/..;/admin", []string{"/a/..;/admin", "400"}}, {"/a/.;/admin", []string{"/a/.;/admin", "400"}}, {"/a/;/../admin", []string{"/a/admin", "400"}}, {"/..;/admin", []string{"/..;/admin", "400"}},
		{"/%2Fadmin", []string{"/%2Fadmin", "400"}}, {"/%2fadmin", []string{"/%2Fadmin", "400"}}, {"/a%2f..%2fadmin", []string{"/a%2F..%2Fadmin", "400"}}, {"/a/..%2fadmin", []string{"/a/..%2Fadmin", "400"}}, {"/..%2fadmin", []string{"/..%2Fadmin", "400"}},
		{"/a%5c..%5cadmin", []string{"/a%5C..%5Cadmin", "400"}}, {"/..%5cadmin", []string{"/..%5Cadmin", "400"}}, {"/%5cadmin", []string{"/%5Cadmin", "400"}}, {"/%5c%5cadmin", []string{"/%5C%5Cadmin", "400"}},
		{"/%252e%252e/admin", []string{"/%252e%252e/admin", "/%252E%252E/admin"}}, {"/a/%252e%252e/admin", []string{"/a/%252e%252e/admin"}}, {"/%252fadmin", []string{"/%252fadmin"}}, {"/%25%32%65/admin", []string{"/%252e/admin", "400"}}, {"/%2561dmin", []string{"/%2561dmin"}},
		{"/%2%65%2%65/admin", []string{"400"}}, {"/%%32%65/admin", []string{"400"}}, {"/admin%00.png", []string{"400"}}, {"/admin%00", []string{"400"}}, {"/%00/admin", []string{"400"}}, {"/admin%0a", []string{"/admin%0A", "400"}}, {"/admin%0d", []string{"/admin%0D", "400"}}, {"/admin%7f", []string{"/admin%7F", "400"}}, {"/admin%09", []string{"/admin%09", "400"}},
		{"/admin%20", []string{"/admin%20"}}, {"/%20/admin", []string{"/%20/admin"}}, {"/admin%3b", []string{"/admin%3B"}}, {"/admin;", []string{"/admin;", "!/admin;"}}, {"/admin;a=b", []string{"/admin;a=b", "!/admin;a=b"}}, {"/admin;/x", []string{"/admin;/x", "!/admin;/x"}},
		{"/admin%3fx", []string{"/admin%3Fx"}}, {"/admin%23x", []string{"/admin%23x"}}, {"/admin%2f", []string{"/admin%2F", "!/admin%2F", "400"}}, {"/admin%2f..%2fx", []string{"/admin%2F..%2Fx", "!/admin%2F..%2Fx", "400"}}, {"/admin%2e", []string{"/admin."}}, {"/admin.", []string{"/admin."}},
		{"/%c0%af", []string{"/%C0%AF", "400"}}, {"/a/%c0%ae%c0%ae/admin", []string{"/a/%C0%AE%C0%AE/admin", "400"}}, {"/%e0%80%af", []string{"/%E0%80%AF", "400"}}, {"/%ef%bc%8fadmin", []string{"/%EF%BC%8Fadmin", "400"}}, {"/%u002e%u002e/admin", []string{"400"}}, {"/%uff0eadmin", []string{"400"}},
		{"/ADMIN", []string{"/ADMIN"}}, {"/Admin", []string{"/Admin"}}, {"/adminx", []string{"/adminx"}}, {"/a?/../admin", []string{"/a?/../admin"}}, {"/a?/%2e%2e/admin", []string{"/a?/%2e%2e/admin"}}, {"/?/admin", []string{"/?/admin"}}, {"/x?%zz", []string{"/x?%zz", "400"}}, {"/x??y", []string{"/x??y"}},
		{"/a\\..\\admin", []string{"400"}}, {"/\\admin", []string{"400"}}, {"\\admin", []string{"400"}}, {"/a/..\\admin", []string{"400"}}, {"/x#/../admin", []string{"400"}}, {"/admin#", []string{"400"}}, {"/x?a#b", []string{"400"}}, {"/%", []string{"400"}}, {"/%a", []string{"400"}}, {"/%zz", []string{"400"}}, {"/a%", []string{"400"}}, {"/%-1", []string{"400"}}, {"/%+1", []string{"400"}}, {"/% 1", []string{"400"}}, {"/%0x1", []string{"400"}},
		{"admin", []string{"400"}}, {"../admin", []string{"400"}}, {"./admin", []string{"400"}}, {"?admin", []string{"400"}}, {"", []string{"400"}}, {"x:/admin", []string{"400"}}, {"%2fadmin", []string{"400"}},
		{"/...", []string{"/..."}}, {"/.../admin", []string{"/.../admin"}}, {"/a/..../admin", []string{"/a/..../admin"}}, {"/.admin", []string{"/.admin"}}, {"/..admin", []string{"/..admin"}}, {"/admin..", []string{"/admin.."}}, {"/a/b/../c/./d/../../e", []string{"/a/e"}},
		{"/" + strings.Repeat("a/../", 200) + "admin", []string{"!/admin"}}, {"/" + strings.Repeat("../", 200) + "admin", []string{"!/admin", "400"}}, {"/" + strings.Repeat("./", 500) + "admin", []string{"!/admin"}}, {"/" + strings.Repeat("%2e%2e/", 200) + "admin", []string{"!/admin", "400"}},
		{"/a:b/c@d/e!$&'()*+,;=f", []string{"/a:b/c@d/e!$&'()*+,;=f"}}, {"/%7euser", []string{"/~user"}}, {"/%7Euser", []string{"/~user"}}, {"/%2d%2e%5f%7e", []string{"/-._~"}}, {"/%41%5a%61%7a%30%39", []string{"/AZaz09"}},
	} {
		found := c.add("path "+show(p.target), getTarget(p.target), Forward, 400, 404)
		refusable := 0
		for _, to := range p.to {
			switch {
			case to == "400":
				refusable++
			case to[0] == '!':
				found.Want.Targets = append(found.Want.Targets, to)
			default:
				found.Want.Targets = append(found.Want.Targets, to)
			}
		}
		switch {
		case refusable == len(p.to):
			found.Verdict = Refuse
		case refusable > 0:
			found.Verdict = Either
		}
		found.Status = []int{400}
		found.Open = true
	}
}

// pathGrid: every byte, raw and encoded, in path and query.
func pathGrid(c *corpus) {
	for b := 0; b < 256; b++ {
		s := string([]byte{byte(b)})
		unreserved := isDigit(byte(b)) || isAlpha(byte(b)) || strings.IndexByte("-._~", byte(b)) >= 0
		name := fmt.Sprintf("0x%02x", b)
		raw := "/p" + s + "q"
		switch {
		case unreserved || b != 0 && strings.IndexByte("!$&'()*+,;=:@/", byte(b)) >= 0:
			c.add("raw "+name, getTarget(raw), Forward).Want = Want{Targets: []string{raw}}
		case b == '?':
		case b == '[' || b == ']':
			c.add("raw "+name, getTarget(raw), Either).Want = Want{Targets: []string{raw}}
			c.cases[len(c.cases)-1].Open = true
		default:
			c.add("raw "+name, getTarget(raw)+smuggled, Refuse).Open = strings.IndexByte("\\<>\"{}^`|%#", byte(b)) >= 0 && b != 0
			if c.cases[len(c.cases)-1].Open {
				c.cases[len(c.cases)-1].Raw = getTarget(raw)
			}
		}
		for _, format := range []string{"%%%02x", "%%%02X"} {
			encoded := fmt.Sprintf(format, b)
			found := c.add("encoded "+encoded, getTarget("/p"+encoded+"q"), Forward)
			found.Open = true
			switch {
			case unreserved:
				found.Want = Want{Targets: []string{raw}}
			case b == 0:
				found.Verdict = Refuse
			case b < 0x20 || b == 0x7f || b == '/' || b == '\\' || b >= 0x80:
				found.Verdict = Either
				fallthrough
			default:
				found.Want = Want{Targets: []string{"/p" + strings.ToUpper(encoded) + "q"}}
			}
		}
		query := "/p?a=" + s + "b"
		switch {
		case b <= 0x20 || b == 0x7f || b == '#':
			found := c.add("query "+name, getTarget(query), Refuse)
			if b == '#' {
				found.Open = true
			} else {
				found.Raw += smuggled
			}
		case unreserved || strings.IndexByte("!$&'()*+,;=:@/?%", byte(b)) >= 0:
			verdict := Forward
			if b == '%' {
				verdict = Either
			}
			found := c.add("query "+name, getTarget(query), verdict)
			found.Want, found.Open = Want{Targets: []string{query}}, true
		default:
			found := c.add("query "+name, getTarget(query), Either)
			found.Want, found.Open = Want{Targets: []string{query}}, true
		}
	}
}

// hosts: invalid and doubled authorities.
func hosts(c *corpus) {
	with := func(lines string) string { return line + lines + "X-Id: {id}\r\n\r\n" }
	c.add("none", with("")+smuggled, Refuse)
	for _, pair := range [][2]string{{host, host}, {host, "evil.example.com"}, {"evil.example.com", host}, {host, ""}, {"", host}, {host, "H.EXAMPLE.COM"}, {host, host + ":80"}, {"", ""}} {
		for _, between := range []string{"", "X-Between: 1\r\n"} {
			c.add("two "+pair[0]+" "+pair[1]+show(between), with("Host: "+pair[0]+"\r\n"+between+"Host: "+pair[1]+"\r\n")+smuggled, Refuse)
			c.add("two cases "+pair[0]+" "+pair[1]+show(between), with("host: "+pair[0]+"\r\n"+between+"HOST: "+pair[1]+"\r\n")+smuggled, Refuse)
		}
	}
	c.add("three", with(strings.Repeat("Host: "+host+"\r\n", 3))+smuggled, Refuse)
	c.add("two folded", with("Host: "+host+"\r\n Host: x\r\n")+smuggled, Refuse)
	for _, value := range []string{"", " ", "\t", "a/b", "a/b@c d", "a, b", "a,b", "a b", "a\tb", "user@" + host, "user:pass@" + host, "@" + host, host + "@", "http://" + host, "//" + host, host + "/", host + "/x", host + "?x", host + "#x", host + "\\x", "\\" + host,
		"[::1", "::1", "[::1]x", "[]", "[zz]", "[1.2.3.4]", "[::1]:x", "[::1]:99999", "[::1]::80", "[::1].com", "a[::1]", "[[::1]]", "[::g]", "[1:2:3]", "[1:2:3:4:5:6:7:8:9]", "[::1%25eth0]", "[::1%eth0]", "[v1.x]", "[:::]", "[12345::]", "[::1]@" + host,
		host + ":x", host + ":-1", host + ":+80", host + ":80:80", host + ": 80", host + " :80", host + ":80 x", host + ":65536", host + ":99999999999999999999", host + ":0x50", host + ":8O", host + ":80/", host + ":80@x", host + "::80", ":80", ":", "::", ":::",
		"h\x00.example.com", "h\x01.example.com", "h\x7f.example.com", "h\x80.example.com", "\xff", "h\xc3\xa9.example.com", "\u4f8b\u3048.example", "h%00.example.com", "<" + host + ">", "\"" + host + "\"", "{" + host + "}", "h|x", "h^x", "h`x", "h;x y", "a\\b", "h\xa0x",
		"h.example.com\x0b", "\x0ch.example.com", host + ",", "," + host, host + ";" + host + " x", host + " " + host, "%", "h%zz", "h%2", "h%2fx", "h%40x", "h%0d%0ax"} {
		c.add("value "+show(value), with("Host: "+value+"\r\n")+smuggled, Refuse)
	}
	for _, value := range []string{host + ".", host + ":", host + ":80", host + ":080", host + ":0", host + ":65535", "H.Example.COM", "[::1]", "[::1]:80", "[::ffff:1.2.3.4]", "[2001:DB8::1]:8080", "1.2.3.4", "1.2.3.4:80", "a", "localhost", "xn--e1afmkfd.example", "a_b.example.com", "-a.example.com", "a-.example.com",
		".", "..", ".a", "a..b", ".h.example.com", "h..example.com", "h.example.com..", strings.Repeat("a", 64) + ".com", strings.Repeat("a.", 127) + "a", strings.Repeat("a", 300), "*.example.com", "*", "0x7f.1", "1.2.3.4.5", "256.256.256.256", "h%41.example.com", "~a", "a!b", "a$b", "a&b", "a'b", "a(b)", "a+b", "a;b", "a=b"} {
		verdict := Either
		if value == host+":80" || value == "a" || value == "1.2.3.4" || value == "localhost" || value == "xn--e1afmkfd.example" || value == "H.Example.COM" || value == "[::1]" || value == "[::1]:80" {
			verdict = Forward
		}
		found := c.add("good "+show(value), with("Host: "+value+"\r\n"), verdict)
		found.Want, found.Open = Want{Host: value}, true
	}
	for _, blank := range []string{"Host:" + host, "Host: \t " + host + " \t", "HOST: " + host, "hOsT: " + host} {
		c.add("blanks "+show(blank), with(blank+"\r\n"), Forward).Want = Want{Host: host}
	}
	c.add("1.0 without", "GET /x?id={id} HTTP/1.0\r\nX-Id: {id}\r\n\r\n", Either).Want = Want{}
	c.add("1.0 two", "GET /x?id={id} HTTP/1.0\r\nHost: a\r\nHost: b\r\nX-Id: {id}\r\n\r\n"+smuggled, Refuse)
	c.add("1.0 invalid", "GET /x?id={id} HTTP/1.0\r\nHost: a/b\r\nX-Id: {id}\r\n\r\n"+smuggled, Refuse)
}

// hostGrid: every byte in the authority.
func hostGrid(c *corpus) {
	for b := 0; b < 256; b++ {
		s := string([]byte{byte(b)})
		for _, place := range []struct{ name, value string }{{"start", s + host}, {"within", "h" + s + "x.example.com"}, {"end", host + s}, {"port", host + ":8" + s + "0"}} {
			name := fmt.Sprintf("%s 0x%02x", place.name, b)
			raw := line + "Host: " + place.value + "\r\nX-Id: {id}\r\n\r\n"
			alone := isDigit(byte(b)) || isAlpha(byte(b))
			switch {
			case place.name == "port" && isDigit(byte(b)), place.name == "start" && isBlank(byte(b)), place.name == "end" && isBlank(byte(b)):
				c.add(name, raw, Forward).Want = Want{Host: strings.Trim(place.value, " \t")}
			case place.name == "port":
				c.add(name, raw+smuggled, Refuse)
			case alone:
				if place.name == "within" {
					c.add(name, raw, Forward).Want = Want{Host: place.value}
				}
			case strings.IndexByte("-._~!$&'()*+;=%", byte(b)) >= 0 && b != 0, b == ':' && place.name == "end":
				found := c.add(name, raw, Either)
				found.Want, found.Open = Want{Host: place.value}, true
			default:
				c.add(name, raw+smuggled, Refuse)
			}
		}
	}
}

// absoluteForms: the target's authority wins, or the request is refused; never the Host field alone.
func absoluteForms(c *corpus) {
	absolute := func(target, hostValue string) string {
		return "GET " + target + " HTTP/1.1\r\nHost: " + hostValue + "\r\nX-Id: {id}\r\n\r\n"
	}
	for _, good := range [][3]string{{"http://" + host + "/x", host, "/x"}, {"http://" + host + "/x?y=1", host, "/x?y=1"}, {"http://" + host, host, "/"}, {"http://" + host + "/", host, "/"}, {"HTTP://" + host + "/x", host, "/x"}, {"http://" + host + "/a/../x", host, "/x"}} {
		c.add("good "+show(good[0]), absolute(good[0], good[1]), Forward).Want = Want{Host: host, Targets: []string{good[2]}}
	}
	for _, doubtful := range [][2]string{{"http://" + host + "?y=1", host}, {"http://H.EXAMPLE.COM/x", host}, {"http://" + host + ":80/x", host}, {"http://" + host + "/x", host + ":80"}, {"http://" + host + ":/x", host}, {"http://" + host + "./x", host}} {
		c.add("doubtful "+show(doubtful[0])+" "+doubtful[1], absolute(doubtful[0], doubtful[1]), Either).Want = Want{}
	}
	for _, mismatch := range [][2]string{{"http://" + host + "/x", "evil.example.com"}, {"http://" + host + "/x", "evil.example.com:80"}, {"http://" + host + "/x", "xh.example.com"}, {"http://" + host + "/x", "[::1]"}} {
		// Whoever forwards it must have taken the authority of the target.
		c.add("mismatch "+mismatch[0]+" "+mismatch[1], absolute(mismatch[0], mismatch[1]), Either).Want = Want{Host: host, Targets: []string{"/x"}}
	}
	for _, target := range []string{"http://user@" + host + "/x", "http://user:pass@" + host + "/x", "http://@" + host + "/x", "http:///x", "http://", "http:/x", "http:x", "http:", "ftp://" + host + "/x", "ws://" + host + "/x", "file:///etc/passwd", "gopher://" + host + "/", "javascript:alert(1)", "//" + "[/x",
		"http://" + host + ":99999/x", "http://" + host + ":x/", "http://" + host + ":-1/", "http://[::1/x", "http://[zz]/x", "http://a b/x", "http://a,b/x", "http://a\\b/x", "http://" + host + "\\x", "http://" + host + "#x", "http://" + host + "/x#y", "http://" + host + "/%zz", "http://" + host + "/\\x",
		"http://" + host + "@evil.example.com/x", "http://evil.example.com@" + host + "/x", "http://" + host + ":80:80/x", "http://:80/x", "http://?x", "http://#x", "http:\\\\" + host + "/x", "http;//" + host + "/x", "http//" + host + "/x", "://" + host + "/x", ":" + host, "http ://" + host + "/x", "http://" + host + "/\x00", "http://h\x00/x", "http://h\xff/x", "urn:x", "mailto:a@b", "http://" + host + ":80@evil.example.com/"} {
		verdict := Refuse
		if target == "//[/x" {
			verdict = Either
		}
		found := c.add("bad "+show(target), absolute(target, host), verdict)
		if verdict == Refuse {
			found.Raw += smuggled
		}
	}
	for _, target := range []string{"https://" + host + "/x", "HTTPS://" + host + "/x"} {
		c.add("other scheme "+target, absolute(target, host), Either).Want = Want{Host: host}
	}
	for _, bad := range []string{"", "a/b", "a b", "a,b", "user@a"} {
		c.add("good target, host "+show(bad), absolute("http://"+host+"/x", bad)+smuggled, Refuse)
	}
	c.add("no host", "GET http://"+host+"/x HTTP/1.1\r\nX-Id: {id}\r\n\r\n"+smuggled, Refuse)
	c.add("two hosts", "GET http://"+host+"/x HTTP/1.1\r\nHost: "+host+"\r\nHost: "+host+"\r\nX-Id: {id}\r\n\r\n"+smuggled, Refuse)
	c.add("double slash", absolute("//"+host+"/x", host), Either).Want = Want{}
}
