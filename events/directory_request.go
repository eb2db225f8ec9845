package events

// DirectoryListRequest asks for a page of the directory's devices. The first six
// members are Graph's query options of the same names, without the "$". A request
// with PageToken has no other member: the page goes on as it began.
type DirectoryListRequest struct {
	Select  []string `json:"select,omitempty"`
	Filter  string   `json:"filter,omitempty"`
	Search  string   `json:"search,omitempty"`
	OrderBy string   `json:"orderby,omitempty"`
	// Top is how many to a page, 1 to 999; 0 leaves it to Graph.
	Top    int    `json:"top,omitempty"`
	Expand string `json:"expand,omitempty"`
	// Count asks for the number of all that match.
	Count     bool   `json:"count,omitempty"`
	PageToken string `json:"pageToken,omitempty"`
}

// DirectoryListReply answers directory.devices.list. A NextPageToken says that
// there may be more, also when Devices is short or empty. Count comes with the
// first page only.
type DirectoryListReply struct {
	Devices       []DirectoryDevice `json:"devices"`
	Count         *int64            `json:"count,omitempty"`
	NextPageToken string            `json:"nextPageToken,omitempty"`
}

// DirectoryGetRequest names one device, by its object id or by its device id,
// and what of it is wanted.
type DirectoryGetRequest struct {
	ID       string   `json:"id,omitempty"`
	DeviceID string   `json:"deviceId,omitempty"`
	Select   []string `json:"select,omitempty"`
	Expand   string   `json:"expand,omitempty"`
}

// DirectoryDeviceReply answers directory.devices.get and directory.devices.create.
type DirectoryDeviceReply struct {
	Device DirectoryDevice `json:"device"`
}

// DirectoryCreateRequest asks for a new device. Graph wants accountEnabled,
// alternativeSecurityIds, deviceId, displayName, operatingSystem and
// operatingSystemVersion.
type DirectoryCreateRequest struct {
	Device DirectoryDevice `json:"device"`
}

// DirectoryUpdateRequest changes the members of a device that Changes has; null
// clears one, what is absent stays.
type DirectoryUpdateRequest struct {
	ID       string          `json:"id,omitempty"`
	DeviceID string          `json:"deviceId,omitempty"`
	Changes  DirectoryDevice `json:"changes"`
}

// DirectoryKeyRequest names one device, by its object id or by its device id.
type DirectoryKeyRequest struct {
	ID       string `json:"id,omitempty"`
	DeviceID string `json:"deviceId,omitempty"`
}

// DirectoryDoneReply answers what Graph answers with 204: an empty object says
// that it is done.
type DirectoryDoneReply struct{}

// DirectoryCountRequest asks how many devices match; without members, how many
// there are.
type DirectoryCountRequest struct {
	Filter string `json:"filter,omitempty"`
	Search string `json:"search,omitempty"`
}

// DirectoryCountReply answers directory.devices.count.
type DirectoryCountReply struct {
	Count int64 `json:"count"`
}

// DirectoryDeltaRequest asks for the devices that changed. Without PageToken it
// begins: with every device, or, with Latest, with none and a token for the
// changes from now on. A request with PageToken has no other member.
type DirectoryDeltaRequest struct {
	Select []string `json:"select,omitempty"`
	// Filter takes only "id eq '…'", joined by "or".
	Filter string `json:"filter,omitempty"`
	Latest bool   `json:"latest,omitempty"`
	// PageToken is the NextPageToken or the DeltaToken of an answer before.
	PageToken string `json:"pageToken,omitempty"`
}

// DirectoryDeltaReply answers directory.devices.delta with the members that
// changed, so far as Graph tells. Devices are applied in their order, then Removed.
// It has exactly one of the two tokens:
// NextPageToken while there is more now, DeltaToken when all was told, to be
// kept and given as PageToken when the next changes are wanted. Graph lets a
// DeltaToken go stale after seven days; the error is then `conflict` with the
// field pageToken, and it begins anew without one.
type DirectoryDeltaReply struct {
	Devices       []DirectoryDevice `json:"devices"`
	Removed       []RemovedDevice   `json:"removed"`
	NextPageToken string            `json:"nextPageToken,omitempty"`
	DeltaToken    string            `json:"deltaToken,omitempty"`
}

// RemovedDevice is a device that left the directory. Graph gives the reason
// "changed" where it can still be restored, and "deleted" where it cannot.
type RemovedDevice struct {
	ID     string `json:"id"`
	Reason string `json:"reason"`
}

// DirectoryObjectsRequest asks for a page of what one device is related to: the
// body of directory.devices.memberOf.list and its like. A request with PageToken
// has no other member.
type DirectoryObjectsRequest struct {
	ID        string   `json:"id,omitempty"`
	DeviceID  string   `json:"deviceId,omitempty"`
	Select    []string `json:"select,omitempty"`
	Filter    string   `json:"filter,omitempty"`
	Search    string   `json:"search,omitempty"`
	OrderBy   string   `json:"orderby,omitempty"`
	Top       int      `json:"top,omitempty"`
	Expand    string   `json:"expand,omitempty"`
	Count     bool     `json:"count,omitempty"`
	PageToken string   `json:"pageToken,omitempty"`
}

// DirectoryObjectsReply answers a DirectoryObjectsRequest; its members are as in
// DirectoryListReply.
type DirectoryObjectsReply struct {
	Objects       []DirectoryObject `json:"objects"`
	Count         *int64            `json:"count,omitempty"`
	NextPageToken string            `json:"nextPageToken,omitempty"`
}

// DirectoryReferenceRequest names a device and the user to be added to, or
// removed from, its registered owners or users.
type DirectoryReferenceRequest struct {
	ID       string `json:"id,omitempty"`
	DeviceID string `json:"deviceId,omitempty"`
	// ObjectID is the object id of the user.
	ObjectID string `json:"objectId"`
}

// DirectoryCheckRequest asks of which of these groups, administrative units and
// directory roles a device is a member, directly or not.
type DirectoryCheckRequest struct {
	ID       string `json:"id,omitempty"`
	DeviceID string `json:"deviceId,omitempty"`
	// IDs are object ids, 1 to 20.
	IDs []string `json:"ids"`
}

// DirectoryMembershipRequest asks for all groups, administrative units and
// directory roles that a device is a member of, directly or not.
type DirectoryMembershipRequest struct {
	ID       string `json:"id,omitempty"`
	DeviceID string `json:"deviceId,omitempty"`
	// SecurityEnabledOnly leaves out all but security groups.
	SecurityEnabledOnly bool `json:"securityEnabledOnly,omitempty"`
}

// DirectoryIDsReply answers directory.devices.checkMemberObjects and
// directory.devices.getMemberObjects with object ids.
type DirectoryIDsReply struct {
	IDs []string `json:"ids"`
}
