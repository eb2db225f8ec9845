package webhook

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"golang.org/x/time/rate"

	"devicebridge/bridge/redact"
	"devicebridge/events"
)

// Sink stores what a postback says about a command.
//
// It returns nil when everything told is durable, also when it was so before.
// An *events.Error of CodeNotFound means that the command has no record; any
// other error means not stored, the sender should repeat. The text of such an
// error is logged, so it must not hold the payload.
//
// The context ends at the request's deadline or when a stop ran out of time, not
// when the sender goes away: what has arrived whole is worth storing even if
// nobody waits for the answer. A Sink must return soon after the context ends,
// because the server waits for it when it stops.
type Sink interface {
	Postback(ctx context.Context, command string, observations []events.Observation) error
}

// Options say how a Server works. Keys and Sink are needed, zero values of the
// rest mean the defaults.
type Options struct {
	Keys *Keyring
	Sink Sink

	// PathPrefix is the path of the public URL (Callbacks.PathPrefix). The server
	// answers with and without it, as an ingress may strip it or not.
	PathPrefix string

	// MaxBody is the longest body in bytes; 1 MiB.
	MaxBody int64
	// BodyMemory is how many bytes of bodies may be under way at once, a body of
	// unknown length counting as MaxBody; 64 times MaxBody. Further requests wait.
	BodyMemory int64

	// Rate and Burst limit the postbacks of one command, per second and at once;
	// 20 and 100. Graph sends a handful per command.
	Rate  rate.Limit
	Burst int

	// AddressRate and AddressBurst limit the requests without a good token from one
	// address, an IPv6 /64 being one, per second and at once; 20 and 200. A postback
	// with a good token is not held to them, whoever it shares an address with.
	AddressRate  rate.Limit
	AddressBurst int
	// TrustedProxies are the addresses of proxies whose X-Forwarded-For is believed,
	// read from the right up to the first that is not one of them. None: the address
	// is that of the connection.
	TrustedProxies []netip.Prefix

	// Secrets keeps what is taken out of postbacks before anything reads them, beside
	// the token of each; nil is one that is empty.
	Secrets *redact.Keeper

	// TLS serves TLS in the place of plain HTTP, HTTP/2 included where its NextProtos
	// has h2. nil: something in front ends TLS.
	TLS *tls.Config

	// RequestTimeout bounds a request from the end of its header until it is
	// answered: reading the body and storing it; 8 s. It must be less than
	// WriteTimeout.
	RequestTimeout time.Duration
	// DrainTimeout is how long Serve waits for requests under way when it is told
	// to stop; 10 s.
	DrainTimeout time.Duration

	// The time-outs of http.Server: 5, 10, 15 and 60 s.
	ReadHeaderTimeout, ReadTimeout, WriteTimeout, IdleTimeout time.Duration
	// MaxConnections is how many connections are open at once; 4096. Others wait
	// in the kernel's queue.
	MaxConnections int
	// AddressConnections is how many of them one address may have, an IPv6 /64 being
	// one; a quarter. Further ones are closed at once. TrustedProxies may have all.
	AddressConnections int

	// Now is the clock that tokens and rates are judged by; time.Now.
	Now func() time.Time
	// Log takes one line per request, of each kind above debug at most ten a minute and
	// then a count; nothing is logged without it.
	Log *slog.Logger
	// Observe is called once per request, and once per refused connection, for
	// metrics; may be nil.
	Observe func(result Result, elapsed time.Duration)
	// Trace is told of a postback with a good token before it is read and gives the
	// context for the Sink; end is told the status it is answered with. May be nil.
	Trace func(ctx context.Context, header http.Header) (_ context.Context, end func(status int))
}

const (
	defaultMaxBody        = 1 << 20
	defaultBodies         = 64
	defaultRate           = 20
	defaultBurst          = 100
	defaultAddressRate    = 20
	defaultAddressBurst   = 200
	defaultRequestTimeout = 8 * time.Second
	defaultDrainTimeout   = 10 * time.Second
	defaultConnections    = 4096
	maxHeaderBytes        = 16 << 10
	maxStreams            = 100 // of one HTTP/2 connection at once
)

func (o Options) withDefaults() Options {
	o.MaxBody = cmp.Or(o.MaxBody, defaultMaxBody)
	o.BodyMemory = cmp.Or(o.BodyMemory, defaultBodies*o.MaxBody)
	o.Rate = cmp.Or(o.Rate, defaultRate)
	o.Burst = cmp.Or(o.Burst, defaultBurst)
	o.AddressRate = cmp.Or(o.AddressRate, defaultAddressRate)
	o.AddressBurst = cmp.Or(o.AddressBurst, defaultAddressBurst)
	o.RequestTimeout = cmp.Or(o.RequestTimeout, defaultRequestTimeout)
	o.DrainTimeout = cmp.Or(o.DrainTimeout, defaultDrainTimeout)
	o.ReadHeaderTimeout = cmp.Or(o.ReadHeaderTimeout, 5*time.Second)
	o.ReadTimeout = cmp.Or(o.ReadTimeout, 10*time.Second)
	o.WriteTimeout = cmp.Or(o.WriteTimeout, 15*time.Second)
	o.IdleTimeout = cmp.Or(o.IdleTimeout, 60*time.Second)
	o.MaxConnections = cmp.Or(o.MaxConnections, defaultConnections)
	o.AddressConnections = cmp.Or(o.AddressConnections, max(1, o.MaxConnections/4))
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Secrets == nil {
		o.Secrets = new(redact.Keeper)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Observe == nil {
		o.Observe = func(Result, time.Duration) {}
	}
	if o.Trace == nil {
		o.Trace = func(ctx context.Context, _ http.Header) (context.Context, func(int)) { return ctx, func(int) {} }
	}
	return o
}

// check judges options that have their defaults.
func (o Options) check() error {
	var faults []error
	refuse := func(bad bool, fault string) {
		if bad {
			faults = append(faults, errors.New("webhook: "+fault))
		}
	}
	refuse(o.Keys == nil || len(o.Keys.all()) == 0, "Keys are missing")
	refuse(o.Sink == nil, "Sink is missing")
	refuse(o.MaxBody < 0, "MaxBody is negative")
	refuse(o.BodyMemory < o.MaxBody, "BodyMemory is less than MaxBody")
	refuse(o.Rate < 0 || o.Burst < 0, "Rate or Burst is negative")
	refuse(o.AddressRate < 0 || o.AddressBurst < 0, "AddressRate or AddressBurst is negative")
	refuse(o.MaxConnections < 0 || o.AddressConnections < 0, "MaxConnections or AddressConnections is negative")
	refuse(min(o.RequestTimeout, o.DrainTimeout, o.ReadHeaderTimeout, o.ReadTimeout, o.WriteTimeout, o.IdleTimeout) < 0,
		"a time-out is negative")
	refuse(o.RequestTimeout >= o.WriteTimeout, "RequestTimeout must be less than WriteTimeout, or the answer comes too late to be sent")
	if _, err := cleanPrefix(o.PathPrefix); err != nil {
		faults = append(faults, errors.New("webhook: PathPrefix: "+err.Error()))
	}
	return errors.Join(faults...)
}
