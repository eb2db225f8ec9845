package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"devicebridge/bridge/policy"
)

// policyConfig is what may be asked for: a variable for each setting, and a file
// that goes before them for each setting it names.
type policyConfig struct {
	File           string `env:"BRIDGE_POLICY_FILE"`
	URISchemes     string `env:"BRIDGE_URI_SCHEMES" envDefault:"https,http"`
	URIHosts       string `env:"BRIDGE_URI_HOSTS"`
	AppServices    string `env:"BRIDGE_APP_SERVICES"`
	Devices        string `env:"BRIDGE_DEVICES"`
	SendRate       string `env:"BRIDGE_SEND_RATE"`
	DeviceSendRate string `env:"BRIDGE_DEVICE_SEND_RATE"`

	// variables are the settings of the environment; atStart is the policy that they
	// and the file made when the configuration was read, and digest names the file's
	// content then.
	variables policy.Settings
	atStart   *policy.Policy
	digest    string
}

// load reads the variables and the file, and gives all faults of both.
func (p *policyConfig) load() []error {
	var faults []error
	p.variables = policy.Settings{}
	for _, v := range []struct {
		member policy.Member
		text   string
	}{
		{policy.URISchemes, p.URISchemes}, {policy.URIHosts, p.URIHosts}, {policy.AppServices, p.AppServices}, {policy.Devices, p.Devices},
		{policy.SendRate, p.SendRate}, {policy.DeviceSendRate, p.DeviceSendRate},
	} {
		faults = append(faults, underName(v.member.Variable(), p.variables.Set(v.member, v.text))...)
	}
	if p.File == "" {
		if len(faults) == 0 {
			var err error
			p.atStart, err = policy.New(p.variables)
			faults = underName("BRIDGE_POLICY_FILE", err)
		}
		return faults
	}
	content, err := readPolicyFile(p.File)
	if err == nil {
		p.digest = digestOf(content)
		p.atStart, err = policyOf(content, p.variables)
	}
	return append(faults, underName("BRIDGE_POLICY_FILE: "+p.File, err)...)
}

// policyOf gives the policy of a file's content on top of the environment.
func policyOf(content []byte, variables policy.Settings) (*policy.Policy, error) {
	settings, err := policy.Parse(content)
	if err != nil {
		return nil, err
	}
	return policy.New(settings.Over(variables))
}

// readPolicyFile reads no more of a file than a policy may have, and one byte.
func readPolicyFile(name string) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", errors.Unwrap(err))
	}
	defer func() { _ = file.Close() }() // it was only read
	content, err := io.ReadAll(io.LimitReader(file, policy.MaxFile+1))
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", errors.Unwrap(err))
	}
	return content, nil
}

// digestOf names a content: the SHA-256 in hexadecimal, as sha256sum prints it.
func digestOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// underName gives each line of an error as a fault of its own, behind a name.
func underName(name string, err error) []error {
	if err == nil {
		return nil
	}
	var faults []error
	for line := range strings.Lines(err.Error()) {
		faults = append(faults, errors.New(name+": "+strings.TrimSuffix(line, "\n")))
	}
	return faults
}
