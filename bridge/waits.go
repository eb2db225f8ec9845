package bridge

import (
	"time"

	"devicebridge/events"
)

// pausedWords say why nothing is sent while BRIDGE_DISPATCH is paused.
const pausedWords = "sending is paused by BRIDGE_DISPATCH: nothing is sent to Graph until every replica is started again without it"

// Waits tells what keeps this replica from sending commands now, and, where device is
// not empty, from sending one to that device.
func (b *Bridge) Waits(device string) []events.Wait {
	var list []events.Wait
	if b.Paused {
		list = append(list, events.Wait{For: events.WaitPaused, Reason: pausedWords})
	}
	list = append(list, b.Hindered()...)
	now, steady := b.Now(), b.Steady()
	if wait := b.throttle.remaining(steady); wait > 0 {
		list = append(list, events.Wait{For: events.WaitThrottled, Reason: "Graph asked for a pause", Until: until(now, wait)})
	}
	if wait := b.Policy.Delay(device, steady); wait > 0 {
		list = append(list, events.Wait{
			For: events.WaitRate, Reason: "as much is sent as the policy allows (sendRate, deviceSendRate); the command waits for its turn", Until: until(now, wait),
		})
	}
	return list
}

// until gives the time after a wait, in whole seconds, and not before it.
func until(now time.Time, wait time.Duration) *time.Time {
	at := now.Add(wait + time.Second - time.Nanosecond).UTC().Truncate(time.Second)
	return &at
}

// waitsOf tells what keeps a command from being sent that is still to be sent.
func (b *Bridge) waitsOf(c events.Command) []events.Wait {
	if c.State != events.StateAccepted && c.State != events.StateDeferred {
		return nil
	}
	return b.Waits(c.DeviceID)
}
