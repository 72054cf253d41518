// Package cases runs case files: small sets of Kubernetes objects with steps that say what a correct gateway does with
// them. The format is described in README.md beside this file.
package cases

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// Case is one file.
type Case struct {
	Name         string                 `yaml:"name"`
	Area         string                 `yaml:"area"`
	Needs        []string               `yaml:"needs"`
	About        string                 `yaml:"about"`
	Source       string                 `yaml:"source"`
	Because      string                 `yaml:"because"`
	Resources    string                 `yaml:"resources"`
	Certificates []CertificateSpec      `yaml:"certificates"`
	Backends     map[string]BackendSpec `yaml:"backends"`
	Steps        []Step                 `yaml:"steps"`
}

// CertificateSpec is one entry of `certificates`.
type CertificateSpec struct {
	Name     string   `yaml:"name"`
	DNSNames []string `yaml:"dnsNames"`
	Key      string   `yaml:"key"`
	CA       bool     `yaml:"ca"`
	SignedBy string   `yaml:"signedBy"`
}

// BackendSpec says how a backend behaves that isn't plain.
type BackendSpec struct {
	Family  string  `yaml:"family"`
	Answer  *Answer `yaml:"answer"`
	Raw     *string `yaml:"raw"`
	Close   bool    `yaml:"close"`
	Upgrade string  `yaml:"upgrade"`
}

// Answer is what a backend answers.
type Answer struct {
	Status  int      `yaml:"status"`
	Headers Headers  `yaml:"headers"`
	Body    string   `yaml:"body"`
	Delay   Duration `yaml:"delay"`
}

// Step is one step; exactly one of the first six is set.
type Step struct {
	Request *Request    `yaml:"request"`
	Raw     *Texts      `yaml:"raw"`
	Apply   *string     `yaml:"apply"`
	Delete  []Reference `yaml:"delete"`
	Status  *Status     `yaml:"status"`
	TLS     *TLS        `yaml:"tls"`

	Listener  string      `yaml:"listener"`
	Response  *Response   `yaml:"response"`
	Responses []*Response `yaml:"responses"`
	Backend   *Backend    `yaml:"backend"`
	AnyOf     []Outcome   `yaml:"any_of"`
	Echo      string      `yaml:"echo"`
	Times     int         `yaml:"times"`
	Shares    []Share     `yaml:"shares"`
	Within    float64     `yaml:"within"`
	During    *During     `yaml:"during"`
}

// Outcome is one entry of `any_of`, or what a step asks for by itself.
type Outcome struct {
	Response  *Response   `yaml:"response"`
	Backend   *Backend    `yaml:"backend"`
	responses []*Response // of a raw step
}

// Request is a request on a new connection.
type Request struct {
	Listener string    `yaml:"listener"`
	Method   string    `yaml:"method"`
	Host     string    `yaml:"host"`
	Target   string    `yaml:"target"`
	Headers  Headers   `yaml:"headers"`
	Body     *string   `yaml:"body"`
	SNI      yaml.Node `yaml:"sni"`
}

// Response is what must come back.
type Response struct {
	Status    Codes    `yaml:"status"`
	Headers   Headers  `yaml:"headers"`
	Absent    []string `yaml:"absent"`
	Body      *string  `yaml:"body"`
	Location  *string  `yaml:"location"`
	Interim   *Codes   `yaml:"interim"`
	Closes    bool     `yaml:"closes"`
	Truncated bool     `yaml:"truncated"`
	Refused   bool     `yaml:"refused"`
}

// Backend says which backend got the request; None is the text "none".
type Backend struct {
	None bool
	Name string
	Sees *Sees
}

// Sees is what a backend saw.
type Sees struct {
	Method  *string  `yaml:"method"`
	Target  *string  `yaml:"target"`
	Host    *string  `yaml:"host"`
	Headers Headers  `yaml:"headers"`
	Absent  []string `yaml:"absent"`
	Body    *string  `yaml:"body"`
}

// Share is one entry of `shares` or `allow`.
type Share struct {
	Status  int     `yaml:"status"`
	Backend string  `yaml:"backend"`
	Share   float64 `yaml:"share"`
}

// During is the load on a change.
type During struct {
	Request *Request `yaml:"request"`
	Allow   []Share  `yaml:"allow"`
}

