package graph

import (
	"context"
	"slices"
)

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

// secretsKey is the key of the secrets of a command in a context.
type secretsKey struct{}

// Hiding returns a context for requests whose answers may repeat secrets that the
// requests do not hold, such as the callback tokens of the command that they are
// about: the client takes them out of what it reads.
func Hiding(ctx context.Context, secrets ...string) context.Context {
	return context.WithValue(ctx, secretsKey{}, slices.Concat(secretsOf(ctx), secrets))
}

// secretsOf returns the secrets that ctx was told to hide.
func secretsOf(ctx context.Context) []string {
	secrets, _ := ctx.Value(secretsKey{}).([]string)
	return secrets
}
