package bus

import (
	"errors"
	"net/url"
	"strings"
)

// safeURL gives the configured addresses without credentials, for messages.
func safeURL(o Options) string {
	if o.Server != nil {
		return "the embedded server"
	}
	var safe []string
	for address := range strings.SplitSeq(o.URL, ",") {
		address = strings.TrimSpace(address)
		if u, err := url.Parse(address); err == nil && u.Host != "" {
			u.User = nil
			address = u.String()
		} else if i := strings.LastIndex(address, "@"); i >= 0 {
			address = address[i+1:]
		}
		safe = append(safe, address)
	}
	return strings.Join(safe, ",")
}

// withoutURL gives err without the address that a failed parse repeats, with the
// credentials in it.
func withoutURL(err error) error {
	if parse, ok := errors.AsType[*url.Error](err); ok {
		return parse.Err
	}
	return err
}
