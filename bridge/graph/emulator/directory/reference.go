package directory

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// linked gives the relation that an operation changes, and its name in Graph.
func (l *links) linked(op Operation) (ids *[]string, name Operation) {
	if op == OpAddOwner || op == OpRemoveOwner {
		return &l.owners, OpOwners
	}
	return &l.users, OpUsers
}

// addReference is POST registeredOwners/$ref and registeredUsers/$ref.
func (d *Directory) addReference(c call) (result, error) {
	if _, err := parseQuery(c.r.URL.RawQuery, source{}); err != nil {
		return result{}, err
	}
	var id string
	read := func(value any) bool {
		s, _ := value.(string)
		id = referenced(s)
		return id != ""
	}
	if err := memberBody(c.body, "@odata.id", read, "a URL of the form https://graph.microsoft.com/v1.0/directoryObjects/{id}"); err != nil {
		return result{}, err
	}
	user, known := d.objects.find(id)
	if !known {
		return result{}, notFound(id)
	}
	if user.Type != TypeUser {
		return result{}, badRequest("The object '%s' is a %s; only users can be registered with a device.", id, user.Type)
	}
	return d.relink(c, func(ids []string, name Operation) ([]string, error) {
		if indexFold(ids, id) >= 0 {
			return nil, badRequest("The object '%s' is already among the %s.", id, name)
		}
		return append(slices.Clone(ids), user.ID()), nil
	})
}

// referenced gives the id at the end of a reference, empty when it is none.
func referenced(reference string) string {
	u, err := url.Parse(reference)
	if err != nil || !u.IsAbs() || u.Host == "" {
		return ""
	}
	m := regexp.MustCompile(`(?i)^/[^/]+/(?:directoryObjects|users)/([0-9a-f-]{36})$`).FindStringSubmatch(u.Path)
	if m == nil {
		return ""
	}
	return m[1]
}

// removeReference is DELETE registeredOwners/{id}/$ref and registeredUsers/{id}/$ref.
func (d *Directory) removeReference(c call) (result, error) {
	if _, err := parseQuery(c.r.URL.RawQuery, source{}); err != nil {
		return result{}, err
	}
	return d.relink(c, func(ids []string, _ Operation) ([]string, error) {
		i := indexFold(ids, c.target)
		if i < 0 {
			return nil, notFound(c.target)
		}
		return slices.Delete(slices.Clone(ids), i, i+1), nil
	})
}

// relink puts other ids into one relation of the device.
func (d *Directory) relink(c call, f func(ids []string, name Operation) ([]string, error)) (result, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.store.living(c.key)
	if r == nil {
		return result{}, notFound(c.key.String())
	}
	ids, name := r.links.linked(c.route.op)
	after, err := f(*ids, name)
	if err != nil {
		return result{}, err
	}
	*ids = after
	return result{status: http.StatusNoContent}, nil
}

func indexFold(ids []string, id string) int {
	return slices.IndexFunc(ids, func(have string) bool { return strings.EqualFold(have, id) })
}
