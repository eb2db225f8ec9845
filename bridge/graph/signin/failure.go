package signin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	msal "github.com/AzureAD/microsoft-authentication-library-for-go/apps/errors"

	"devicebridge/events"
)

// Failure says why there is no token.
type Failure struct {
	// Code is OAuth's error code, such as invalid_grant; empty where the authority did
	// not refuse but could not be asked.
	Code string
	// AADSTS is the number of Microsoft's error code; 0 where there is none.
	AADSTS int
	// Message is the authority's word on it, or what happened on the way to it.
	Message string
	// Advice says what to do.
	Advice string
	// Lasting: asking again is of no use until somebody did that.
	Lasting bool
}

// Error gives code, message and advice on one line.
func (f *Failure) Error() string {
	text := f.Message
	switch {
	case f.AADSTS != 0:
		text = fmt.Sprintf("the authority refused (AADSTS%d, %s): %s", f.AADSTS, f.Code, f.Message)
	case f.Code != "":
		text = fmt.Sprintf("the authority refused (%s): %s", f.Code, f.Message)
	}
	if f.Advice != "" {
		text += "; " + f.Advice
	}
	return text
}

// refusal is the error object of the token endpoint, RFC 6749 section 5.2, with
// Microsoft's additions.
type refusal struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
	Codes       []int  `json:"error_codes"`
}

// failureOf reads what the libraries give. Their own texts are not passed on: they
// quote whole requests and answers.
func failureOf(err error) *Failure {
	if f, ok := errors.AsType[*Failure](err); ok {
		return f
	}
	if sealed, ok := errors.AsType[*SealError](err); ok {
		return &Failure{Message: sealed.Error(), Lasting: true}
	}
	if _, ok := errors.AsType[*azidentity.AuthenticationRequiredError](err); ok {
		return &Failure{Message: "the sign-in is not in this user's key store any more", Advice: loginAdvice, Lasting: true}
	}
	if status, body := answerOf(err); status != 0 {
		return refused(status, body)
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return &Failure{Message: "the authority did not answer in time", Advice: reachAdvice}
	case errors.Is(err, context.Canceled):
		return &Failure{Message: "given up before the authority answered"}
	}
	return &Failure{Message: events.Truncate(oneLine(withoutPort(unquoted(err.Error()))), maxReason)}
}

// withoutPort leaves out this end of a connection, which has another port each time:
// the same failure is told once, and not again each time that it is tried.
func withoutPort(text string) string {
	return regexp.MustCompile(`\b(tcp|udp)([46]?) \S+->`).ReplaceAllString(text, "$1$2 ")
}

// unquoted gives a library's words up to where they repeat the whole of an answer
// that cannot be read: MSAL does, and the tokens stand in it.
func unquoted(text string) string {
	for _, quote := range []string{"raw message was:", "json message bytes were:"} {
		if before, _, found := strings.Cut(text, quote); found {
			text = before + "(the answer is left out); check that AZURE_AUTHORITY_HOST is an authority"
		}
	}
	return text
}

const (
	maxReason   = 600
	loginAdvice = "run `devicebridge login`"
	againAdvice = "it is asked again by itself"
	reachAdvice = "check that AZURE_AUTHORITY_HOST can be reached from here, and HTTPS_PROXY"
)

// answerOf gives what the authority answered, of an error that came of an answer.
func answerOf(err error) (status int, body []byte) {
	if call, ok := errors.AsType[msal.CallErr](err); ok && call.Resp != nil {
		body = bodyOf(call.Resp)
		if len(body) == 0 {
			// Who polls for a device code has read it; it stands in the text as well, from
			// the second line on.
			_, text, _ := strings.Cut(call.Err.Error(), "\n")
			body = []byte(text)
		}
		return call.Resp.StatusCode, body
	}
	if failed, ok := errors.AsType[*azidentity.AuthenticationFailedError](err); ok && failed.RawResponse != nil {
		return failed.RawResponse.StatusCode, bodyOf(failed.RawResponse)
	}
	return 0, nil
}

func bodyOf(resp *http.Response) []byte {
	if resp.Body == nil {
		return nil
	}
	body, _ := io.ReadAll(resp.Body) // what is there says enough
	return body
}

func refused(status int, body []byte) *Failure {
	var r refusal
	if json.Unmarshal(body, &r) != nil || r.Error == "" {
		f := &Failure{Message: fmt.Sprintf("the authority answered %d and not as an authority does", status), Advice: reachAdvice}
		if passing(status) {
			f.Message, f.Advice = fmt.Sprintf("the authority answered %d", status), againAdvice
		}
		return f
	}
	f := &Failure{Code: events.Truncate(oneLine(r.Error), 64), Message: wordsOf(r.Description)}
	if f.AADSTS = numberOf(r); f.AADSTS != 0 {
		f.Message = strings.TrimSpace(strings.TrimPrefix(f.Message, fmt.Sprintf("AADSTS%d:", f.AADSTS)))
	}
	if f.Advice, f.Lasting = advice(f.AADSTS, f.Code); passing(status) {
		f.Advice, f.Lasting = againAdvice, false
	}
	return f
}

// passing reports whether a status is no verdict on the request, whatever stands in
// the body: it may come from anything between here and the authority.
func passing(status int) bool { return status == http.StatusTooManyRequests || status >= 500 }

// wordsOf gives the description without the trace ids and the time behind it,
// which are told apart and would make every text different.
func wordsOf(description string) string {
	text, _, _ := strings.Cut(description, "Trace ID:")
	text = strings.TrimSpace(oneLine(text))
	if text == "" {
		return "no words"
	}
	return events.Truncate(text, maxReason)
}

func numberOf(r refusal) int {
	if len(r.Codes) > 0 {
		return r.Codes[0]
	}
	match := regexp.MustCompile(`^AADSTS(\d+)`).FindStringSubmatch(r.Description)
	if match == nil {
		return 0
	}
	n, _ := strconv.Atoi(match[1]) // digits only
	return n
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// passes reports whether a refusal passes by itself: by OAuth's error code, or by the
// numbers of a transient failure and of too many requests.
func passes(aadsts int, code string) bool {
	return slices.Contains([]int{90033, 90055, 50196}, aadsts) ||
		slices.Contains([]string{"temporarily_unavailable", "server_error", "slow_down"}, code)
}

// advice gives the way out of a refusal, and whether only somebody's hand leads
// there.
func advice(aadsts int, code string) (text string, lasting bool) {
	if passes(aadsts, code) {
		return againAdvice, false
	}
	if text, known := advices()[aadsts]; known {
		return text, true
	}
	switch code {
	case "invalid_grant", "interaction_required", "login_required", "consent_required":
		return loginAdvice, true
	case "authorization_declined", "access_denied":
		return "somebody declined; " + loginAdvice + " again and approve", true
	case "expired_token":
		return "the code was not entered in time; " + loginAdvice + " again", true
	case "invalid_client", "unauthorized_client":
		return "check AZURE_CLIENT_ID and the application's registration", true
	case "invalid_scope":
		return "check the application's API permissions, and BRIDGE_GRAPH_SCOPES", true
	}
	return "", true
}
