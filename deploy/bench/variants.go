package main

import (
	"context"
	"errors"
	"net/http"

	"github.com/nats-io/nats.go"

	"devicebridge/deploy/bench/servers"
	"devicebridge/events"
)

// The variants that figures speak of.
const (
	floorName    = "floor: bare 202"
	parseName    = "floor + token + parse"
	besideName   = "peer: watermill, NATS server beside it"
	insideName   = "peer: watermill, NATS server inside"
	intervalName = "bridge, embedded, interval"
	alwaysName   = "bridge, embedded, always"
	eachName     = "bridge, embedded, each (one fsync per append)"
	forwardName  = "floor: NATS to POST forwarder"
)

// vars give the environment of each way to sync the embedded server.
func vars(name string) map[string]string {
	sync := map[string]string{intervalName: "interval", alwaysName: "always", eachName: "each"}[name]
	return map[string]string{"BRIDGE_NATS_SYNC": sync}
}

// noGraph is where nothing listens: no command of the postback part is sent.
const noGraph = "http://127.0.0.1:9/beta"

func postbackVariants() []variant {
	return []variant{
		own(floorName, servers.Config{Kind: servers.Floor}, http.StatusAccepted),
		own(parseName, servers.Config{Kind: servers.Parse}, http.StatusAccepted),
		own("one async publish, interval", servers.Config{Kind: servers.Publish}, http.StatusAccepted),
		own("one async publish, always", servers.Config{Kind: servers.Publish, Always: true}, http.StatusAccepted),
		own(besideName, servers.Config{Kind: servers.Peer, Beside: true}, http.StatusOK),
		own(insideName, servers.Config{Kind: servers.Peer}, http.StatusOK),
		embedded(intervalName),
		embedded(alwaysName),
		embedded(eachName),
		{part: partPostback, name: "bridge, external server, interval", measure: func(ctx context.Context, s *suite, dir string) (sample, error) {
			t, err := s.startNATS(ctx, dir)
			if err != nil {
				return sample{}, err
			}
			if err := s.startBridge(ctx, t, dir, noGraph, nil); err != nil {
				return sample{}, err
			}
			return s.bridgePostbacks(ctx, t)
		}},
	}
}

func embedded(name string) variant {
	return variant{part: partPostback, name: name, measure: func(ctx context.Context, s *suite, dir string) (sample, error) {
		t := new(target)
		if err := s.startBridge(ctx, t, dir, noGraph, vars(name)); err != nil {
			return sample{}, err
		}
		return s.bridgePostbacks(ctx, t)
	}}
}

// bridgePostbacks measures a bridge, and stops it.
func (s *suite) bridgePostbacks(ctx context.Context, t *target) (_ sample, err error) {
	defer t.stop()
	nc, err := nats.Connect("nats://"+t.nats, nats.Name("bench"))
	if err != nil {
		return sample{}, errors.Join(errors.New("connect to the bridge's NATS"), err)
	}
	defer nc.Close()
	p := postbacks{
		suite: s, target: t, good: http.StatusAccepted, mint: mintByBridge(nc),
		stored: storedIn(nc, events.Subjects{}.EventStream()), registered: true,
	}
	return p.measure(ctx)
}

// own is one of the benchmark's own servers.
func own(name string, c servers.Config, good int) variant {
	return variant{part: partPostback, name: name, measure: func(ctx context.Context, s *suite, dir string) (sample, error) {
		t, err := s.startOwn(ctx, dir, c)
		if err != nil {
			return sample{}, err
		}
		defer t.stop()
		p := postbacks{suite: s, target: t, good: good}
		if p.mint, err = mintLocally(t.http, s.keys); err != nil {
			return sample{}, err
		}
		if c.Kind == servers.Publish || c.Kind == servers.Peer {
			nc, err := nats.Connect("nats://" + t.nats)
			if err != nil {
				return sample{}, errors.Join(errors.New("connect to the server's NATS"), err)
			}
			defer nc.Close()
			p.stored = storedIn(nc, servers.Stream)
		}
		return p.measure(ctx)
	}}
}
