package directory

import (
	"context"

	"devicebridge/bridge/graph"
	"devicebridge/events"
)

func (s *Service) relatedOf(r graph.Relationship) func(context.Context, events.DirectoryObjectsRequest) (events.DirectoryObjectsReply, error) {
	return func(ctx context.Context, q events.DirectoryObjectsRequest) (events.DirectoryObjectsReply, error) {
		link, err := s.relatedLink(r, q)
		if err != nil {
			return events.DirectoryObjectsReply{}, err
		}
		page, err := s.Graph.Related(ctx, link)
		if page.Next, err = s.onward(page.Next, link, err); err != nil {
			return events.DirectoryObjectsReply{}, err
		}
		next, err := encodeToken(string(r), page.Next)
		return events.DirectoryObjectsReply{Objects: notNil(page.Objects), Count: page.Count, NextPageToken: next}, err
	}
}

func (s *Service) relatedLink(relationship graph.Relationship, r events.DirectoryObjectsRequest) (graph.Link, error) {
	if text := r.PageToken; text != "" {
		r.PageToken = ""
		return decodeToken(string(relationship), text, r)
	}
	q := graph.Query{
		Select: r.Select, Filter: r.Filter, Search: r.Search, OrderBy: r.OrderBy, Expand: r.Expand, Top: r.Top, Count: r.Count,
	}
	key, err := keyOf(r.ID, r.DeviceID)
	if err == nil {
		err = checkQuery(q)
	}
	if err != nil {
		return graph.Link{}, err
	}
	return s.Graph.RelatedLink(key, relationship, q)
}

// change is AddReference or RemoveReference.
type change func(ctx context.Context, key graph.DeviceKey, r graph.Relationship, objectID string) error

func (s *Service) referenceOf(relationship graph.Relationship, do change) func(context.Context, events.DirectoryReferenceRequest) (events.DirectoryDoneReply, error) {
	return func(ctx context.Context, r events.DirectoryReferenceRequest) (events.DirectoryDoneReply, error) {
		key, err := keyOf(r.ID, r.DeviceID)
		if err == nil {
			err = do(ctx, key, relationship, r.ObjectID)
		}
		return events.DirectoryDoneReply{}, err
	}
}

func (s *Service) check(ctx context.Context, r events.DirectoryCheckRequest) (events.DirectoryIDsReply, error) {
	key, err := keyOf(r.ID, r.DeviceID)
	if err != nil {
		return events.DirectoryIDsReply{}, err
	}
	ids, err := s.Graph.CheckMemberObjects(ctx, key, r.IDs)
	return events.DirectoryIDsReply{IDs: notNil(ids)}, err
}

func (s *Service) memberships(ctx context.Context, r events.DirectoryMembershipRequest) (events.DirectoryIDsReply, error) {
	key, err := keyOf(r.ID, r.DeviceID)
	if err != nil {
		return events.DirectoryIDsReply{}, err
	}
	ids, err := s.Graph.GetMemberObjects(ctx, key, r.SecurityEnabledOnly)
	return events.DirectoryIDsReply{IDs: notNil(ids)}, err
}
