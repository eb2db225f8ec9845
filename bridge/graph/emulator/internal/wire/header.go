package wire

import (
	"fmt"
	"mime"
	"net/http"
	"strings"

	"github.com/google/uuid"
)

// Bearer gives the one well-formed bearer token of a request, or a 401. Authorization is documented as required on
// every call.
func Bearer(h http.Header) (string, error) {
	values := h.Values("Authorization")
	switch {
	case len(values) == 0:
		return "", Unauthorised("Access token is empty.", "")
	case len(values) > 1:
		return "", Unauthorised("The Authorization header was sent more than once.", "invalid_request")
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	switch {
	case !strings.EqualFold(scheme, "Bearer"):
		return "", Unauthorised("The Authorization header must be of the form: Bearer {token}.", "invalid_request")
	case token == "":
		return "", Unauthorised("Access token is empty.", "")
	case !isToken68(token):
		return "", Unauthorised("The access token is not well formed: it has characters that RFC 6750 does not allow.", "invalid_request")
	}
	return token, nil
}

// Unauthorised is a 401. reason is the error of the challenge that Exchange.Refusal adds to it, and may be empty.
func Unauthorised(message, reason string) *Fail {
	return &Fail{
		Status: http.StatusUnauthorized, Code: "InvalidAuthenticationToken", Message: message, Reason: reason,
	}
}

// challenge is the one of RFC 6750 in the form Graph sends it. Graph names the authority that gives its tokens, so the
// emulator names the one of package authority on the host that was asked: a client that follows a challenge must not be
// led from the emulator to Microsoft's own sign-in.
func challenge(r *http.Request, reason string) string {
	authority := OriginalURL(r)
	authority.Path, authority.RawPath, authority.RawQuery = "/common/oauth2/v2.0/authorize", "", ""
	text := `Bearer realm="", authorization_uri="` + authority.String() + `", client_id="00000003-0000-0000-c000-000000000000"`
	if reason != "" {
		text += fmt.Sprintf(", error=%q", reason)
	}
	return text
}

// isToken68 is the b64token of RFC 6750, section 2.1: letters, digits and -._~+/, then any number of "=".
func isToken68(s string) bool {
	s = strings.TrimRight(s, "=")
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-._~+/", r)
	})
}

// CheckHeaders refuses a client-request-id that is no GUID and an Accept that does not take media, a type such as
// application/json.
func CheckHeaders(h http.Header, media string) error {
	for _, id := range h.Values("Client-Request-Id") {
		if !IsGUID(id) {
			return BadRequest("The header client-request-id must be a GUID.")
		}
	}
	if accept := strings.Join(h.Values("Accept"), ","); accept != "" && !accepts(accept, media) {
		return &Fail{
			Status: http.StatusNotAcceptable, Code: "NotAcceptable",
			Message: "The header Accept must allow " + media + ".",
		}
	}
	return nil
}

// IsGUID takes the 36-character form only; uuid.Parse alone would also take braces, a URN and bare hex.
func IsGUID(s string) bool {
	_, err := uuid.Parse(s)
	return err == nil && len(s) == 36
}

func accepts(accept, want string) bool {
	family, _, _ := strings.Cut(want, "/")
	for item := range strings.SplitSeq(accept, ",") {
		media, params, err := mime.ParseMediaType(item)
		if err != nil || strings.Trim(params["q"], "0.") == "" && params["q"] != "" {
			continue
		}
		if media == want || media == family+"/*" || media == "*/*" {
			return true
		}
	}
	return false
}
