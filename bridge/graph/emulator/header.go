package emulator

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"

	"github.com/google/uuid"
)

// authorise checks the bearer token the way Graph does. Authorization is documented as required on every call.
func authorise(h http.Header, check Authorize, anyOf Permissions) error {
	values := h.Values("Authorization")
	switch {
	case len(values) == 0:
		return unauthorised("Access token is empty.", "")
	case len(values) > 1:
		return unauthorised("The Authorization header was sent more than once.", "invalid_request")
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	switch {
	case !strings.EqualFold(scheme, "Bearer"):
		return unauthorised("The Authorization header must be of the form: Bearer {token}.", "invalid_request")
	case token == "":
		return unauthorised("Access token is empty.", "")
	case !isToken68(token):
		return unauthorised("The access token is not well formed: it has characters that RFC 6750 does not allow.", "invalid_request")
	}
	err := check(token, anyOf)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrForbidden):
		return &fail{status: http.StatusForbidden, code: "accessDenied", message: "Access denied: " + err.Error() + "."}
	}
	return unauthorised("The access token was refused: "+err.Error()+".", "invalid_token")
}

// unauthorised is a 401 with the challenge of RFC 6750 in the form Graph sends it.
func unauthorised(message, reason string) *fail {
	challenge := `Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", client_id="00000003-0000-0000-c000-000000000000"`
	if reason != "" {
		challenge += fmt.Sprintf(", error=%q", reason)
	}
	return &fail{
		status: http.StatusUnauthorized, code: "InvalidAuthenticationToken", message: message,
		header: map[string]string{"WWW-Authenticate": challenge},
	}
}

// isToken68 is the b64token of RFC 6750, section 2.1: letters, digits and -._~+/, then any number of "=".
func isToken68(s string) bool {
	s = strings.TrimRight(s, "=")
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-._~+/", r)
	})
}

// checkHeaders refuses a client-request-id that is no GUID and an Accept that does not take JSON.
func checkHeaders(h http.Header) error {
	for _, id := range h.Values("Client-Request-Id") {
		if !isGUID(id) {
			return badRequest("The header client-request-id must be a GUID.")
		}
	}
	if accept := strings.Join(h.Values("Accept"), ","); accept != "" && !acceptsJSON(accept) {
		return &fail{
			status: http.StatusNotAcceptable, code: "NotAcceptable",
			message: "The header Accept must allow application/json.",
		}
	}
	return nil
}

// isGUID takes the 36-character form only; uuid.Parse alone would also take braces, a URN and bare hex.
func isGUID(s string) bool {
	_, err := uuid.Parse(s)
	return err == nil && len(s) == 36
}

func acceptsJSON(accept string) bool {
	for item := range strings.SplitSeq(accept, ",") {
		media, params, err := mime.ParseMediaType(item)
		if err != nil || strings.Trim(params["q"], "0.") == "" && params["q"] != "" {
			continue
		}
		if media == "application/json" || media == "application/*" || media == "*/*" {
			return true
		}
	}
	return false
}
