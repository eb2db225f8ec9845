package directory

import (
	"fmt"
	"net/http"
	"time"

	"devicebridge/bridge/graph/emulator/internal/wire"
)

// The refusals below have the codes of Graph's directory, which differ from those of its gateway.

func badRequest(format string, args ...any) *wire.Fail {
	return &wire.Fail{Status: http.StatusBadRequest, Code: "Request_BadRequest", Message: fmt.Sprintf(format, args...)}
}

func unsupportedQuery(format string, args ...any) *wire.Fail {
	f := badRequest(format, args...)
	f.Code = "Request_UnsupportedQuery"
	return f
}

func notFound(id string) *wire.Fail {
	return &wire.Fail{
		Status: http.StatusNotFound, Code: "Request_ResourceNotFound",
		Message: fmt.Sprintf("The resource '%s' does not exist in this directory, or one of the objects it is asked with.", id),
	}
}

// unknownSegment is what Graph's gateway answers to a path that its metadata does not have.
func unknownSegment(segment string) *wire.Fail {
	return wire.BadRequest("Resource not found for the segment '%s'.", segment)
}

func denied(reason string) *wire.Fail {
	return &wire.Fail{
		Status: http.StatusForbidden, Code: "Authorization_RequestDenied",
		Message: "Insufficient privileges to complete the operation: " + reason + ".",
	}
}

// conflict is the answer to a value that has to be unique and is not.
func conflict(property string) *wire.Fail {
	f := badRequest("Another object with the same value for the property %s exists already.", property)
	f.Details = []wire.Detail{{Code: "ObjectConflict", Message: f.Message, Target: property}}
	return f
}

func quotaExceeded(limit int) *wire.Fail {
	f := denied("")
	f.Code = "Directory_QuotaExceeded"
	f.Message = fmt.Sprintf("The directory object quota is exceeded: this directory holds at most %d devices.", limit)
	return f
}

// throttled has the headers that Graph's throttling limits page lists for identity.
func throttled(after time.Duration, writes bool) *wire.Fail {
	f := wire.Throttled(after)
	scope, information := "Tenant_Application/ReadWrite", "ResourceUnitLimitExceeded"
	if writes {
		scope, information = "Tenant_Application/Write", "WriteLimitExceeded"
	}
	f.Header["X-Ms-Throttle-Scope"] = scope + "/00000000-0000-0000-0000-000000000000/00000000-0000-0000-0000-000000000000"
	f.Header["X-Ms-Throttle-Information"] = information
	f.Header["X-Ms-Throttle-Limit-Percentage"] = "1.0"
	return f
}
