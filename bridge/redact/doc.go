// Package redact takes secrets out of texts that come from outside: Graph, a
// gateway in front of it, an authority and whoever sends postbacks may repeat what
// they were sent, and what they say is stored, logged and traced. Every door to
// the outside has its answers cleaned here before anything else reads them.
package redact
