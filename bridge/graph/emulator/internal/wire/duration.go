package wire

import (
	"fmt"
	"time"
)

// Duration is a time.Duration that JSON writes and reads as "200ms" or "1.5s".
type Duration time.Duration

// MarshalText gives the form of time.Duration.String.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText takes what time.ParseDuration takes.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is not a duration like 200ms", text)
	}
	*d = Duration(v)
	return nil
}
