package bus

import (
	"encoding/base64"
	"fmt"
	"log/slog"
	"strconv"
	"sync"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
)

// maxGuests bounds the connections without credentials at one time: each has an
// account and its imports in memory, and takes one of the files that the process may
// have open, which postbacks need too.
const maxGuests = 500

// guestDoor decides who a client of an embedded server without users is: the bridge,
// which proves that it has the key of this run, or a guest.
//
// Every guest has an account to itself. Inboxes are what clients name them, and a
// subscription to _INBOX.> hears all of an account; so in one account guests would
// hear each other's answers, callback URLs among them, and no permission can tell
// one client's inboxes from another's.
type guestDoor struct {
	of  *Server
	log *slog.Logger

	mu sync.Mutex
	// server is set before it starts.
	server *server.Server
	// accounts were made for guests; one is given again when the guest before has left.
	// The server takes a client out of its account last, when its subscriptions and
	// the answers on their way to it are gone.
	accounts []*server.Account
}

// Check lets a client in: it makes the server's authentication of us.
func (d *guestDoor) Check(c server.ClientAuthentication) bool {
	if c.Kind() != server.CLIENT {
		return false
	}
	o := c.GetOpts()
	if o.Nkey == d.of.user {
		return d.bridge(c, o)
	}
	// Credentials are for a server that knows them; whoever has some expects to be
	// told that they are not.
	if o.Nkey+o.Username+o.Password+o.Token+o.JWT != "" {
		return false
	}
	return d.guest(c)
}

// bridge lets the bridge in if it has signed the server's nonce.
func (d *guestDoor) bridge(c server.ClientAuthentication, o *server.ClientOpts) bool {
	signature, err := base64.RawURLEncoding.DecodeString(o.Sig)
	if err != nil {
		return false
	}
	key, err := nkeys.FromPublicKey(d.of.user)
	if err != nil || key.Verify(c.GetNonce(), signature) != nil {
		return false
	}
	account, err := d.server.LookupAccount(bridgeAccount)
	if err != nil {
		return false
	}
	c.RegisterUser(&server.User{Username: "bridge", Account: account})
	return true
}

// guest lets a guest into an account where nobody else is.
func (d *guestDoor) guest(c server.ClientAuthentication) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	account, err := d.free()
	if err != nil {
		d.say("a client could not be let in", "error", err)
		return false
	}
	if account == nil {
		d.say("too many clients without credentials are connected; more are refused until some have left", "most", maxGuests)
		return false
	}
	c.RegisterUser(&server.User{Username: guestUser, Account: account, Permissions: guestPermissions(d.of.o.Subjects)})
	return true
}

// say warns, some times a minute: anybody can bring it about.
func (d *guestDoor) say(what string, v ...any) {
	if d.of.lines.Pass(what, func(n int) { d.log.Warn(what+": more lines like this one were left out", "left_out", n) }) {
		d.log.Warn(what, v...)
	}
}

// free returns an account without a client; nil where there are maxGuests.
func (d *guestDoor) free() (*server.Account, error) {
	for _, account := range d.accounts {
		if account.NumLocalConnections() == 0 {
			return account, nil
		}
	}
	if len(d.accounts) == maxGuests {
		return nil, nil //nolint:nilnil // no account and no error: all are taken
	}
	bridge, err := d.server.LookupAccount(bridgeAccount)
	if err != nil {
		return nil, fmt.Errorf("account %s: %w", bridgeAccount, err)
	}
	account, err := d.server.RegisterAccount(guestAccount + "-" + strconv.Itoa(len(d.accounts)+1))
	if err != nil {
		return nil, fmt.Errorf("an account for a guest: %w", err)
	}
	if err := admit(account, bridge, d.of.o.Subjects, true); err != nil {
		return nil, fmt.Errorf("account %s: %w", account.Name, err)
	}
	d.accounts = append(d.accounts, account)
	return account, nil
}
