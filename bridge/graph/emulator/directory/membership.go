package directory

import (
	"slices"
	"strings"

	"devicebridge/bridge/graph/emulator/internal/wire"
)

// maxChecked is the documented number of ids in a checkMemberObjects.
const maxChecked = 20

// identifiers is the answer of both member actions.
type identifiers struct {
	Context string   `json:"@odata.context"`
	Value   []string `json:"value"`
}

func newIdentifiers() identifiers {
	return identifiers{Context: metadata + "Collection(Edm.String)", Value: []string{}}
}

// checkMemberObjects says of which of the ids the device is a member, transitively.
func (d *Directory) checkMemberObjects(c call) (result, error) {
	var ids []string
	read := func(value any) bool {
		list, _ := value.([]any)
		for _, v := range list {
			id, _ := v.(string)
			if !wire.IsGUID(id) {
				return false
			}
			ids = append(ids, id)
		}
		return len(list) > 0 && len(list) <= maxChecked
	}
	if err := memberBody(c.body, "ids", read, "an array of 1 to 20 GUIDs"); err != nil {
		return result{}, err
	}
	all, err := d.memberOf(c.key)
	if err != nil {
		return result{}, err
	}
	body := newIdentifiers()
	for _, id := range all {
		if slices.ContainsFunc(ids, func(asked string) bool { return strings.EqualFold(asked, id) }) {
			body.Value = append(body.Value, id)
		}
	}
	return ok(body), nil
}

// getMemberObjects gives the ids of all groups and units that the device is a member of, transitively.
func (d *Directory) getMemberObjects(c call) (result, error) {
	var securityOnly bool
	read := func(value any) (ok bool) {
		securityOnly, ok = value.(bool)
		return ok
	}
	if err := memberBody(c.body, "securityEnabledOnly", read, "true or false"); err != nil {
		return result{}, err
	}
	all, err := d.memberOf(c.key)
	if err != nil {
		return result{}, err
	}
	body := newIdentifiers()
	for _, id := range all {
		o, _ := d.objects.find(id)
		if !securityOnly || o.Type == TypeGroup && o.Members["securityEnabled"] == true {
			body.Value = append(body.Value, id)
		}
	}
	return ok(body), nil
}

func (d *Directory) memberOf(k key) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.store.living(k)
	if r == nil {
		return nil, notFound(k.String())
	}
	return d.objects.transitive(r.links.memberOf), nil
}
