package main

import (
	"fmt"
	"strings"

	"devicebridge/events"
)

// commandHelp explains what names a command.
const commandHelp = `<command> is a command's id, or the request id that it was asked for under; what
has the form of a command id is one, unless it follows "request:".`

// requestPrefix says that what follows is a request id, whatever it looks like.
const requestPrefix = "request:"

// commandName is a command as the command line names it.
type commandName struct {
	id string
	// request is the request id that the id was computed from; empty where the id
	// itself was given.
	request string
}

// nameCommand reads an argument that names a command.
func nameCommand(text string) (commandName, error) {
	request, forced := strings.CutPrefix(text, requestPrefix)
	switch {
	case forced && request == "":
		return commandName{}, usageError{fmt.Errorf("%q has no request id behind it", requestPrefix)}
	case !forced && events.ValidCommandID(text):
		return commandName{id: text}, nil
	}
	return commandName{id: events.RequestCommandID(request), request: request}, nil
}

// String names the command for a person.
func (n commandName) String() string {
	if n.request == "" {
		return n.id
	}
	return fmt.Sprintf("%s (request %q)", n.id, n.request)
}

// explain adds to a refusal that there is no such command what was looked for: a
// command id with a wrong letter is taken for a request id.
func (n commandName) explain(err error) error {
	if n.request == "" || !events.HasCode(err, events.CodeNotFound) {
		return err
	}
	return events.NotFound(fmt.Sprintf("no command was asked for under the request id %q, which would be command %s; its events may have left the stream with its age limit",
		n.request, n.id))
}
