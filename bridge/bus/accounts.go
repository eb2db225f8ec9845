package bus

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"devicebridge/events"
)

// The accounts of the embedded server.
const (
	bridgeAccount = "BRIDGE"
	guestAccount  = "GUESTS"
	// guestUser is what a client without credentials is shown as.
	guestUser = "guest"
)

// replyWindow is how long the server routes an answer back to a guest: a request
// may wait for up to five minutes, see Bridge-Wait.
const replyWindow = 6 * time.Minute

// accounts gives the bridge's account, which holds the streams, and the guests'
// account, which sees of it what guestRequests lists, and the events of commands
// and of the inventory.
//
// Permissions alone are not enough. They bind what a client publishes, not the
// reply subject it names, and whoever answers publishes there with rights of its
// own: in one account a guest could have the server answer a pull with a status
// message on $JS.API.STREAM.DELETE.<stream>, and the stream were gone. Across
// accounts an answer comes out in the guests' account and nowhere else.
func accounts(s events.Subjects) ([]*server.Account, error) {
	bridge, guests := server.NewAccount(bridgeAccount), server.NewAccount(guestAccount)
	// One export for API and acknowledgements: the server lets no answer of an
	// export into a request of the same, so that within the guests' account an
	// empty answer cannot delete the bridge's own consumer either.
	if err := bridge.AddServiceExportWithResponse("$JS.>", server.Streamed, nil); err != nil {
		return nil, fmt.Errorf("export JetStream: %w", err)
	}
	if err := bridge.AddServiceExportWithResponse("$SRV.>", server.Streamed, nil); err != nil {
		return nil, fmt.Errorf("export $SRV: %w", err)
	}
	for _, subject := range s.Requests() {
		if err := bridge.AddServiceExport(subject, nil); err != nil {
			return nil, fmt.Errorf("export %s: %w", subject, err)
		}
		if err := bridge.SetServiceExportResponseThreshold(subject, replyWindow); err != nil {
			return nil, fmt.Errorf("export %s: %w", subject, err)
		}
	}
	for _, tree := range append(told(s), deliveries) {
		if err := bridge.AddStreamExport(tree, nil); err != nil {
			return nil, fmt.Errorf("export %s: %w", tree, err)
		}
	}
	return []*server.Account{bridge, guests}, nil
}

// admit lets an account see of the bridge's what guestRequests lists, and the live
// events. follows says that everybody in it may see every event: then what push
// consumers deliver, those of others too, comes out there as well.
func admit(account, bridge *server.Account, s events.Subjects, follows bool) error {
	through, gate := gated(s), gatePrefix
	if !follows {
		gate = pullPrefix
	}
	for _, subject := range guestRequests(s) {
		to := subject
		if slices.Contains(through, subject) {
			to = gate + strings.TrimPrefix(subject, apiPrefix)
		}
		if err := account.AddServiceImport(bridge, subject, to); err != nil {
			return fmt.Errorf("import %s: %w", subject, err)
		}
	}
	trees := told(s)
	if follows {
		trees = append(trees, deliveries)
	}
	for _, tree := range trees {
		if err := account.AddStreamImport(bridge, tree, ""); err != nil {
			return fmt.Errorf("import %s: %w", tree, err)
		}
	}
	return nil
}

// told are the trees of live events.
func told(s events.Subjects) []string { return []string{s.EventTree(), s.InventoryTree()} }
