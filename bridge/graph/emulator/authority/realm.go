package authority

import "strings"

// realm is what the first segment of a path names: whose accounts may sign in there.
type realm struct {
	// name is the segment as it was sent.
	name string
	// tenant is the one directory, or PersonalTenant; empty at /common and /organizations.
	tenant           string
	personal, common bool
}

// realmOf reads the segment; domains are the names of the known directories, beside their GUIDs.
func realmOf(name string, domains map[string]string) (realm, error) {
	switch lower := strings.ToLower(name); lower {
	case "consumers", PersonalTenant:
		return realm{name: name, tenant: PersonalTenant, personal: true}, nil
	case "common":
		return realm{name: lower, common: true}, nil
	case "organizations":
		return realm{name: lower}, nil
	default:
		if tenant, ok := domains[lower]; ok {
			return realm{name: name, tenant: tenant}, nil
		}
		if !isGUID(lower) && !strings.Contains(lower, ".") {
			return realm{}, noTenantName(name)
		}
		return realm{}, unknownTenant(name)
	}
}

// issuer is the tenant in the issuer's URL. Where it depends on the account, Microsoft's discovery document has the
// placeholder {tenantid}.
func (r realm) issuer() string {
	if r.tenant == "" {
		return "{tenantid}"
	}
	return r.tenant
}

// directory is what errors call it.
func (r realm) directory() string {
	if r.personal {
		return "Microsoft Accounts"
	}
	return r.name
}

// admit says whether the app may be used here at all.
func (r realm) admit(app App) error {
	switch app.Audience {
	case Personal:
		if !r.personal {
			return personalOnly(app)
		}
	case Everybody:
	case AnyDirectory:
		if r.personal {
			return workOnly(app)
		}
	default:
		switch {
		case r.personal:
			return workOnly(app)
		case r.tenant == "":
			return notMultiTenant(app, r.name)
		case !strings.EqualFold(r.tenant, app.Tenant):
			return unknownApp(app.ID, r.directory())
		}
	}
	return nil
}

// fits says whether the account may sign in here to the app, which was admitted.
func (r realm) fits(app App, u Account) error {
	switch {
	case u.Personal() && (r.personal || r.common && app.Audience == Everybody):
	case u.Personal():
		return foreignAccount(u, r.directory(), app.ID)
	case r.personal:
		return noSuchAccount(u.Username, r.directory())
	case r.tenant != "" && !strings.EqualFold(r.tenant, u.Tenant):
		return foreignAccount(u, r.directory(), app.ID)
	}
	return nil
}
