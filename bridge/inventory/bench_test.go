package inventory_test

import "testing"

// BenchmarkFirstSync reads a directory of 5,000 devices into an empty feed.
func BenchmarkFirstSync(b *testing.B) {
	fleet := crowd()
	for b.Loop() {
		b.StopTimer()
		stream, _ := reality(b)
		b.StartTimer()
		reach(b, stream, fleet)
	}
	b.ReportMetric(directory*float64(b.N)/b.Elapsed().Seconds(), "devices/s")
}

// BenchmarkResync reads it again, with nothing to publish.
func BenchmarkResync(b *testing.B) {
	fleet := crowd()
	stream, _ := reality(b)
	reach(b, stream, fleet)
	for b.Loop() {
		fleet.forget(false)
		reach(b, stream, fleet)
	}
	b.ReportMetric(directory*float64(b.N)/b.Elapsed().Seconds(), "devices/s")
}
