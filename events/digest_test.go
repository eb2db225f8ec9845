package events_test

import (
	"testing"
)

func TestDigestIsOfWhatIsSaid(t *testing.T) {
	base := one(t, `{"id":"7","status":"retry","error":{"code":"a","message":"b"},"type":null,"payload":{"uri":"x"}}`)
	for name, body := range map[string]string{
		"Pascal":           `{"Id":"7","Status":"retry","Error":{"code":"a","message":"b"}}`,
		"in value":         `{"value":{"id":"7","status":"retry","error":{"code":"a","message":"b"}}}`,
		"in a list":        `{"VALUE":[{"id":"7","STATUS":"retry","error":{"code":"a","message":"b"}}]}`,
		"white space":      `{ "id" : "7", "status":"retry",   "error": { "code": "a", "message": "b" } }`,
		"another order":    `{"error":{"code":"a","message":"b"},"status":"retry","id":"7"}`,
		"null for absent":  `{"id":"7","status":"retry","error":{"code":"a","message":"b"},"postBackUri":null}`,
		"null as text":     `{"id":"7","status":"retry","error":{"code":"a","message":"b"},"type":"null"}`,
		"with its answer":  `{"id":"7","status":"retry","error":{"code":"a","message":"b"},"responsePayload":{"n":1}}`,
		"other payload":    `{"id":"7","status":"retry","error":{"code":"a","message":"b"},"payload":{"uri":"y"}}`,
		"OData annotation": `{"@odata.context":"c","id":"7","status":"retry","error":{"code":"a","message":"b"}}`,
	} {
		if got := one(t, body); got.Digest != base.Digest {
			t.Errorf("%s: the digest differs", name)
		}
	}
	seen := map[string]string{base.Digest: "base"}
	for name, body := range map[string]string{
		"another error":   `{"id":"7","status":"retry","error":{"code":"a","message":"c"}}`,
		"no error":        `{"id":"7","status":"retry"}`,
		"error as text":   `{"id":"7","status":"retry","error":"b"}`,
		"another status":  `{"id":"7","status":"executing","error":{"code":"a","message":"b"}}`,
		"another id":      `{"id":"8","status":"retry","error":{"code":"a","message":"b"}}`,
		"another member":  `{"id":"7","status":"retry","error":{"code":"a","message":"b"},"attempt":2}`,
		"two members":     `{"id":"7","status":"retry","a":1,"b":2}`,
		"one with a name": `{"id":"7","status":"retry","a:1\nb":2}`,
		"a null in depth": `{"id":"7","status":"retry","error":{"code":"a","message":null}}`,
	} {
		digest := one(t, body).Digest
		if other, twice := seen[digest]; twice {
			t.Errorf("%s has the digest of %s", name, other)
		}
		seen[digest] = name
	}
}
