package directory

import (
	"context"
	"reflect"

	"devicebridge/events"
)

func (s *Service) create(ctx context.Context, r events.DirectoryCreateRequest) (events.DirectoryDeviceReply, error) {
	if err := checkNew(r.Device); err != nil {
		return events.DirectoryDeviceReply{}, err
	}
	device, err := s.Graph.CreateDevice(ctx, r.Device)
	return events.DirectoryDeviceReply{Device: device}, err
}

// checkNew asks for what Graph's pages on the device call required, and its page
// device-post-devices shows.
func checkNew(d events.DirectoryDevice) error {
	for _, member := range []struct {
		name  string
		given bool
	}{
		{"accountEnabled", given(d.AccountEnabled)},
		{"alternativeSecurityIds", given(d.AlternativeSecurityIDs)},
		{"deviceId", given(d.DeviceID)},
		{"displayName", given(d.DisplayName)},
		{"operatingSystem", given(d.OperatingSystem)},
		{"operatingSystemVersion", given(d.OperatingSystemVersion)},
	} {
		if !member.given {
			return events.Invalid("device."+member.name, "is missing; Graph wants it of a new device")
		}
	}
	return nil
}

func given[T any](o events.Optional[T]) bool {
	_, ok := o.Get()
	return ok
}

func (s *Service) update(ctx context.Context, r events.DirectoryUpdateRequest) (events.DirectoryDoneReply, error) {
	key, err := keyOf(r.ID, r.DeviceID)
	if err != nil {
		return events.DirectoryDoneReply{}, err
	}
	if reflect.ValueOf(r.Changes).IsZero() {
		return events.DirectoryDoneReply{}, events.Invalid("changes", "has no member; name what is to be set, or null to clear it")
	}
	return events.DirectoryDoneReply{}, s.Graph.UpdateDevice(ctx, key, r.Changes)
}

func (s *Service) remove(ctx context.Context, r events.DirectoryKeyRequest) (events.DirectoryDoneReply, error) {
	key, err := keyOf(r.ID, r.DeviceID)
	if err == nil {
		err = s.Graph.DeleteDevice(ctx, key)
	}
	return events.DirectoryDoneReply{}, err
}
