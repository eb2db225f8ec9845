package otlp

import (
	"errors"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// ParseHeaders reads name=value pairs, separated by commas, values percent-encoded, as
// the specification of the OTLP exporter has OTEL_EXPORTER_OTLP_HEADERS. The error
// quotes nothing: a value may be secret.
func ParseHeaders(text string) (map[string]string, error) {
	headers := map[string]string{}
	for pair := range strings.SplitSeq(text, ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		name, value, found := strings.Cut(pair, "=")
		name = strings.TrimSpace(name)
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if !found || err != nil || !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
			return nil, errors.New("is not name=value, separated by commas, with values percent-encoded")
		}
		headers[name] = value
	}
	return headers, nil
}
