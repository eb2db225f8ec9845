package schemas_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"devicebridge/events"
)

func request(member, value string) []byte {
	return fmt.Appendf(nil, `{"deviceId":"d","type":"launchUri","payload":{"uri":"https://e.com"},%q:%q}`, member, value)
}

func TestTypeSpellings(t *testing.T) {
	set := compiled(t)
	for _, spelling := range []string{"LaunchURI", "LaunchUri", "launchUri", "launchuri", "LAUNCHURI"} {
		document := fmt.Appendf(nil, `{"deviceId":"d","type":%q,"payload":{"uri":"https://e.com"}}`, spelling)
		if err := set.Validate("request", document); err != nil {
			t.Errorf("%s: %v", spelling, err)
		}
	}
	for _, spelling := range []string{"AppService", "AppServices", "appService", "appservice", "APPSERVICES"} {
		document := fmt.Appendf(nil, `{"deviceId":"d","type":%q,"payload":{},"appServiceName":"a","packageFamilyName":"p"}`, spelling)
		if err := set.Validate("request", document); err != nil {
			t.Errorf("%s: %v", spelling, err)
		}
	}
}

// Whatever Go writes for a positive duration is taken, and whatever is taken Go
// can read, also where it is less than a nanosecond. No text drawn here is so
// long that it does not fit a duration.
func TestExpiresInIsAPositiveGoDuration(t *testing.T) {
	set := compiled(t)
	rapid.Check(t, func(r *rapid.T) {
		d := time.Duration(rapid.Int64Min(1).Draw(r, "duration"))
		if err := set.Validate("request", request("expiresIn", d.String())); err != nil {
			r.Fatal(err)
		}
	})
	rapid.Check(t, func(r *rapid.T) {
		text := rapid.StringMatching(`[+-]?([0-9]{0,3}([.][0-9]{0,3})?(ns|us|µs|μs|ms|s|m|h|d)?){1,2}`).Draw(r, "text")
		d, err := time.ParseDuration(text)
		taken := set.Validate("request", request("expiresIn", text)) == nil
		if tiny := err == nil && d == 0 && strings.ContainsAny(text, "123456789"); taken != (err == nil && d > 0 || tiny && !strings.HasPrefix(text, "-")) {
			r.Fatalf("%q: taken is %t, Go says %v, %v", text, taken, d, err)
		}
	})
}

func TestIDPatternIsThatOfTheVocabulary(t *testing.T) {
	properties := object(t, read(t, "command"))["properties"].(map[string]any)
	pattern := regexp.MustCompile(properties["id"].(map[string]any)["pattern"].(string))
	rapid.Check(t, func(r *rapid.T) {
		text := rapid.OneOf(
			rapid.Map(rapid.String(), events.RequestCommandID),
			rapid.StringMatching(`[a-z2-7]{25}[a-z2-7]`),
			rapid.StringMatching(`[a-zA-Z0-9]{24,27}`),
			rapid.String(),
		).Draw(r, "id")
		if pattern.MatchString(text) != events.ValidCommandID(text) {
			r.Fatalf("%q: the pattern says %t, ValidCommandID %t", text, pattern.MatchString(text), events.ValidCommandID(text))
		}
	})
}
