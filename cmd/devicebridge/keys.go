package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"devicebridge/bridge"
	"devicebridge/bridge/decode"
	"devicebridge/events"
	"devicebridge/webhook"
)

func newKeys(vars map[string]string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "Make callback keys, and ask whether one can go",
		Long: `The callback keys sign and verify the URLs that Graph calls back: the first
signs, all verify. To replace one, put a new one before it, and take the old one
out once no callback under it can come any more. A running bridge reads its file
every few seconds; a key that comes new signs three minutes later, when every
replica has it.`,
		Example: "  devicebridge keys new --file /etc/devicebridge/callback-keys\n  devicebridge keys check k1",
		Args:    knownCommand,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newKeysNew(), newKeysCheck(vars))
	return cmd
}

func newKeysNew() *cobra.Command {
	var id, file string
	cmd := &cobra.Command{
		Use:   "new",
		Short: "Make a callback key, and print it or put it into a file",
		Long: `Make a callback key. It is printed in the form that BRIDGE_CALLBACK_KEYS takes, or
put before the other keys of a file, which is replaced in one step and is
readable by its user alone. A file that is mounted by itself, as into a container,
is written where it is and keeps its mode.`,
		Example: "  devicebridge keys new\n  devicebridge keys new --id winter --file /etc/devicebridge/callback-keys",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			key := webhook.NewKey()
			if id != "" {
				_, secret, _ := strings.Cut(key, ":")
				key = id + ":" + secret
			}
			if _, err := webhook.ParseKeyring(key); err != nil {
				return usageError{errors.New("--id: " + strings.TrimPrefix(err.Error(), "callback key 1: "))}
			}
			if file == "" {
				_, err := fmt.Fprintln(cmd.OutOrStdout(), key)
				return err
			}
			ring, err := addKey(file, key)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s has the keys %s; the first signs\n", printable(file), strings.Join(ring.IDs(), " "))
			return err
		},
	}
	cmd.Flags().StringVar(&id, "id", "", "the `key` id, 1 to 32 letters, digits, _ and -, which every callback shows; by default a random one")
	cmd.Flags().StringVar(&file, "file", "", "put the key before the others of this `file`")
	return cmd
}

func newKeysCheck(vars map[string]string) *cobra.Command {
	var id string
	cmd := question[struct{}, events.CallbackKeysReply]{
		use: "check [key id]", short: "Show until when each callback key is needed, and whether one can go",
		example: "  devicebridge keys check\n  devicebridge keys check k1 && echo it can go",
		args:    cobra.MaximumNArgs(1), endpoint: "callbacks.keys",
		ask: func(args []string) (struct{}, error) {
			id = strings.Join(args, "")
			return struct{}{}, nil
		},
		show: func(w io.Writer, a events.CallbackKeysReply) error {
			if id == "" {
				return writeKeys(w, a.Keys)
			}
			return checkKey(w, a.Keys, id, time.Now())
		},
	}.command(vars)
	return cmd
}

func writeKeys(w io.Writer, keys []events.CallbackKey) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row(t, "KEY", "USE", "NEEDED UNTIL")
	for _, k := range keys {
		use := "verifies"
		switch {
		case k.Signs:
			use = "signs"
		case !k.Verifies:
			use = "MISSING"
		}
		until := ""
		if k.NeededUntil != nil {
			until = k.NeededUntil.Format(time.RFC3339)
		}
		row(t, k.ID, use, until)
	}
	return t.Flush()
}

// checkKey says whether a key can be taken out of the ring; an error if not.
func checkKey(w io.Writer, keys []events.CallbackKey, id string, now time.Time) error {
	i := slices.IndexFunc(keys, func(k events.CallbackKey) bool { return k.ID == id })
	switch {
	case i < 0:
		_, err := fmt.Fprintf(w, "the bridge has no key %s, and no callback under it can come\n", printable(id))
		return err
	case keys[i].Signs:
		return fmt.Errorf("%s signs callbacks: put a new key before it first (devicebridge keys new)", id)
	case keys[i].NeededUntil != nil && keys[i].NeededUntil.After(now):
		return fmt.Errorf("callbacks under %s may come until %s, and without the key they are answered with 404", id, keys[i].NeededUntil.Format(time.RFC3339))
	}
	_, err := fmt.Fprintf(w, "%s can go: no callback under it can come any more\n", id)
	return err
}

// keyEndpoints are what `devicebridge keys check` asks.
func keyEndpoints(keys *webhook.Keyring, store stateStore, now func() time.Time) []bridge.Endpoint {
	return []bridge.Endpoint{{
		Name: "callbacks.keys", Request: "empty-request", Reply: "callback-keys-reply",
		Description: "tell which key signs callbacks, which verify them, and until when callbacks under each may come",
		Handle: func(ctx context.Context, _ map[string][]string, data []byte) (any, error) {
			if _, err := decode.Strict[struct{}](data); err != nil {
				return nil, err
			}
			needs, _, err := loadKeyNeeds(ctx, store)
			if err != nil {
				return nil, err
			}
			return events.CallbackKeysReply{Keys: keyView(keys.IDs(), needs, now())}, nil
		},
	}}
}

func keyView(ids []string, needs keyNeeds, now time.Time) []events.CallbackKey {
	list := make([]events.CallbackKey, 0, len(ids))
	for i, id := range append(slices.Clone(ids), needs.orphans(ids, now)...) {
		k := events.CallbackKey{ID: id, Signs: i == 0, Verifies: i < len(ids)}
		if until := needs.of(id); until.After(now) {
			k.NeededUntil = utc(until)
		}
		list = append(list, k)
	}
	return list
}
