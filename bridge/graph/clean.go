package graph

import (
	"bytes"
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"

	"devicebridge/bridge/redact"
	"devicebridge/events"
)

// clean takes the bearer token of an attempt and the given secrets out of what came
// back: headers, body, which is in UTF-8 then, and error text. Nothing of an answer is
// read, logged or traced before.
func (a *attempt) clean(keeper *redact.Keeper, secrets []string) {
	keeper.Learn(a.token)
	a.err = keeper.CleanError(a.err, secrets...)
	if a.resp == nil {
		return
	}
	a.resp.Status = keeper.CleanText(a.resp.Status, secrets...)
	cleanHeader(a.resp.Header, keeper, secrets)
	body, err := runtime.Payload(a.resp) // azcore has read it into memory
	if err != nil {
		return // where it broke off, a.err says so
	}
	if clean := keeper.Clean(events.InUTF8(body), secrets...); !bytes.Equal(clean, body) {
		a.resp.Body = streaming.NopCloser(bytes.NewReader(clean))
	}
}

func cleanHeader(header http.Header, keeper *redact.Keeper, secrets []string) {
	for name, values := range header {
		for i, value := range values {
			if name == "Www-Authenticate" { // in which the word Bearer is followed by something else
				values[i] = string(keeper.Clean([]byte(value), secrets...))
				continue
			}
			values[i] = keeper.CleanText(value, secrets...)
		}
	}
}
