package events

// DirectoryDevice is a device registered in the organization's directory: the
// device resource of Graph v1.0 with its 38 members, which are 32 properties,
// deletedDateTime of directoryObject, and the five relationships that $expand
// brings. The resource is an open type: members that are not listed here, such
// as extension properties and OData annotations, are kept and written again.
//
// Every member may be absent, since a query selects and an update changes some
// only. A member that is of another type than Graph's pages say is kept and written
// as it came. Times are texts as Graph writes them, RFC 3339 in UTC with up to seven
// digits of a second's fraction: what comes in goes out unchanged.
type DirectoryDevice struct {
	// ID is the object id, the key in the directory. DeviceID is the alternate
	// key, given by the device registration service.
	ID       string           `json:"id,omitempty"`
	DeviceID Optional[string] `json:"deviceId,omitzero"`

	AccountEnabled                Optional[bool]                    `json:"accountEnabled,omitzero"`
	AlternativeSecurityIDs        Optional[[]AlternativeSecurityID] `json:"alternativeSecurityIds,omitzero"`
	ApproximateLastSignInDateTime Optional[string]                  `json:"approximateLastSignInDateTime,omitzero"`
	ComplianceExpirationDateTime  Optional[string]                  `json:"complianceExpirationDateTime,omitzero"`
	DeletedDateTime               Optional[string]                  `json:"deletedDateTime,omitzero"`
	DeviceCategory                Optional[string]                  `json:"deviceCategory,omitzero"`
	DeviceMetadata                Optional[string]                  `json:"deviceMetadata,omitzero"`
	DeviceOwnership               Optional[string]                  `json:"deviceOwnership,omitzero"`
	DeviceVersion                 Optional[int32]                   `json:"deviceVersion,omitzero"`
	DisplayName                   Optional[string]                  `json:"displayName,omitzero"`
	EnrollmentProfileName         Optional[string]                  `json:"enrollmentProfileName,omitzero"`
	EnrollmentType                Optional[string]                  `json:"enrollmentType,omitzero"`
	ExtensionAttributes           Optional[ExtensionAttributes]     `json:"extensionAttributes,omitzero"`
	IsCompliant                   Optional[bool]                    `json:"isCompliant,omitzero"`
	IsManaged                     Optional[bool]                    `json:"isManaged,omitzero"`
	IsManagementRestricted        Optional[bool]                    `json:"isManagementRestricted,omitzero"`
	IsRooted                      Optional[bool]                    `json:"isRooted,omitzero"`
	ManagementType                Optional[string]                  `json:"managementType,omitzero"`
	Manufacturer                  Optional[string]                  `json:"manufacturer,omitzero"`
	MDMAppID                      Optional[string]                  `json:"mdmAppId,omitzero"`
	Model                         Optional[string]                  `json:"model,omitzero"`
	OnPremisesLastSyncDateTime    Optional[string]                  `json:"onPremisesLastSyncDateTime,omitzero"`
	OnPremisesSecurityIdentifier  Optional[string]                  `json:"onPremisesSecurityIdentifier,omitzero"`
	OnPremisesSyncEnabled         Optional[bool]                    `json:"onPremisesSyncEnabled,omitzero"`
	OperatingSystem               Optional[string]                  `json:"operatingSystem,omitzero"`
	OperatingSystemVersion        Optional[string]                  `json:"operatingSystemVersion,omitzero"`
	PhysicalIDs                   Optional[[]string]                `json:"physicalIds,omitzero"`
	ProfileType                   Optional[string]                  `json:"profileType,omitzero"`
	RegistrationDateTime          Optional[string]                  `json:"registrationDateTime,omitzero"`
	SystemLabels                  Optional[[]string]                `json:"systemLabels,omitzero"`
	TrustType                     Optional[string]                  `json:"trustType,omitzero"`

	Extensions         Optional[[]Extension]       `json:"extensions,omitzero"`
	MemberOf           Optional[[]DirectoryObject] `json:"memberOf,omitzero"`
	RegisteredOwners   Optional[[]DirectoryObject] `json:"registeredOwners,omitzero"`
	RegisteredUsers    Optional[[]DirectoryObject] `json:"registeredUsers,omitzero"`
	TransitiveMemberOf Optional[[]DirectoryObject] `json:"transitiveMemberOf,omitzero"`

	unknown unknownMembers
}

// DirectoryObject is what a device is a member of, or who owns or uses it: a
// group, an administrative unit, a user. The members of its own type are kept
// and written again.
type DirectoryObject struct {
	// ODataType names the type, such as "#microsoft.graph.group".
	ODataType       string           `json:"@odata.type,omitempty"`
	ID              string           `json:"id,omitempty"`
	DeletedDateTime Optional[string] `json:"deletedDateTime,omitzero"`

	unknown unknownMembers
}

// Extension is an open extension of a device. Its data are kept and written
// again.
type Extension struct {
	ODataType string `json:"@odata.type,omitempty"`
	ID        string `json:"id,omitempty"`

	unknown unknownMembers
}

// AlternativeSecurityID is for Graph's internal use; creating a device needs one.
type AlternativeSecurityID struct {
	Type             Optional[int32]  `json:"type,omitzero"`
	IdentityProvider Optional[string] `json:"identityProvider,omitzero"`
	// Key is binary data in base64, kept as text.
	Key Optional[string] `json:"key,omitzero"`

	unknown unknownMembers
}

// ExtensionAttributes are the fifteen texts that an organization uses as it
// likes: Graph's type onPremisesExtensionAttributes.
type ExtensionAttributes struct {
	ExtensionAttribute1  Optional[string] `json:"extensionAttribute1,omitzero"`
	ExtensionAttribute2  Optional[string] `json:"extensionAttribute2,omitzero"`
	ExtensionAttribute3  Optional[string] `json:"extensionAttribute3,omitzero"`
	ExtensionAttribute4  Optional[string] `json:"extensionAttribute4,omitzero"`
	ExtensionAttribute5  Optional[string] `json:"extensionAttribute5,omitzero"`
	ExtensionAttribute6  Optional[string] `json:"extensionAttribute6,omitzero"`
	ExtensionAttribute7  Optional[string] `json:"extensionAttribute7,omitzero"`
	ExtensionAttribute8  Optional[string] `json:"extensionAttribute8,omitzero"`
	ExtensionAttribute9  Optional[string] `json:"extensionAttribute9,omitzero"`
	ExtensionAttribute10 Optional[string] `json:"extensionAttribute10,omitzero"`
	ExtensionAttribute11 Optional[string] `json:"extensionAttribute11,omitzero"`
	ExtensionAttribute12 Optional[string] `json:"extensionAttribute12,omitzero"`
	ExtensionAttribute13 Optional[string] `json:"extensionAttribute13,omitzero"`
	ExtensionAttribute14 Optional[string] `json:"extensionAttribute14,omitzero"`
	ExtensionAttribute15 Optional[string] `json:"extensionAttribute15,omitzero"`

	unknown unknownMembers
}
