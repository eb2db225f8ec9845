package graph

// SignInError says that Graph was not asked because there is no usable sign-in.
type SignInError struct {
	// Reason says why and what to do; it holds nothing secret.
	Reason string
}

// Error gives the reason.
func (e *SignInError) Error() string { return "no sign-in: " + e.Reason }

// NonRetriable keeps azcore from asking again at once.
func (e *SignInError) NonRetriable() {}
