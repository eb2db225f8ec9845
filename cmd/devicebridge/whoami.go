package main

import (
	"cmp"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"devicebridge/bridge/bus"
	"devicebridge/bridge/graph/signin"
	"devicebridge/events"
)

func newLogout(vars map[string]string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "logout",
		Short: "Forget who is signed in to Graph",
		Long: `Forget who is signed in to Graph: every replica stops sending at once, and
accepted commands wait. It needs what login needs. The authority is not told:
to end the sign-in there too, use the account's own page.`,
		Example: "  devicebridge logout",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadLogin(vars)
			if err != nil {
				return err
			}
			return withBus(cmd.Context(), vars, cmd.ErrOrStderr(), func(b *bus.Bus) error {
				now, key, err := c.present(cmd.Context(), asking(b))
				if err != nil {
					return err
				}
				sealed, err := signin.SealedSignOut(key, c.subjects.Prefix(), now.Generation)
				if err != nil {
					return err
				}
				return replaceSignIn(cmd.Context(), asking(b), sealed, cmd.OutOrStdout())
			})
		},
	}
	addClientFlags(cmd, vars)
	return cmd
}

func newWhoAmI(vars map[string]string) *cobra.Command {
	return question[struct{}, events.SignInReply]{
		use: "whoami", short: "Show how the bridge signs in to Graph, as whom and until when, and what commands wait for", example: "  devicebridge whoami",
		args: cobra.NoArgs, endpoint: "signin.get",
		ask: func([]string) (struct{}, error) { return struct{}{}, nil },
		show: func(w io.Writer, a events.SignInReply) error {
			waits := slices.DeleteFunc(a.Waits, func(wait events.Wait) bool { return wait.For == events.WaitSignIn }) // the state tells of that
			if err := errors.Join(writeSignIn(w, a.SignIn), writeWaits(w, waits)); err != nil || a.SignIn.State == string(signin.Usable) {
				return err
			}
			return errors.New("there is no token for Graph: " + cmp.Or(a.SignIn.Reason, a.SignIn.State))
		},
	}.command(vars)
}

// writeSignIn prints a sign-in for a person.
func writeSignIn(w io.Writer, s events.SignIn) error {
	state := s.State
	if s.Reason != "" {
		state += ": " + s.Reason
	}
	return writeFields(w, [][2]string{
		{"account", s.Account},
		{"state", state},
		{"mode", s.Mode},
		{"client id", s.ClientID},
		{"tenant", s.Tenant},
		{"authority", s.Authority},
		{"scopes", cmp.Or(strings.Join(s.Granted, " "), strings.Join(s.Scopes, " "))},
		{"kept in", s.KeptIn},
		{"key", s.Key},
		{"signed in", timeText(s.SignedInAt)},
		{"refreshed", timeText(s.RefreshedAt)},
		{"token", untilText(s.TokenExpiresAt)},
	})
}

func untilText(t *time.Time) string {
	if t == nil {
		return ""
	}
	if t.Before(time.Now()) {
		return "ended " + timeText(t)
	}
	return "until " + timeText(t) + "; the next is asked for before"
}

func timeText(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04:05")
}
