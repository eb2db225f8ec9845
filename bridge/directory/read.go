package directory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"devicebridge/bridge/graph"
	"devicebridge/events"
)

// maxTop is Graph's limit for the objects of a directory.
const maxTop = 999

// The names of the lists, for their tokens.
const (
	deviceList = "devices"
	deltaList  = "delta"
)

func (s *Service) list(ctx context.Context, r events.DirectoryListRequest) (events.DirectoryListReply, error) {
	link, err := s.devicesLink(r)
	if err != nil {
		return events.DirectoryListReply{}, err
	}
	page, err := s.Graph.Devices(ctx, link)
	if page.Next, err = s.onward(page.Next, link, err); err != nil {
		return events.DirectoryListReply{}, err
	}
	next, err := encodeToken(deviceList, page.Next)
	return events.DirectoryListReply{Devices: notNil(page.Devices), Count: page.Count, NextPageToken: next}, err
}

func (s *Service) devicesLink(r events.DirectoryListRequest) (graph.Link, error) {
	if text := r.PageToken; text != "" {
		r.PageToken = ""
		return decodeToken(deviceList, text, r)
	}
	q := graph.Query{
		Select: r.Select, Filter: r.Filter, Search: r.Search, OrderBy: r.OrderBy, Expand: r.Expand, Top: r.Top, Count: r.Count,
	}
	if err := checkQuery(q); err != nil {
		return graph.Link{}, err
	}
	return s.Graph.DevicesLink(q), nil
}

func checkQuery(q graph.Query) error {
	if slices.Contains(q.Select, "") {
		return events.Invalid("select", "has an empty name")
	}
	if q.Top < 0 || q.Top > maxTop {
		return events.Invalid("top", fmt.Sprintf("is not from 1 to %d", maxTop))
	}
	return nil
}

func (s *Service) get(ctx context.Context, r events.DirectoryGetRequest) (events.DirectoryDeviceReply, error) {
	q := graph.Query{Select: r.Select, Expand: r.Expand}
	key, err := keyOf(r.ID, r.DeviceID)
	if err == nil {
		err = checkQuery(q)
	}
	if err != nil {
		return events.DirectoryDeviceReply{}, err
	}
	device, err := s.Graph.Device(ctx, key, q)
	return events.DirectoryDeviceReply{Device: device}, err
}

func keyOf(id, deviceID string) (graph.DeviceKey, error) {
	if id == "" && deviceID == "" {
		return graph.DeviceKey{}, events.Invalid("id", "is missing; give the object id as id, or the id of the registration service as deviceId")
	}
	return graph.DeviceKey{ID: id, DeviceID: deviceID}, nil
}

func (s *Service) count(ctx context.Context, r events.DirectoryCountRequest) (events.DirectoryCountReply, error) {
	count, err := s.Graph.CountDevices(ctx, graph.Query{Filter: r.Filter, Search: r.Search})
	return events.DirectoryCountReply{Count: count}, err
}

func (s *Service) delta(ctx context.Context, r events.DirectoryDeltaRequest) (events.DirectoryDeltaReply, error) {
	link, err := s.deltaLink(r)
	if err != nil {
		return events.DirectoryDeltaReply{}, err
	}
	page, err := s.Graph.Delta(ctx, link)
	if given, ok := errors.AsType[*graph.LinkError](err); ok {
		// Whichever of the two it was: to go on from it is refused, and says why.
		page.NextLink, err = given.Link, nil
		s.tellLink(given)
	}
	if err != nil {
		return events.DirectoryDeltaReply{}, err
	}
	reply := changesOf(page)
	if page.NextLink != "" {
		reply.NextPageToken, err = encodeToken(deltaList, &graph.Link{URL: page.NextLink})
	} else {
		reply.DeltaToken, err = encodeToken(deltaList, &graph.Link{URL: page.DeltaLink})
	}
	return reply, err
}

// changesOf sorts changes into two lists, to be applied one after the other: a
// removal that something newer follows is left out.
//
// An entry that is neither a device nor the removal of one is left out.
func changesOf(page graph.DeltaPage) events.DirectoryDeltaReply {
	reply := events.DirectoryDeltaReply{Devices: []events.DirectoryDevice{}, Removed: []events.RemovedDevice{}}
	for _, change := range page.Changes {
		reply.Removed = slices.DeleteFunc(reply.Removed, func(r events.RemovedDevice) bool { return r.ID == change.ID })
		if change.Device == nil && change.ID == "" {
			continue
		}
		if change.Device == nil {
			reply.Removed = append(reply.Removed, events.RemovedDevice{ID: change.ID, Reason: change.Reason})
			continue
		}
		var device *events.DirectoryDevice
		if json.Unmarshal(change.Device, &device) == nil && device != nil {
			reply.Devices = append(reply.Devices, *device)
		}
	}
	return reply
}

// onward gives the link of the next page. One that Graph gave and that is not
// followed does not cost the page that it came with: it goes into the page token, and
// to go on from that is refused, and says why.
func (s *Service) onward(next *graph.Link, from graph.Link, err error) (*graph.Link, error) {
	given, ok := errors.AsType[*graph.LinkError](err)
	if !ok {
		return next, err
	}
	s.tellLink(given)
	return &graph.Link{URL: given.Link, Eventual: from.Eventual}, nil
}

func (s *Service) tellLink(given *graph.LinkError) {
	s.Log.Warn("Graph gave a next link that is not followed; does BRIDGE_DIRECTORY_URL name the URL that Graph's own links have?", "reason", given.Err)
}

func (s *Service) deltaLink(r events.DirectoryDeltaRequest) (string, error) {
	if text := r.PageToken; text != "" {
		r.PageToken = ""
		link, err := decodeToken(deltaList, text, r)
		return link.URL, err
	}
	if err := checkQuery(graph.Query{Select: r.Select}); err != nil {
		return "", err
	}
	return s.Graph.DeltaLink(graph.DeltaQuery{Select: r.Select, Filter: r.Filter, Latest: r.Latest}), nil
}

// notNil has an empty list written as [] and not as null.
func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
