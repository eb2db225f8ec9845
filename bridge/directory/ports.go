package directory

import (
	"context"

	"devicebridge/bridge/graph"
	"devicebridge/events"
)

// Graph is what is asked of Graph; *graph.Directory has it all.
type Graph interface {
	Links
	Pages
	Reader
	Writer
	References
	Memberships
}

// Links gives where a list begins.
type Links interface {
	DevicesLink(q graph.Query) graph.Link
	RelatedLink(key graph.DeviceKey, r graph.Relationship, q graph.Query) (graph.Link, error)
	DeltaLink(q graph.DeltaQuery) string
}

// Pages reads a page of a list.
type Pages interface {
	Devices(ctx context.Context, link graph.Link) (graph.DevicePage, error)
	Related(ctx context.Context, link graph.Link) (graph.ObjectPage, error)
	Delta(ctx context.Context, link string) (graph.DeltaPage, error)
}

// Reader reads one device, and how many there are.
type Reader interface {
	Device(ctx context.Context, key graph.DeviceKey, q graph.Query) (events.DirectoryDevice, error)
	CountDevices(ctx context.Context, q graph.Query) (int64, error)
}

// Writer changes devices.
type Writer interface {
	CreateDevice(ctx context.Context, device events.DirectoryDevice) (events.DirectoryDevice, error)
	UpdateDevice(ctx context.Context, key graph.DeviceKey, changes events.DirectoryDevice) error
	DeleteDevice(ctx context.Context, key graph.DeviceKey) error
}

// References changes who owns or uses a device.
type References interface {
	AddReference(ctx context.Context, key graph.DeviceKey, r graph.Relationship, objectID string) error
	RemoveReference(ctx context.Context, key graph.DeviceKey, r graph.Relationship, objectID string) error
}

// Memberships says what a device is a member of.
type Memberships interface {
	CheckMemberObjects(ctx context.Context, key graph.DeviceKey, ids []string) ([]string, error)
	GetMemberObjects(ctx context.Context, key graph.DeviceKey, securityEnabledOnly bool) ([]string, error)
}
