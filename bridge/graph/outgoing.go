package graph

import (
	"context"
	"errors"
	"net/http"
	"strconv"
)

// Outgoing is one HTTP request to Graph as a trace may tell it: without an id of
// Graph's, a query or a token.
type Outgoing struct {
	Method string
	// Route is the path behind the base URL with names in the place of ids.
	Route string
	// Host and Port are where it goes; Port is 0 where the URL has none.
	Host string
	Port int
	// ClientRequestID is its header client-request-id.
	ClientRequestID string
	// Resend counts the requests before this one in the same call.
	Resend int
}

// Incoming is what came of it.
type Incoming struct {
	// StatusCode is the answer's; 0 where there was none.
	StatusCode int
	// RequestID is Graph's header request-id.
	RequestID string
	// Failure is one word for why there is no answer, or no whole one: "timeout",
	// "canceled" or "connection"; empty where there is one.
	Failure string
}

// traceExchange begins the trace of a request that is about to be sent; ended is
// told when its attempt is over, whatever came of it.
func (p exchange) traceExchange(ctx context.Context, req *http.Request, current *call) (_ context.Context, ended func()) {
	a := current.last
	port, _ := strconv.Atoi(req.URL.Port()) // empty: 0
	ctx, end := p.trace(ctx, Outgoing{
		Method: req.Method, Route: routeOf(current.operation), Host: req.URL.Hostname(), Port: port,
		ClientRequestID: a.clientRequestID, Resend: current.exchanges - 1,
	})
	return ctx, func() {
		in := Incoming{Failure: failureWord(a)}
		if a.resp != nil {
			in.StatusCode, in.RequestID = a.resp.StatusCode, requestID(a.resp.Header)
		}
		end(in)
	}
}

func failureWord(a *attempt) string {
	var timeout interface{ Timeout() bool }
	switch {
	case a.err == nil && a.resp != nil:
		return ""
	case a.left:
		return "canceled"
	case a.ended || errors.As(a.err, &timeout) && timeout.Timeout():
		return "timeout"
	default:
		return "connection"
	}
}

// routeOf gives the route of an operation, as Graph's pages spell it.
func routeOf(operation string) string {
	switch operation {
	case opSend:
		return "/me/devices/{id}/commands"
	case opCommand:
		return "/me/devices/{id}/commands/{id}"
	case opPayload:
		return "/me/devices/{id}/commands/{id}/responsePayload"
	case opDevices, opTrial:
		return "/me/devices"
	case opListDirectory, opCreateDirectory:
		return "/devices"
	case opGetDirectory, opUpdateDirectory, opDeleteDirectory:
		return "/devices/{id}"
	case opCountDirectory:
		return "/devices/$count"
	case opDeltaDirectory:
		return "/devices/delta"
	case opListRelated:
		return "/devices/{id}/{relationship}"
	case opAddReference:
		return "/devices/{id}/{relationship}/$ref"
	case opRemoveReference:
		return "/devices/{id}/{relationship}/{id}/$ref"
	case opCheckMembers:
		return "/devices/{id}/checkMemberObjects"
	case opGetMembers:
		return "/devices/{id}/getMemberObjects"
	default:
		return "/"
	}
}
