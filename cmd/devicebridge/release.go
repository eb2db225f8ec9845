package main

import (
	"runtime/debug"

	"devicebridge/bridge"
)

// releasing gives memory back to the system after each sweep: what the start and the
// sweep took and need no more, which with many stored events is as much as what stays.
// The runtime would keep most of it for garbage to come.
func releasing(h bridge.Hooks) bridge.Hooks {
	swept := h.Swept
	h.Swept = func(r bridge.SweepReport) {
		swept(r)
		debug.FreeOSMemory()
	}
	return h
}
