package wire

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
)

// ReadBody reads a request body of at most limit bytes, before and after gzip (Microsoft's own clients compress what
// they send). It gives what it could read together with an error, so that the ledger can show it.
func ReadBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return body, TooLarge(limit)
	}
	if err != nil {
		return body, BadRequest("The request body could not be read to its end.")
	}
	switch encoding := r.Header.Get("Content-Encoding"); strings.ToLower(encoding) {
	case "", "identity":
	case "gzip":
		if body, err = gunzip(body, limit); err != nil {
			return body, err
		}
	default:
		return body, Unsupported("The Content-Encoding %q is not supported; send gzip or none.", encoding)
	}
	return body, checkContentType(r.Header.Get("Content-Type"))
}

func gunzip(body []byte, limit int64) ([]byte, error) {
	zr, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return body, BadRequest("The request body is not gzip, although Content-Encoding says so.")
	}
	plain, err := io.ReadAll(io.LimitReader(zr, limit+1))
	switch {
	case err != nil:
		return body, BadRequest("The request body is not gzip, although Content-Encoding says so.")
	case int64(len(plain)) > limit:
		return plain[:limit], TooLarge(limit)
	}
	return plain, nil
}

// checkContentType asks for application/json in UTF-8, as in the documented samples.
func checkContentType(value string) error {
	if value == "" {
		return Unsupported("The header Content-Type is missing; it must be application/json.")
	}
	media, params, err := mime.ParseMediaType(value)
	if err != nil || media != "application/json" {
		return Unsupported("The Content-Type %q is not supported; it must be application/json.", value)
	}
	if charset, ok := params["charset"]; ok && !strings.EqualFold(charset, "utf-8") {
		return Unsupported("The charset %q of Content-Type is not supported; it must be utf-8.", charset)
	}
	return nil
}
