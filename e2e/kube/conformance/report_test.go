package conformance

import (
	"strings"
	"testing"
)

const good = `
profiles:
- name: GATEWAY-HTTP
  core: {result: success, statistics: {Failed: 0, Passed: 40, Skipped: 0}}
  extended:
    result: success
    statistics: {Failed: 0, Passed: 30, Skipped: 0}
    supportedFeatures: [GatewayPort8080]
`

func TestFaultsOfReports(t *testing.T) {
	claimed, profiles := []string{"Gateway", "HTTPRoute", "GatewayPort8080"}, []string{"GATEWAY-HTTP"}
	for _, one := range []struct{ name, old, new, says string }{
		{"all passed", "", "", ""},
		{"one failed", "Failed: 0, Passed: 40", "Failed: 1, Passed: 39", "GATEWAY-HTTP, core"},
		{"one skipped", "Passed: 30, Skipped: 0", "Passed: 29, Skipped: 1", "GATEWAY-HTTP, extended"},
		{"partial", "extended:\n    result: success", "extended:\n    result: partial", "GATEWAY-HTTP, extended"},
		{"nothing ran", "Passed: 40", "Passed: 0", "no test of its core"},
		{"claimed and not listed", "GatewayPort8080", "GatewayStaticAddresses", "claims GatewayPort8080"},
		{"no such profile", "GATEWAY-HTTP", "GATEWAY-TLS", "GATEWAY-HTTP isn't in the report"},
	} {
		t.Run(one.name, func(t *testing.T) {
			report, err := parse([]byte(strings.Replace(good, one.old, one.new, 1)))
			if err != nil {
				t.Fatal(err)
			}
			faults := report.faults(claimed, profiles)
			if one.says == "" && len(faults) > 0 || one.says != "" && (len(faults) != 1 || !strings.Contains(faults[0], one.says)) {
				t.Errorf("want %q, came %q", one.says, faults)
			}
		})
	}
}