// Reference names an object.
type Reference struct {
	Kind      string `yaml:"kind"`
	Namespace string `yaml:"namespace"`
	Name      string `yaml:"name"`
}

// Status asks for a part of an object's status.
type Status struct {
	Kind           string    `yaml:"kind"`
	Namespace      string    `yaml:"namespace"`
	Name           string    `yaml:"name"`
	Parent         string    `yaml:"parent"`
	Section        string    `yaml:"section"`
	Port           string    `yaml:"port"`
	Controller     string    `yaml:"controller"`
	Listener       string    `yaml:"listener"`
	Condition      string    `yaml:"condition"`
	Is             string    `yaml:"is"`
	Reason         string    `yaml:"reason"`
	AttachedRoutes *int      `yaml:"attachedRoutes"`
	SupportedKinds *[]string `yaml:"supportedKinds"`
	Present        *bool     `yaml:"present"`
}

// TLS asks for a handshake.
type TLS struct {
	Listener    string    `yaml:"listener"`
	SNI         yaml.Node `yaml:"sni"`
	Certificate string    `yaml:"certificate"`
	Refused     bool      `yaml:"refused"`
}

// Header is one name with its values. List: the values are lines, in order; otherwise it is one text.
type Header struct {
	Name   string
	Values []string
	List   bool
}

// Headers keep the order of the file.
type Headers []Header

// UnmarshalYAML takes a mapping of texts or lists of texts.
func (h *Headers) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: headers must be a mapping", node.Line)
	}
	for i := 0; i < len(node.Content); i += 2 {
		header := Header{Name: node.Content[i].Value}
		switch value := node.Content[i+1]; {
		case value.Kind == yaml.SequenceNode && len(value.Content) > 0:
			header.List = true
			for _, item := range value.Content {
				if !isText(item) {
					return fmt.Errorf("line %d: a header value must be text", item.Line)
				}
				header.Values = append(header.Values, item.Value)
			}
		case isText(value):
			header.Values = []string{value.Value}
		default:
			return fmt.Errorf("line %d: a header must be text or a list of texts", value.Line)
		}
		for _, other := range *h {
			if other.Name == header.Name {
				return fmt.Errorf("line %d: header %s is there twice", node.Content[i].Line, header.Name)
			}
		}
		*h = append(*h, header)
	}
	return nil
}

func isText(node *yaml.Node) bool { return node.Kind == yaml.ScalarNode && node.ShortTag() == "!!str" }

// Texts is a text or a list of texts.
type Texts []string

// UnmarshalYAML takes a text or a list.
func (t *Texts) UnmarshalYAML(node *yaml.Node) error {
	if isText(node) {
		*t = Texts{node.Value}
		return nil
	}
	return node.Decode((*[]string)(t))
}

// Codes is a number or a list of numbers.
type Codes []int

// UnmarshalYAML takes a number or a list.
func (c *Codes) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		var one int
		if err := node.Decode(&one); err != nil {
			return err
		}
		*c = Codes{one}
		return nil
	}
	*c = Codes{}
	return node.Decode((*[]int)(c))
}

// Duration is a Go duration text.
type Duration time.Duration

// UnmarshalYAML takes a text such as 500ms.
func (d *Duration) UnmarshalYAML(node *yaml.Node) error {
	value, err := time.ParseDuration(node.Value)
	*d = Duration(value)
	return err
}

// UnmarshalYAML takes "none" or a mapping.
func (b *Backend) UnmarshalYAML(node *yaml.Node) error {
	if isText(node) && node.Value == "none" {
		b.None = true
		return nil
	}
	// Decoding a node forgets that unknown words are faults, so it goes by text again.
	text, err := yaml.Marshal(node)
	if err != nil {
		return err
	}
	var plain struct {
		Name string `yaml:"name"`
		Sees *Sees  `yaml:"sees"`
	}
	if err := strict(text, &plain); err != nil {
		return err
	}
	if plain.Name == "" {
		return fmt.Errorf("line %d: a backend needs a name", node.Line)
	}
	b.Name, b.Sees = plain.Name, plain.Sees
	return nil
}

func strict(text []byte, into any) error {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(into); err != nil {
		return err
	}
	if err := decoder.Decode(new(yaml.Node)); err != io.EOF {
		return fmt.Errorf("more than one document")
	}
	return nil
}

