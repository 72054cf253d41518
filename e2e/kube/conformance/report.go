// Package conformance runs the official conformance suite, unchanged, against Portreeve as its chart installs it.
package conformance

import (
	"fmt"
	"slices"

	"gopkg.in/yaml.v3"
)

// report is what we read of the suite's report.
type report struct {
	Profiles []struct {
		Name     string
		Core     part
		Extended part
	}
}

type statistics struct {
	Passed  int `yaml:"Passed"`
	Failed  int `yaml:"Failed"`
	Skipped int `yaml:"Skipped"`
}

type part struct {
	Result            string
	Statistics        statistics
	FailedTests       []string `yaml:"failedTests"`
	SkippedTests      []string `yaml:"skippedTests"`
	SupportedFeatures []string `yaml:"supportedFeatures"`
}

func parse(text []byte) (*report, error) {
	read := &report{}
	return read, yaml.Unmarshal(text, read)
}

// core are the features that each profile has anyway, which its report doesn't list.
var core = []string{"Gateway", "ReferenceGrant", "HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "UDPRoute"}

// faults is all for which a run isn't a pass: a profile without a report, a test that failed or was left out, a feature
// that is claimed and that no profile lists as supported.
func (r *report) faults(claimed, profiles []string) []string {
	var faults []string
	listed := slices.Clone(core)
	reported := map[string]bool{}
	for _, profile := range r.Profiles {
		reported[profile.Name] = true
		for name, one := range map[string]part{"core": profile.Core, "extended": profile.Extended} {
			if one.Result != "success" || one.Statistics.Failed > 0 || one.Statistics.Skipped > 0 || len(one.FailedTests)+len(one.SkippedTests) > 0 {
				faults = append(faults, fmt.Sprintf("%s, %s: %s, %+v, failed %v, skipped %v",
					profile.Name, name, one.Result, one.Statistics, one.FailedTests, one.SkippedTests))
			}
		}
		if profile.Core.Statistics.Passed == 0 {
			faults = append(faults, profile.Name+": no test of its core passed")
		}
		listed = append(listed, profile.Extended.SupportedFeatures...)
	}
	for _, name := range profiles {
		if !reported[name] {
			faults = append(faults, name+" isn't in the report")
		}
	}
	for _, name := range claimed {
		if !slices.Contains(listed, name) {
			faults = append(faults, "the GatewayClass claims "+name+", which the report doesn't list as supported")
		}
	}
	return faults
}
