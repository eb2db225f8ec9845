package otlp_test

import (
	"encoding/pem"
	"net/http/httptest"
)

// certificatePEM gives the certificate of a test server.
func certificatePEM(server *httptest.Server) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
}
