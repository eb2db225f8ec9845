package check

import "testing"

// TestAgainstARunningBridge: every query of the dashboard and every alert asks for
// what a running bridge shows.
func TestAgainstARunningBridge(t *testing.T) {
	s := scraped(t)
	t.Run("dashboard", func(t *testing.T) { checkDashboard(t, s) })
	t.Run("alerts", func(t *testing.T) { checkAlerts(t, s) })
}
