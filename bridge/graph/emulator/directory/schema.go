package directory

import (
	"slices"
	"strings"
)

type kind int

const (
	boolean kind = iota
	integer
	text
	timestamp
	texts      // a collection of strings
	securities // a collection of alternativeSecurityId
	extensions // onPremisesExtensionAttributes
)

// property is one documented member of a resource type.
type property struct {
	name string
	kind kind
	// filter lists what $filter takes: eq, ne, not, ge, le, in, startsWith, endsWith; null for eq and ne with null;
	// count for /$count eq 0 and ne 0.
	filter string
	// more lists what else holds: search, orderby; readOnly; createOnly; required; notNull; selectOnly, which is
	// returned only when $select names it.
	more string
}

func (p property) filters(op string) bool { return slices.Contains(strings.Fields(p.filter), op) }

func (p property) has(trait string) bool { return slices.Contains(strings.Fields(p.more), trait) }

// collection says whether the property holds several values, which a filter reaches by any.
func (p property) collection() bool { return p.kind == texts || p.kind == securities }

// schema is a resource type.
type schema struct {
	// name is as Graph's error messages have it.
	name       string
	properties []property
}

func (s schema) find(name string) (property, bool) {
	i := slices.IndexFunc(s.properties, func(p property) bool { return p.name == name })
	if i < 0 {
		return property{}, false
	}
	return s.properties[i], true
}

// similar gives the documented property that name is, but for its casing.
func (s schema) similar(name string) (string, bool) {
	for _, p := range s.properties {
		if strings.EqualFold(p.name, name) {
			return p.name, true
		}
	}
	return "", false
}

// deviceSchema is the table of Graph's page "device resource type", with the inherited createdDateTime and
// deletedDateTime, and with alternativeNames, hostnames and isManagementRestricted of the metadata.
func deviceSchema() schema {
	return schema{"Device", []property{
		{"accountEnabled", boolean, "eq ne not in", "required notNull"},
		{"alternativeNames", texts, "", ""},
		{"alternativeSecurityIds", securities, "eq not ge le", "required notNull"},
		{"approximateLastSignInDateTime", timestamp, "eq ne not ge le null", "orderby readOnly"},
		{"complianceExpirationDateTime", timestamp, "", "readOnly"},
		{"createdDateTime", timestamp, "", "readOnly"},
		{"deletedDateTime", timestamp, "", "readOnly"},
		{"deviceCategory", text, "", ""},
		{"deviceId", text, "eq ne not startsWith", "required notNull createOnly"},
		{"deviceMetadata", text, "", ""},
		{"deviceOwnership", text, "", ""},
		{"deviceVersion", integer, "", ""},
		{"displayName", text, "eq ne not ge le in startsWith null", "required notNull search orderby"},
		{"enrollmentProfileName", text, "", ""},
		{"enrollmentType", text, "", ""},
		{"extensionAttributes", extensions, "eq not startsWith null", "notNull"},
		{"hostnames", texts, "", ""},
		{"id", text, "eq ne not in", "readOnly"},
		{"isCompliant", boolean, "eq ne not", ""},
		{"isManaged", boolean, "eq ne not", ""},
		{"isManagementRestricted", boolean, "", "readOnly"},
		{"isRooted", boolean, "", ""},
		{"managementType", text, "", ""},
		{"manufacturer", text, "", "readOnly"},
		{"mdmAppId", text, "eq ne not startsWith", "readOnly"},
		{"model", text, "", "readOnly"},
		{"onPremisesLastSyncDateTime", timestamp, "eq ne not ge le in", "readOnly"},
		{"onPremisesSecurityIdentifier", text, "eq", "readOnly selectOnly"},
		{"onPremisesSyncEnabled", boolean, "eq ne not in null", "readOnly"},
		{"operatingSystem", text, "eq ne not ge le startsWith null", "required notNull"},
		{"operatingSystemVersion", text, "eq ne not ge le startsWith null", "required notNull"},
		{"physicalIds", texts, "eq not ge le startsWith count", "notNull"},
		{"profileType", text, "", ""},
		{"registrationDateTime", timestamp, "", "readOnly"},
		{"systemLabels", texts, "count", "notNull"},
		{"trustType", text, "", "readOnly"},
	}}
}

// memberSchema is the type of what a device is related to: the cast's, or directoryObject where there is none. Only
// what Graph's pages "group resource type" and "user resource type" say of the members that this directory has.
func memberSchema(cast string) schema {
	name := []property{
		{"id", text, "eq ne not in", ""},
		{"displayName", text, "eq ne not ge le in startsWith null", "search orderby"},
	}
	group := []property{
		{"createdDateTime", timestamp, "eq ne not ge le in", ""},
		{"description", text, "eq ne not ge le startsWith", "search"},
		{"groupTypes", texts, "eq not", ""},
		{"mail", text, "eq ne not ge le in startsWith endsWith null", ""},
		{"mailEnabled", boolean, "eq ne not", ""},
		{"mailNickname", text, "eq ne not ge le in startsWith", ""},
		{"securityEnabled", boolean, "eq ne not in", ""},
	}
	user := []property{
		{"accountEnabled", boolean, "eq ne not in", ""},
		{"mail", text, "eq ne not ge le in startsWith endsWith null", ""},
		{"userPrincipalName", text, "eq ne not ge le in startsWith endsWith", ""},
	}
	switch cast {
	case TypeGroup:
		return schema{"Group", slices.Concat(name, group)}
	case TypeUser:
		return schema{"User", slices.Concat(name, user)}
	case TypeAdministrativeUnit:
		return schema{"AdministrativeUnit", append(name, property{"description", text, "", ""})}
	}
	all := slices.Concat(name, group, user)
	for i := range all[len(name):] {
		all[len(name)+i].filter = "" // of these, a directoryObject knows only that they can be selected
	}
	return schema{"DirectoryObject", all}
}
