package authority

import (
	"net/url"
	"slices"
	"strings"
)

// permission is what is known of a delegated permission of Microsoft Graph.
type permission struct {
	// admin says that only an administrator can consent to it.
	admin bool
	// personal and work say whose accounts can grant it.
	personal, work bool
}

// delegated gives the delegated permissions that the emulators know, by Graph's permissions reference. A work account
// can be asked for Device.Command and Device.Read; it is Graph that then refuses the calls.
func delegated() map[string]permission {
	return map[string]permission{
		"User.Read":                  {personal: true, work: true},
		"Device.Command":             {personal: true, work: true},
		"Device.Read":                {personal: true, work: true},
		"Device.Read.All":            {admin: true, work: true},
		"Directory.Read.All":         {admin: true, work: true},
		"Directory.ReadWrite.All":    {admin: true, work: true},
		"Directory.AccessAsUser.All": {admin: true, work: true},
	}
}

const dotDefault = ".default"

// scopes is the parameter scope, read.
type scopes struct {
	// resource is the URL of the API; empty when only OpenID Connect's scopes are asked for.
	resource string
	// names are the permissions without the resource, .default written out.
	names []string
	// echo is what the answer's scope says: the scopes as they were asked for, but for offline_access.
	echo            []string
	openid, offline bool
	// preset says that .default is among them, named that a permission is.
	preset, named bool
}

// parseScopes reads a scope parameter. isGraph says whether a host is Graph's; a bare name is Graph's too.
func parseScopes(text string, app App, isGraph func(host string) bool) (scopes, error) {
	var s scopes
	for item := range strings.FieldsSeq(text) {
		switch item {
		case "openid":
			s.openid = true
		case "offline_access":
			s.offline = true
			continue
		case "profile", "email":
		default:
			if err := s.add(item, app, isGraph); err != nil {
				return scopes{}, err
			}
		}
		s.echo = append(s.echo, item)
	}
	return s, nil
}

// graphResource stands in front of a bare scope.
const graphResource = "https://graph.microsoft.com"

func (s *scopes) add(item string, app App, isGraph func(string) bool) error {
	resource, name := graphResource, item
	if i := strings.LastIndex(item, "/"); i >= 0 {
		resource, name = item[:i], item[i+1:]
		u, err := url.Parse(resource)
		if err != nil || u.Host == "" || name == "" {
			return badScope(item)
		}
		if u.Scheme != "https" || !isGraph(u.Host) {
			return unknownResource(resource, app.display())
		}
		resource = "https://" + u.Host
	}
	if s.resource != "" && s.resource != resource {
		return twoResources()
	}
	s.resource = resource
	if name == dotDefault {
		s.preset = true
		for _, p := range app.Delegated {
			s.grant(p)
			s.echo = append(s.echo, resource+"/"+p)
		}
		return nil
	}
	// Names are not case-sensitive in Microsoft's answers; the token has the name as it is registered.
	for known := range delegated() {
		if strings.EqualFold(known, name) {
			s.named = true
			s.grant(known)
			return nil
		}
	}
	return badScope(item)
}

func (s *scopes) grant(name string) {
	if !slices.Contains(s.names, name) {
		s.names = append(s.names, name)
	}
}

// grantable says whether the account can grant the scopes to the app.
func (s scopes) grantable(app App, u Account) error {
	for _, name := range s.names {
		p := delegated()[name]
		switch {
		case u.Personal() && !p.personal, !u.Personal() && !p.work:
			return badScope(name)
		case p.admin && !slices.Contains(app.AdminConsent, name):
			return adminConsentRequired(app, name)
		}
	}
	return nil
}

// within says whether everything was consented to before.
func (s scopes) within(consented []string) bool {
	return !slices.ContainsFunc(s.names, func(name string) bool { return !slices.Contains(consented, name) })
}
