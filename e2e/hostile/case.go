// Package hostile sends requests and answers that two servers could read differently, and says of each what a gateway
// must do: refuse it with nothing sent on, or forward exactly one request in the canonical form.
//
// The corpus is made here, from tables and byte grids; the letters (S1 to S19, H1 to H6) are the classes of the threat
// model. Each case runs in one write, byte by byte, and cut at three places.
package hostile

import (
	"fmt"
	"strings"

	"portreeve.dev/e2e/harness"
)

// Verdict is what must happen to a request.
type Verdict int

const (
	// Refuse: an answer of Status, the connection closed, nothing at any backend.
	Refuse Verdict = iota
	// RefuseBody: as Refuse, but the fault stands behind the head: a backend may have got an incomplete request, whose
	// connection is then closed.
	RefuseBody
	// Forward: exactly one request at the backend, canonical and as Want says, and its answer.
	Forward
	// Either: Refuse or Forward.
	Either
	// EitherBody: RefuseBody or Forward.
	EitherBody
	// Cut: the client goes away within the request: nothing, or an incomplete request, at a backend.
	Cut
)

func (v Verdict) String() string {
	return [...]string{"refuse", "refuse the body", "forward", "refuse or forward", "refuse the body or forward", "cut"}[v]
}

// Case is one request, or what looks like one. {id} stands for the id of the run.
type Case struct {
	Class   string
	Name    string
	Raw     string
	Verdict Verdict
	Status  []int // allowed when refused; none means 400
	Open    bool  // a refusal may leave the connection open: its framing was never in doubt
	Want    Want  // when forwarded
	Silent  bool  // a refusal may be a close without an answer: what came is another protocol
	Half    bool  // the client ends its direction after the bytes
	Method  string
}

// Want is what the backend must have got. Empty parts aren't looked at.
type Want struct {
	Method  string
	Targets []string
	Guard   bool // by the guarded route
	AnyOf   bool // by either route
	Host    string
	Has     harness.Fields
	Absent  []string
	Without string // no field holds this text
	Body    *string
	Framing string
}

const (
	host = "h.example.com"
	// line is the request line of most cases.
	line = "GET /x?id={id} HTTP/1.1\r\n"
	post = "POST /x?id={id} HTTP/1.1\r\n"
	// who are the fields that every good request has.
	who = "Host: " + host + "\r\nX-Id: {id}\r\n"
	// smuggled follows most refused requests: it must never reach a backend.
	smuggled = "GET /smuggled HTTP/1.1\r\nHost: " + host + "\r\nX-Id: smuggled\r\n\r\n"
	chunks   = "5\r\nhello\r\n0\r\n\r\n"
)

func text(s string) *string { return &s }

// show is a name for bytes.
func show(s string) string {
	s = fmt.Sprintf("%q", s)
	s = s[1 : len(s)-1]
	if len(s) > 60 {
		s = s[:60] + "…"
	}
	return s
}

// corpus collects cases of a class.
type corpus struct {
	class string
	cases []Case
}

func (c *corpus) add(name string, raw string, verdict Verdict, status ...int) *Case {
	c.cases = append(c.cases, Case{Class: c.class, Name: name, Raw: raw, Verdict: verdict, Status: status})
	return &c.cases[len(c.cases)-1]
}

// Corpus is every case, in a fixed order, with unique names.
func Corpus() []Case {
	var all []Case
	for _, part := range []struct {
		class string
		make  func(*corpus)
	}{
		{"S1", bothFramings}, {"S2", codingGrid}, {"S2", codingLines}, {"S3", codingValues}, {"S4", codingInOldVersion},
		{"S5", lengthValues}, {"S5", lengthGrid}, {"S6", bodiesWhereNoneIsUsual}, {"S7", expectations}, {"S8", lineEnds},
		{"S8", bareBytes}, {"S9", chunkSizes}, {"S9", chunkSizeGrid}, {"S10", chunkExtensions}, {"S10", chunkData},
		{"S11", folds}, {"S12", names}, {"S12", nameGrid}, {"S13", valueGrid}, {"S14", trailers}, {"S14", badTrailers},
		{"S16", truncations}, {"S18", upgrades}, {"S19", connects}, {"S20", requestLines}, {"S20", requestLineGrid},
		{"H1", injections}, {"H2", paths}, {"H2", pathGrid}, {"H3", hosts}, {"H3", hostGrid}, {"H3", absoluteForms},
		{"H4", hopByHop}, {"H5", forwarded}, {"H6", shadowing},
	} {
		c := &corpus{class: part.class}
		part.make(c)
		all = append(all, c.cases...)
	}
	seen := map[string]int{}
	for i := range all {
		name := all[i].Class + "/" + all[i].Name
		seen[name]++
		if seen[name] > 1 {
			name = fmt.Sprintf("%s#%d", name, seen[name])
		}
		all[i].Name = name
		if all[i].Method == "" {
			all[i].Method, _, _ = strings.Cut(all[i].Raw, " ")
		}
	}
	return all
}

// oddBytes are control bytes, the space, DEL and everything above.
func oddBytes() []byte {
	var odd []byte
	for b := 0; b < 256; b++ {
		if b <= 0x20 || b >= 0x7f {
			odd = append(odd, byte(b))
		}
	}
	return odd
}

func isBlank(b byte) bool { return b == ' ' || b == '\t' }

func isDigit(b byte) bool { return b >= '0' && b <= '9' }

func isHex(b byte) bool { return isDigit(b) || b >= 'a' && b <= 'f' || b >= 'A' && b <= 'F' }

func isAlpha(b byte) bool { return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' }
