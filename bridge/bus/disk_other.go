//go:build !linux && !darwin

package bus

// diskSpace is not known on this system.
func diskSpace(string) (space, bool) { return space{}, false }

// syncDirectory does nothing: directories cannot be synced here.
func syncDirectory(string) error { return nil }
