package webhook

import (
	"errors"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Callbacks makes the URLs that commands carry to Graph. It is safe for
// concurrent use.
type Callbacks struct {
	base   string
	prefix string
	keys   *Keyring
}

// NewCallbacks takes the URL under which the world reaches the postback
// endpoint and the keys to sign with. The URL is absolute and https, or http on
// a loopback host for trying things out; it may have a path of plain segments
// ([A-Za-z0-9._~-]), and has no user information, query or fragment. The error
// does not quote it, since what is wrong with it may be a password inside.
func NewCallbacks(publicURL string, keys *Keyring) (*Callbacks, error) {
	if keys == nil || len(keys.all()) == 0 {
		return nil, errors.New("no callback key")
	}
	u, err := url.Parse(publicURL)
	if err != nil {
		return nil, errors.New("public URL: not a URL")
	}
	if err := checkPublicURL(u, strings.Contains(publicURL, "#")); err != nil {
		return nil, err
	}
	prefix, err := cleanPrefix(u.EscapedPath())
	if err != nil {
		return nil, errors.New("public URL: " + err.Error())
	}
	return &Callbacks{base: u.Scheme + "://" + u.Host + prefix, prefix: prefix, keys: keys}, nil
}

// CallbackURL gives `<public URL>/postback/<command>/<token>`. Whoever knows it
// may report on the command until expiry, so it belongs in the request to Graph
// and nowhere else.
func (c *Callbacks) CallbackURL(command string, expiry time.Time) string {
	return c.base + route + "/" + command + "/" + c.keys.Token(command, expiry)
}

// Tokens returns the tokens that CallbackURL makes with each of the keys.
func (c *Callbacks) Tokens(command string, expiry time.Time) []string {
	keys := c.keys.all()
	tokens := make([]string, 0, len(keys))
	for _, k := range keys {
		tokens = append(tokens, sign(k, command, strconv.FormatInt(expiry.Unix(), 10)))
	}
	return tokens
}

// PathPrefix gives the path of the public URL without a slash at its end, for
// Options.PathPrefix; "" where there is none.
func (c *Callbacks) PathPrefix() string { return c.prefix }

func checkPublicURL(u *url.URL, fragment bool) error {
	switch {
	case u.Scheme != "https" && u.Scheme != "http" || u.Opaque != "" || u.Hostname() == "":
		return errors.New("public URL: must be https://<host>")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return errors.New("public URL: http is for loopback hosts only; use https")
	case u.User != nil:
		return errors.New("public URL: must not hold a user or password")
	case u.RawQuery != "" || u.ForceQuery || fragment:
		return errors.New("public URL: must not have a query or fragment")
	}
	if strings.HasSuffix(u.Host, ":") {
		return errors.New("public URL: the port is missing after the colon")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return errors.New("public URL: the port is not 1 to 65535")
		}
	}
	return nil
}

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.IsLoopback()
}

// cleanPrefix takes a path of plain segments and gives it without a slash at its
// end. Anything else could mean something to a router or change on the way
// through a proxy.
func cleanPrefix(path string) (string, error) {
	path = strings.TrimSuffix(path, "/")
	if path == "" {
		return "", nil
	}
	const plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~-"
	rest, rooted := strings.CutPrefix(path, "/")
	for segment := range strings.SplitSeq(rest, "/") {
		if !rooted || segment == "" || segment == "." || segment == ".." || strings.Trim(segment, plain) != "" {
			return "", errors.New("the path must be /segments of A-Z a-z 0-9 . _ ~ -")
		}
	}
	return path, nil
}
