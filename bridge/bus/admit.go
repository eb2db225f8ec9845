package bus

import (
	"errors"
	"fmt"
	"net/url"
	"slices"

	"github.com/nats-io/nats-server/v2/server"

	"devicebridge/events"
)

// complete adds the bridge's own account and identity, and that of guests where
// the file has no users, to what a configuration file says. The accounts of the
// file see of the bridge what guests see, and their users, and the servers they are
// joined with, are kept from what guests are kept from. The door is where guests
// come in, nil where the file has users.
func (s *Server) complete(file *server.Options) (*guestDoor, error) {
	subjects := s.o.Subjects
	own, err := accounts(subjects)
	if err != nil {
		return nil, err
	}
	bridge, guests := own[0], own[1]
	for _, account := range file.Accounts {
		if err := admit(account, bridge, subjects, follows(account, file, subjects)); err != nil {
			return nil, fmt.Errorf("account %s: %w", account.Name, err)
		}
	}
	for _, u := range file.Users {
		u.Permissions = confined(u.Permissions, subjects)
	}
	for _, u := range file.Nkeys {
		u.Permissions = confined(u.Permissions, subjects)
	}
	for _, r := range file.LeafNode.Remotes {
		guest := guestPermissions(subjects)
		// What the other server may send here, and hear of here. To deny it sending
		// events would also keep it from hearing any by a wildcard; so it may, in an
		// account where nobody listens.
		r.DenyImports = append(r.DenyImports, guest.Publish.Deny...)
		r.DenyExports = append(r.DenyExports, guest.Subscribe.Deny...)
	}
	var door *guestDoor
	if !hasUsers(file) {
		door = &guestDoor{of: s, log: s.o.Log}
		file.CustomClientAuthentication, file.AlwaysEnableNonce = door, true
		// With a user for those without credentials the server does not tell clients that
		// it asks for some. The door decides all the same, so no client is ever this user.
		file.Nkeys = append(file.Nkeys, &server.NkeyUser{Nkey: s.guest, Account: guests, Permissions: guestPermissions(subjects)})
		file.NoAuthUser = s.guest
	}
	file.Nkeys = append(file.Nkeys, &server.NkeyUser{Nkey: s.user, Account: bridge})
	file.Accounts = append(own, file.Accounts...)
	return door, nil
}

// follows reports whether every user of an account of the file may see every event,
// live. In an account of a leaf node remote, which has no users, all may.
func follows(account *server.Account, file *server.Options, s events.Subjects) bool {
	may := func(p *server.Permissions) bool {
		given := allowed(p, func(p *server.Permissions) *server.SubjectPermission { return p.Subscribe })
		within := func(list []string) func(string) bool {
			return func(tree string) bool {
				return slices.ContainsFunc(list, func(subject string) bool { return server.SubjectsCollide(subject, tree) })
			}
		}
		covered := func(tree string) bool {
			return len(given.Allow) == 0 || slices.ContainsFunc(given.Allow, func(subject string) bool { return subject == tree || subject == ">" })
		}
		return !slices.ContainsFunc(told(s), within(given.Deny)) && !slices.ContainsFunc(told(s), func(tree string) bool { return !covered(tree) })
	}
	return !slices.ContainsFunc(file.Users, func(u *server.User) bool { return u.Account == account && !may(u.Permissions) }) &&
		!slices.ContainsFunc(file.Nkeys, func(u *server.NkeyUser) bool { return u.Account == account && !may(u.Permissions) })
}

// confined gives what a user of an account of the file may do: what the file
// says, without what only the bridge does.
func confined(given *server.Permissions, s events.Subjects) *server.Permissions {
	guest := guestPermissions(s)
	// An account that has more than the bridge's guests have is free in its own
	// subjects, so its users must not tell others of it what only the bridge tells.
	only := append(slices.Clone(guest.Publish.Deny), s.AppendTree(), s.EventTree(), s.InventoryTree(), s.Timers())
	return &server.Permissions{
		Publish:   denying(allowed(given, func(p *server.Permissions) *server.SubjectPermission { return p.Publish }), only),
		Subscribe: denying(allowed(given, func(p *server.Permissions) *server.SubjectPermission { return p.Subscribe }), guest.Subscribe.Deny),
	}
}

// allowed gives one side of permissions; nothing said where there are none.
func allowed(given *server.Permissions, side func(*server.Permissions) *server.SubjectPermission) server.SubjectPermission {
	if given == nil || side(given) == nil {
		return server.SubjectPermission{}
	}
	return *side(given)
}

func denying(given server.SubjectPermission, deny []string) *server.SubjectPermission {
	return &server.SubjectPermission{Allow: given.Allow, Deny: append(slices.Clone(given.Deny), deny...)}
}

// userFaults refuses permissions that would lead past those of confined: a user
// who may answer may publish to any subject that it finds as a reply subject, and
// it can name one to itself.
func userFaults(file *server.Options) error {
	var faults []error
	fault := func(name string, p *server.Permissions) {
		if p != nil && p.Response != nil {
			faults = append(faults, fmt.Errorf("user %s: allow_responses is not taken: it goes before every deny; allow publish to the inboxes instead, such as _INBOX.>", name))
		}
	}
	for _, u := range file.Users {
		fault(u.Username, u.Permissions)
	}
	for _, u := range file.Nkeys {
		fault(u.Nkey, u.Permissions)
	}
	return errors.Join(faults...)
}

// leafFaults refuses a listener for leaf nodes, which would be a door of its own,
// and to join other servers in plain text, for an account of the bridge, or for one
// whose users would take the events of the other side for the bridge's.
func leafFaults(file *server.Options) error {
	var faults []error
	if file.LeafNode.Port != 0 || file.LeafNode.Host != "" {
		faults = append(faults, errors.New("leafnodes: only remotes are taken; for others to join run a NATS server and set NATS_URL"))
	}
	for _, r := range file.LeafNode.Remotes {
		in := func(a *server.Account) bool { return a != nil && a.Name == r.LocalAccount }
		if !slices.ContainsFunc(file.Accounts, in) {
			faults = append(faults, errors.New("leafnodes: a remote without an account of the file; set account"))
		}
		if slices.ContainsFunc(file.Users, func(u *server.User) bool { return in(u.Account) }) ||
			slices.ContainsFunc(file.Nkeys, func(u *server.NkeyUser) bool { return in(u.Account) }) {
			faults = append(faults, fmt.Errorf("leafnodes: account %s has users; give the remote an account of its own, accounts { HUB {} }", r.LocalAccount))
		}
		if slices.ContainsFunc(r.URLs, func(u *url.URL) bool {
			return !r.TLS && r.TLSConfig == nil && u.Scheme != "tls" && u.Scheme != "wss" && !loopback(u.Hostname())
		}) {
			faults = append(faults, errors.New("leafnodes: a remote without TLS; write tls:// in its urls, or give it tls"))
		}
	}
	return errors.Join(faults...)
}
