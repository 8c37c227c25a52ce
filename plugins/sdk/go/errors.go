package backtest

import (
	"errors"
	"fmt"
)

// InvalidParams says that parameters make no sense together. Any other error that a strategy returns is a problem of its
// own. Both fail one task, and no other.
type InvalidParams struct {
	// Why says which and why, as in "`fast` (50) is not below `slow` (20)".
	Why string
}

// Error returns the text for the user.
func (e InvalidParams) Error() string {
	return e.Why
}

// Invalidf returns an InvalidParams.
func Invalidf(format string, args ...any) error {
	return InvalidParams{fmt.Sprintf(format, args...)}
}

// IsInvalid tells whether an error is an InvalidParams, or wraps one.
func IsInvalid(err error) bool {
	return errors.As(err, new(InvalidParams))
}
