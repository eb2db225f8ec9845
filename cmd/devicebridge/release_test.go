package main

import (
	"runtime"
	"runtime/debug"
	"testing"
)

// TestSpareMemoryIsWhatCanBeGivenBack holds the measure against the giving back.
func TestSpareMemoryIsWhatCanBeGivenBack(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // garbage stays until it is collected here
	debug.FreeOSMemory()
	before := spareMemory()
	func() { runtime.KeepAlive(make([]byte, 2*releaseFrom)) }()
	if spare := spareMemory(); spare < before+releaseFrom {
		t.Errorf("%d bytes are spare with %d of garbage, %d before", spare, 2*releaseFrom, before)
	}
	debug.FreeOSMemory()
	if spare := spareMemory(); spare >= releaseFrom {
		t.Errorf("%d bytes are spare after all was given back", spare)
	}
}
