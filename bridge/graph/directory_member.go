package graph

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
)

// MaxCheckedObjects is how many ids CheckMemberObjects takes: Graph's page
// directoryobject-checkmemberobjects.
const MaxCheckedObjects = 20

// CheckMemberObjects gives those of the ids, of groups, administrative units and
// directory roles, that the device is a member of, directly or not. It is a POST
// that changes nothing, and is not repeated either.
func (d *Directory) CheckMemberObjects(ctx context.Context, key DeviceKey, ids []string) ([]string, error) {
	const operation = opCheckMembers
	if len(ids) == 0 || len(ids) > MaxCheckedObjects {
		return nil, fail(operation, &ArgumentError{"ids", fmt.Sprintf("has %d ids; give 1 to %d", len(ids), MaxCheckedObjects)})
	}
	if slices.Contains(ids, "") {
		return nil, fail(operation, &ArgumentError{"ids", "has an empty id"})
	}
	return d.memberships(ctx, operation, key, "checkMemberObjects", map[string]any{"ids": ids})
}

// GetMemberObjects gives the ids of all groups, administrative units and
// directory roles that the device is a member of, directly or not; of security
// groups alone where it is asked to. It is a POST as CheckMemberObjects is.
func (d *Directory) GetMemberObjects(ctx context.Context, key DeviceKey, securityEnabledOnly bool) ([]string, error) {
	return d.memberships(ctx, opGetMembers, key, "getMemberObjects", map[string]any{"securityEnabledOnly": securityEnabledOnly})
}

func (d *Directory) memberships(ctx context.Context, operation string, key DeviceKey, action string, parameters any) ([]string, error) {
	target, err := d.objectURL(key, action)
	if err != nil {
		return nil, fail(operation, err)
	}
	body, err := d.change(ctx, operation, http.MethodPost, target, parameters)
	if err != nil {
		return nil, fail(operation, err)
	}
	list, err := parseCollection(body)
	if err != nil {
		return nil, fail(operation, err)
	}
	if list.NextLink != "" {
		return nil, fail(operation, errors.New("the answer has further pages, which an action has not"))
	}
	ids, leftOut, ok := textsOf(*list.Value)
	if !ok {
		return nil, fail(operation, errNoList)
	}
	d.tellLeftOut(operation, leftOut)
	return ids, nil
}
