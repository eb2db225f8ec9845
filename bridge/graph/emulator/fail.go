package emulator

import (
	"fmt"
	"net/http"

	"devicebridge/bridge/graph/emulator/internal/wire"
)

func notFound(format string, args ...any) *wire.Fail {
	return &wire.Fail{Status: http.StatusNotFound, Code: "itemNotFound", Message: fmt.Sprintf(format, args...)}
}
