package graph

import "context"

// commandKey is the key of a command's id in a context.
type commandKey struct{}

// About gives a context for requests about a command: the log's lines about them
// name it.
func About(ctx context.Context, command string) context.Context {
	return context.WithValue(ctx, commandKey{}, command)
}

// commandOf gives the command that requests are about; empty where they are about
// none.
func commandOf(ctx context.Context) string {
	command, _ := ctx.Value(commandKey{}).(string)
	return command
}
