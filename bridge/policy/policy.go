package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"devicebridge/events"
)

// Policy is what may be asked for. It is safe for concurrent use.
type Policy struct {
	settings Settings
	// schemes, hosts, devices and services are the lists in force.
	schemes, hosts, devices, services []string
	pacer                             *pacer
}

// New gives the policy of some settings. The error names every word that is no
// value of its member, under where it was set.
func New(s Settings) (*Policy, error) {
	var faults []error
	for _, m := range Members() {
		for _, word := range s[m].Words {
			if err := checkWord(m, word); err != nil {
				faults = append(faults, fmt.Errorf("%s, set by %s: %w", m, s.source(m), err))
			}
		}
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	list := func(m Member, otherwise ...string) []string {
		if setting, ok := s[m]; ok {
			return setting.Words
		}
		return otherwise
	}
	return &Policy{
		settings: s,
		schemes:  list(URISchemes, defaultSchemes()...), hosts: list(URIHosts, "*"), devices: list(Devices, "*"), services: list(AppServices, "*/*"),
		pacer: newPacer(s.rate(SendRate), s.rate(DeviceSendRate)),
	}, nil
}

// Admit judges a request whose form is good, and gives it as it is to be sent:
// with the URI in the form in which it was understood. A refusal has the code
// `forbidden`, names the member, the rule and the setting, and repeats nothing of
// the payload but a scheme; the request then comes back as it was.
func (p *Policy) Admit(r events.Request) (events.Request, *events.Error) {
	if refusal := p.Device(r.DeviceID); refusal != nil {
		return r, refusal
	}
	if events.Type(r.Type) == events.TypeAppService {
		return r, p.AppService(r.PackageFamilyName, r.AppServiceName)
	}
	payload, refusal := p.launch(r.Payload)
	if refusal != nil {
		return r, refusal
	}
	r.Payload = payload
	return r, nil
}

// Device judges the id of a device.
func (p *Policy) Device(id string) *events.Error {
	if slices.ContainsFunc(p.devices, func(pattern string) bool { return matches(pattern, id) }) {
		return nil
	}
	return p.refuse("deviceId", "names a device that may not be commanded", Devices)
}

// AppService judges an app service by its package and its own name.
func (p *Policy) AppService(packageFamilyName, name string) *events.Error {
	allowed := func(pattern string) bool {
		packages, services, _ := strings.Cut(pattern, "/")
		return matches(packages, packageFamilyName) && matches(services, name)
	}
	if slices.ContainsFunc(p.services, allowed) {
		return nil
	}
	return p.refuse("appServiceName", "and packageFamilyName name an app service that may not be called", AppServices)
}

// launch judges the payload of a launchUri command.
func (p *Policy) launch(payload json.RawMessage) (json.RawMessage, *events.Error) {
	var members map[string]json.RawMessage
	var text string
	if json.Unmarshal(payload, &members) != nil || json.Unmarshal(members["uri"], &text) != nil {
		return nil, always(uriField, "is missing or not a string", "form")
	}
	for name := range members {
		if name != "uri" && strings.EqualFold(name, "uri") {
			// A reader that does not tell capitals apart would open the other one.
			return nil, always("payload", "has the URI in a second member that differs in capitals", "form")
		}
	}
	written, refusal := p.URI(text)
	if refusal != nil {
		return nil, refusal
	}
	if written == text {
		return payload, nil
	}
	var err error
	if members["uri"], err = events.Marshal(written); err == nil {
		payload, err = events.Marshal(members)
	}
	if err != nil {
		return nil, always("payload", "cannot be written again", "form")
	}
	return payload, nil
}

// Turn says how long a command has to wait before it may be sent, 0 when now: a
// place at the rates was taken then. It keeps the command's place in the queue
// until that time; who cannot come before until gets none. The rates are of this
// process alone.
func (p *Policy) Turn(command, device string, now, until time.Time) time.Duration {
	return p.pacer.turn(command, device, now, until)
}

// Delay tells how long a command for the device would have to wait that asked for its
// turn now, 0 for not at all. It takes no place.
func (p *Policy) Delay(device string, now time.Time) time.Duration {
	return p.pacer.delay(device, now)
}

// Settings gives what the policy was made of.
func (p *Policy) Settings() Settings { return p.settings }

// refuse names the setting that would allow it.
func (p *Policy) refuse(field, what string, m Member) *events.Error {
	return events.Refusal(events.CodeForbidden, field, what+"; rule "+string(m)+", set by "+p.settings.source(m))
}

// always is a refusal that no setting changes.
func always(field, what, rule string) *events.Error {
	return events.Refusal(events.CodeForbidden, field, what+"; rule "+rule+", which no setting changes")
}
