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
	before, takenBefore := heapUse()
	func() { runtime.KeepAlive(make([]byte, 2*releaseFrom)) }()
	if spare, taken := heapUse(); spare < before+releaseFrom || taken < takenBefore+2*releaseFrom {
		t.Errorf("%d bytes are spare and %d were taken with %d of garbage, %d and %d before", spare, taken, 2*releaseFrom, before, takenBefore)
	}
	debug.FreeOSMemory()
	if spare, _ := heapUse(); spare >= releaseFrom {
		t.Errorf("%d bytes are spare after all was given back", spare)
	}
}
