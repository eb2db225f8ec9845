package emulator

import (
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"unicode"

	"devicebridge/bridge/graph/emulator/internal/wire"
)

// request is the body of POST me/devices/{id}/commands, checked.
type request struct {
	appService        bool
	appServiceName    *string
	packageFamilyName *string
	postBackURI       *string
	payload           json.RawMessage
}

// parseRequest takes what Graph's "Send device command" page allows and nothing else. Names and the type are read in
// any casing, because the page itself uses several. plain allows postBackUri with http to any host. The error is a
// fail that names the member.
func parseRequest(body []byte, plain bool) (request, error) {
	if len(strings.TrimSpace(string(body))) == 0 {
		return request{}, wire.BadRequest("Empty Payload. JSON content expected.")
	}
	list, err := wire.Members(body)
	switch {
	case errors.Is(err, wire.ErrNotObject):
		return request{}, wire.BadRequest("The request body must be a JSON object.")
	case err != nil:
		return request{}, wire.BadRequest("The request body must be well-formed JSON in UTF-8.")
	}
	if first, second, ok := wire.Repeated(list, strings.ToLower); ok {
		return request{}, wire.BadRequest("The property '%s' repeats the property '%s'.", second, first)
	}
	p := parser{}
	for _, m := range list {
		if err := p.member(m); err != nil {
			return request{}, err
		}
	}
	return p.request(plain)
}

// parser gathers the members of a command; a null counts as absent.
type parser struct {
	req  request
	kind *string
}

func (p *parser) member(m wire.Member) (err error) {
	switch strings.ToLower(m.Name) {
	case "type":
		p.kind, err = text(m)
	case "appservicename":
		p.req.appServiceName, err = text(m)
	case "packagefamilyname":
		p.req.packageFamilyName, err = text(m)
	case "postbackuri":
		p.req.postBackURI, err = text(m)
	case "payload":
		p.req.payload = m.Value
	case "@odata.type":
		var t *string
		if t, err = text(m); err == nil && (t == nil || strings.TrimPrefix(*t, "#") != "microsoft.graph.command") {
			err = wire.BadRequest("The annotation '%s' must be #microsoft.graph.command.", m.Name)
		}
	case "id", "status", "actionstatus", "error", "responsepayload", "permissionticket":
		err = wire.BadRequest("The property '%s' is read-only and must not be in a request.", m.Name)
	default:
		err = wire.BadRequest("The property '%s' does not exist on type 'microsoft.graph.command'.", m.Name)
	}
	return err
}

// text reads a member that must be a string or null; nil stands for null.
func text(m wire.Member) (*string, error) {
	var s *string
	if err := json.Unmarshal(m.Value, &s); err != nil {
		return nil, wire.BadRequest("The property '%s' must be a string.", m.Name)
	}
	return s, nil
}

// request checks the members together.
func (p *parser) request(plain bool) (request, error) {
	if p.kind == nil {
		return request{}, wire.BadRequest("The property 'type' is required.")
	}
	var err error
	switch strings.ToLower(*p.kind) {
	case "launchuri":
		err = p.checkLaunchURI()
	case "appservice", "appservices":
		p.req.appService = true
		err = p.checkAppService()
	default:
		err = wire.BadRequest("The property 'type' must be LaunchUri or AppService, not %q.", *p.kind)
	}
	if err == nil && p.req.postBackURI != nil {
		err = checkPostBackURI(*p.req.postBackURI, plain)
	}
	if err != nil {
		return request{}, err
	}
	return p.req, nil
}

// payload reads the payload as an object whose names differ after fold.
func (p *parser) payload(fold func(string) string) ([]wire.Member, error) {
	if p.req.payload == nil || wire.IsNull(p.req.payload) {
		return nil, wire.BadRequest("The property 'payload' is required.")
	}
	list, err := wire.Members(p.req.payload)
	if err != nil {
		return nil, wire.BadRequest("The property 'payload' must be a JSON object.")
	}
	if first, second, ok := wire.Repeated(list, fold); ok {
		return nil, wire.BadRequest("The property 'payload.%s' repeats the property 'payload.%s'.", second, first)
	}
	return list, nil
}

// checkAppService leaves what is in the payload to the app: there, names that differ in casing are different names.
func (p *parser) checkAppService() error {
	if _, err := p.payload(nil); err != nil {
		return err
	}
	if p.req.appServiceName == nil || strings.TrimSpace(*p.req.appServiceName) == "" {
		return wire.BadRequest("The property 'appServiceName' is required with type AppService.")
	}
	if p.req.packageFamilyName == nil || strings.TrimSpace(*p.req.packageFamilyName) == "" {
		return wire.BadRequest("The property 'packageFamilyName' is required with type AppService.")
	}
	return nil
}

// checkLaunchURI asks for payload.uri, an absolute URI of any scheme: apps register their own.
func (p *parser) checkLaunchURI() error {
	payload, err := p.payload(strings.ToLower)
	if err != nil {
		return err
	}
	for _, m := range payload {
		if !strings.EqualFold(m.Name, "uri") {
			continue
		}
		s, err := text(m)
		if err != nil || s == nil {
			return wire.BadRequest("The property 'payload.%s' must be a string.", m.Name)
		}
		u, err := url.Parse(*s)
		if err != nil || !u.IsAbs() || u.Host+u.Opaque+u.Path == "" || strings.ContainsFunc(*s, unicode.IsSpace) {
			return wire.BadRequest("The property 'payload.%s' must be an absolute URI.", m.Name)
		}
		return nil
	}
	return wire.BadRequest("The property 'payload.uri' is required with type LaunchUri.")
}

// checkPostBackURI asks for an absolute https URL, or http to this machine. Graph documents no rule; a service that
// posts to its callers' URLs over the internet would have to ask for https.
func checkPostBackURI(s string, plain bool) error {
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" {
		return wire.BadRequest("The property 'postBackUri' must be an absolute URL.")
	}
	switch {
	case u.Scheme != "https" && u.Scheme != "http",
		u.Scheme == "http" && !plain && !wire.IsLoopback(u.Hostname()):
		return wire.BadRequest("The property 'postBackUri' must be an https URL, or an http URL of this machine.")
	case u.User != nil:
		return wire.BadRequest("The property 'postBackUri' must not hold a user name or a password.")
	case u.Fragment != "":
		return wire.BadRequest("The property 'postBackUri' must not have a fragment.")
	}
	return nil
}