// Load parses a case file. A word that isn't of the format is an error.
func Load(path string) (*Case, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	c := &Case{}
	if err := strict(text, c); err != nil {
		return nil, err
	}
	if c.Name == "" || c.Resources == "" || len(c.Steps) == 0 {
		return nil, fmt.Errorf("name, resources and steps are needed")
	}
	for i := range c.Steps {
		if err := c.Steps[i].check(c.Needs); err != nil {
			return nil, fmt.Errorf("step %d: %w", i+1, err)
		}
	}
	return c, nil
}

func (s *Step) check(needs []string) error {
	set := 0
	for _, is := range []bool{s.Request != nil, s.Raw != nil, s.Apply != nil, s.Delete != nil, s.Status != nil, s.TLS != nil} {
		if is {
			set++
		}
	}
	if set != 1 {
		return fmt.Errorf("needs one of request, raw, apply, delete, status, tls")
	}
	has := map[string]bool{
		"listener": s.Listener != "", "response": s.Response != nil, "responses": s.Responses != nil, "backend": s.Backend != nil,
		"any_of": s.AnyOf != nil, "echo": s.Echo != "", "times": s.Times != 0, "shares": s.Shares != nil, "within": s.Within != 0,
		"during": s.During != nil,
	}
	var allowed []string
	switch {
	case s.Request != nil:
		allowed = []string{"response", "backend", "times", "shares", "within", "any_of", "echo"}
		if s.Response == nil && s.AnyOf == nil && s.Shares == nil {
			return fmt.Errorf("no response is asked for")
		}
		if s.Shares != nil && (s.Times < 1 || s.Within <= 0) {
			return fmt.Errorf("shares need times and within")
		}
	case s.Raw != nil:
		allowed = []string{"listener", "response", "responses", "backend", "any_of"}
		if s.Response == nil && s.Responses == nil && s.AnyOf == nil || len(*s.Raw) == 0 {
			return fmt.Errorf("raw needs text, and one of response, responses, any_of")
		}
	case s.Apply != nil:
		allowed = []string{"during"}
	case s.Status != nil:
		asked := 0
		for _, is := range []bool{s.Status.Condition != "", s.Status.AttachedRoutes != nil, s.Status.SupportedKinds != nil, s.Status.Present != nil} {
			if is {
				asked++
			}
		}
		if asked != 1 {
			return fmt.Errorf("a status step asks for one thing")
		}
		if s.Status.Condition != "" && s.Status.Is == "" && s.Status.Reason == "" {
			return fmt.Errorf("condition without is or reason")
		}
		if !slices.Contains([]string{"GatewayClass", "Gateway", "HTTPRoute"}, s.Status.Kind) {
			return fmt.Errorf("status of kind %q", s.Status.Kind)
		}
		if s.Status.Present != nil && (*s.Status.Present || s.Status.Kind != "HTTPRoute") {
			return fmt.Errorf("present is only known as false, for routes")
		}
	case s.TLS != nil:
		if s.TLS.SNI.Kind == 0 || (s.TLS.Certificate == "") != s.TLS.Refused {
			return fmt.Errorf("tls needs sni, and either certificate or refused")
		}
	}
	for word, is := range has {
		if is && !slices.Contains(allowed, word) {
			return fmt.Errorf("word %q doesn't belong to this step", word)
		}
	}
	return nil
}

var placeholder = regexp.MustCompile(`\$\{([^}]*)\}`)

// eachText calls change with every text below value (strings, also inside YAML nodes) and puts its result there.
func eachText(value reflect.Value, change func(string) string) {
	switch value.Kind() {
	case reflect.Pointer:
		if !value.IsNil() {
			eachText(value.Elem(), change)
		}
	case reflect.Struct:
		for i := 0; i < value.NumField(); i++ {
			if value.Type().Field(i).IsExported() {
				eachText(value.Field(i), change)
			}
		}
	case reflect.Slice:
		for i := 0; i < value.Len(); i++ {
			eachText(value.Index(i), change)
		}
	case reflect.Map:
		for _, key := range value.MapKeys() {
			item := reflect.New(value.Type().Elem()).Elem()
			item.Set(value.MapIndex(key))
			eachText(item, change)
			value.SetMapIndex(key, item)
		}
	case reflect.String:
		if value.CanSet() && strings.Contains(value.String(), "${") {
			value.SetString(change(value.String()))
		}
	}
}
