package directory

import (
	"errors"
	"net/http"

	"devicebridge/bridge/graph"
	"devicebridge/events"
)

// refusal tells a requester why something was not done, and logs what Graph had
// to do with it.
func (s *Service) refusal(o operation, err error) error {
	if refused, ok := errors.AsType[*events.Error](err); ok {
		return refused
	}
	if argument, ok := errors.AsType[*graph.ArgumentError](err); ok {
		if argument.Argument == "link" {
			return events.Invalid("pageToken", "goes on at a link that the bridge does not follow: it "+argument.Reason+
				"; if Graph gave that link, set BRIDGE_DIRECTORY_URL to the URL that is in front of /devices in Graph's own links")
		}
		return events.Invalid(argument.Argument, argument.Reason)
	}
	// The client has told of a failure, with the ids of the request.
	s.Log.Debug("Graph did not do what was asked", "operation", o.name, "error", err)
	if graph.IsTooLarge(err) {
		return tooLarge(o, "Graph's answer is longer than the bridge reads")
	}
	answer, ok := errors.AsType[*graph.Error](err)
	if !ok {
		return events.Unavailable(notAsked(err) + wayOut(o, err, 0))
	}
	e := &events.Error{Code: codeOf(answer.StatusCode), Message: answer.Error(), HTTPStatus: answer.StatusCode, RequestID: answer.RequestID}
	if stale, ok := errors.AsType[*graph.ResyncError](err); ok {
		e.Code, e.Field = events.CodeConflict, "pageToken"
		e.Message = "pageToken is one that Graph has forgotten; ask without it and read all devices anew: " + stale.Err.Error()
		return e
	}
	if o.paged && graph.IsExpired(err) {
		e.Code, e.Field = events.CodeConflict, "pageToken"
		e.Message = "pageToken is one that Graph has forgotten; ask without it and begin the list anew: " + answer.Error()
		return e
	}
	switch {
	case answer.StatusCode == http.StatusForbidden:
		e.Message += "; the permission for this is " + o.permission
	case e.Code == events.CodeUnavailable:
		e.Message += wayOut(o, err, answer.StatusCode)
		if answer.RetryAfter > 0 {
			e.Message += "; Graph asks to wait " + answer.RetryAfter.String()
		}
	}
	return e
}

// notAsked says why Graph did not answer, so far as a requester may know it.
func notAsked(err error) string {
	if open, ok := errors.AsType[*graph.CircuitOpenError](err); ok {
		return open.Error()
	}
	if missing, ok := errors.AsType[*graph.SignInError](err); ok {
		return missing.Error()
	}
	return "Graph could not be asked now, or what it answered cannot be read"
}

// wayOut says what to do about something that was not done now.
func wayOut(o operation, err error, status int) string {
	switch {
	case o.writes && graph.IsUncertain(err):
		return "; the change may have been made or not: read the device before asking again"
	case o.writes && (status == 0 || status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable):
		return "; nothing was changed, ask again"
	default:
		return "; ask again"
	}
}

func tooLarge(o operation, what string) error {
	return &events.Error{Code: events.CodeTooLarge, Message: what + "; " + o.smaller}
}

// codeOf gives the code for a status of Graph.
func codeOf(status int) events.Code {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return events.CodeForbidden
	case http.StatusNotFound:
		return events.CodeNotFound
	case http.StatusConflict, http.StatusPreconditionFailed:
		return events.CodeConflict
	case http.StatusRequestEntityTooLarge:
		return events.CodeTooLarge
	case http.StatusTooManyRequests, http.StatusRequestTimeout:
		return events.CodeUnavailable
	}
	if status >= 400 && status <= 499 {
		return events.CodeInvalid
	}
	return events.CodeUnavailable
}
