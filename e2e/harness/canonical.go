package harness

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

var hopByHop = []string{"Keep-Alive", "Proxy-Connection", "TE", "Trailer", "HTTP2-Settings"}

// canonicalFaults lists what a gateway that serialises from scratch never sends.
func canonicalFaults(s *Seen) []string {
	var faults []string
	add := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	if s.Proto != "HTTP/1.1" {
		add("version %s", s.Proto)
	}
	if !strings.HasPrefix(s.Target, "/") && !(s.Method == "OPTIONS" && s.Target == "*") {
		add("target %q isn't in origin form", clip(s.Target))
	}
	for i := 0; i < len(s.Target); i++ {
		if c := s.Target[i]; c <= 0x20 || c >= 0x7f || c == '#' {
			add("byte 0x%02x in the target", c)
			break
		}
	}
	path, _, _ := strings.Cut(s.Target, "?")
	for _, segment := range strings.Split(path, "/") {
		switch strings.ReplaceAll(strings.ToLower(segment), "%2e", ".") {
		case ".", "..":
			add("a dot segment in the path %q", clip(path))
		}
	}
	hosts := s.Fields.Lines("Host")
	if len(hosts) != 1 {
		add("%d Host lines", len(hosts))
	} else if !plainHost(hosts[0]) {
		add("Host %q", hosts[0])
	}
	for _, name := range hopByHop {
		if s.Fields.Has(name) {
			add("hop-by-hop field %s", name)
		}
	}
	switch connection := strings.ToLower(s.Fields.Get("Connection")); connection {
	case "", "close", "keep-alive":
		if s.Fields.Has("Upgrade") {
			add("Upgrade without Connection: upgrade")
		}
	case "upgrade":
		if !s.Fields.Has("Upgrade") {
			add("Connection: upgrade without Upgrade")
		}
	default:
		add("Connection: %s", connection)
	}
	for _, field := range s.Fields {
		if strings.Contains(field.Name, "_") {
			add("underscore in the name %s", field.Name)
		}
	}
	return faults
}

func plainHost(host string) bool {
	name := host
	if strings.HasPrefix(name, "[") {
		end := strings.IndexByte(name, ']')
		if end < 0 || net.ParseIP(name[1:end]) == nil {
			return false
		}
		name = "v6" + name[end+1:]
	}
	name, port, hasPort := strings.Cut(name, ":")
	if number, err := strconv.Atoi(port); hasPort && port != "" && (err != nil || number < 0 || number > 65535 || port[0] == '+') {
		return false
	}
	if name == "" {
		return false
	}
	for i := 0; i < len(name); i++ {
		c := name[i]
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.IndexByte("-._~!$&'()*+;=%", c) >= 0) {
			return false
		}
	}
	return true
}
