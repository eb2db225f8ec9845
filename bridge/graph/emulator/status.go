package emulator

// The action statuses in the spelling of Graph's "Get device command status" page, "List of actionStatus".
// The page mixes "cancelling" and "canceled"; both are official.
const (
	StatusRequesting      = "requesting"
	StatusSentToTarget    = "sentToTarget"
	StatusExecuting       = "executing"
	StatusCompleted       = "completed"
	StatusFailedToSend    = "failedToSend"
	StatusExecutionFailed = "executionFailed"
	StatusCommandDropped  = "commandDropped"
	StatusCancel          = "cancel"
	StatusCancelling      = "cancelling"
	StatusCanceled        = "canceled"
	StatusRetry           = "retry"
	StatusExpired         = "expired"
	StatusError           = "error"
	StatusCustom          = "custom"
)

// Statuses gives every documented action status, in the order of Graph's list.
func Statuses() []string {
	return []string{
		StatusRequesting, StatusSentToTarget, StatusExecuting, StatusCompleted,
		StatusFailedToSend, StatusExecutionFailed, StatusCommandDropped,
		StatusCancel, StatusCancelling, StatusCanceled,
		StatusRetry, StatusExpired, StatusError, StatusCustom,
	}
}
