package main

import (
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"devicebridge/events"
)

func newDirectory(vars map[string]string) *cobra.Command {
	cmd := &cobra.Command{
		Use: "directory", Short: "Look at the devices of an organization's directory",
		Example: "  devicebridge directory list\n  devicebridge directory get 6a59ea83-02bd-468f-a40b-f2c3d1821983",
		Args:    knownCommand,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newDirectoryList(vars), newDirectoryGet(vars))
	return cmd
}

func newDirectoryList(vars map[string]string) *cobra.Command {
	var r events.DirectoryListRequest
	return question[events.DirectoryListRequest, events.DirectoryListReply]{
		use: "list", short: "List the directory's devices, page by page",
		example: `  devicebridge directory list --filter "isCompliant eq false" --top 20`,
		args:    cobra.NoArgs, endpoint: "directory.devices.list",
		flags: func(cmd *cobra.Command) {
			cmd.Flags().StringSliceVar(&r.Select, "select", nil, "only these members, joined by commas")
			cmd.Flags().StringVar(&r.Filter, "filter", "", "only devices that match, in the words of Graph's $filter")
			cmd.Flags().StringVar(&r.Search, "search", "", `only devices that match, such as '"displayName:Surface"'`)
			cmd.Flags().StringVar(&r.OrderBy, "orderby", "", "the order, such as displayName")
			cmd.Flags().IntVar(&r.Top, "top", 0, "this many to a page, up to 999")
			cmd.Flags().BoolVar(&r.Count, "count", false, "tell how many match in all")
			cmd.Flags().StringVar(&r.PageToken, "page-token", "", "go on where an earlier list ended")
		},
		ask:  func([]string) (events.DirectoryListRequest, error) { return r, nil },
		show: writeDirectoryList,
	}.command(vars)
}

func newDirectoryGet(vars map[string]string) *cobra.Command {
	var byDeviceID bool
	return question[events.DirectoryGetRequest, events.DirectoryDeviceReply]{
		use: "get <id>", short: "Show one of the directory's devices",
		example: "  devicebridge directory get 6a59ea83-02bd-468f-a40b-f2c3d1821983 --json",
		args:    cobra.ExactArgs(1), endpoint: "directory.devices.get",
		flags: func(cmd *cobra.Command) {
			cmd.Flags().BoolVar(&byDeviceID, "device-id", false, "<id> is the device id and not the object id")
		},
		ask: func(args []string) (events.DirectoryGetRequest, error) {
			if byDeviceID {
				return events.DirectoryGetRequest{DeviceID: args[0]}, nil
			}
			return events.DirectoryGetRequest{ID: args[0]}, nil
		},
		show: func(w io.Writer, a events.DirectoryDeviceReply) error { return writeDirectoryDevice(w, a.Device) },
	}.command(vars)
}

func writeDirectoryList(w io.Writer, a events.DirectoryListReply) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row(t, "ID", "DEVICE", "NAME", "SYSTEM", "VERSION", "ENABLED")
	for _, d := range a.Devices {
		row(t, d.ID, textOf(d.DeviceID), textOf(d.DisplayName), textOf(d.OperatingSystem), textOf(d.OperatingSystemVersion), boolOf(d.AccountEnabled))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if a.Count != nil {
		if _, err := fmt.Fprintf(w, "count: %d\n", *a.Count); err != nil {
			return err
		}
	}
	if a.NextPageToken != "" {
		_, err := fmt.Fprintf(w, "more: --page-token %s\n", printable(a.NextPageToken))
		return err
	}
	return nil
}

// writeDirectoryDevice prints what a person looks for first; JSON has it all.
func writeDirectoryDevice(w io.Writer, d events.DirectoryDevice) error {
	return writeFields(w, [][2]string{
		{"id", d.ID}, {"device", textOf(d.DeviceID)}, {"name", textOf(d.DisplayName)},
		{"system", textOf(d.OperatingSystem)}, {"version", textOf(d.OperatingSystemVersion)},
		{"maker", textOf(d.Manufacturer)}, {"model", textOf(d.Model)}, {"owner", textOf(d.DeviceOwnership)}, {"trust", textOf(d.TrustType)},
		{"enabled", boolOf(d.AccountEnabled)}, {"compliant", boolOf(d.IsCompliant)}, {"managed", boolOf(d.IsManaged)},
		{"last seen", textOf(d.ApproximateLastSignInDateTime)},
	})
}

// textOf gives a member's text, empty where it is absent or null.
func textOf(o events.Optional[string]) string {
	text, _ := o.Get()
	return text
}

func boolOf(o events.Optional[bool]) string {
	if yes, ok := o.Get(); ok {
		return strconv.FormatBool(yes)
	}
	return ""
}
