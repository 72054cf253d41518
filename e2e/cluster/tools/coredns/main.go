// CoreDNS with the few plugins that the cluster's Corefile names: all of them together take ten times as long to build.
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"
	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/template"
)

// The order in which a query goes through them.
func init() { dnsserver.Directives = []string{"bind", "errors", "kubernetes", "template"} }

func main() { coremain.Run() }
