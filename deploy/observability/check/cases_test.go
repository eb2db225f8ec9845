package check

import "time"

// firingCase is what makes an alert fire.
type firingCase struct {
	alert string
	// series are samples every 30 s in the notation of promtool, a series a line.
	series string
	// at is when it has to fire at the latest.
	at     time.Duration
	labels map[string]string
}

// cases has one at least for each alert.
func cases() []firingCase {
	const where = `job="devicebridge",instance="a"`
	return []firingCase{
		{"DevicebridgeDown", `up{` + where + `} 0x20`, 5 * time.Minute, map[string]string{"instance": "a", "severity": "critical"}},
		{"DevicebridgeAbsent", `up{` + where + `} 1x40`, 10 * time.Minute, map[string]string{"severity": "critical"}},
		{"DevicebridgeRestarting", `process_start_time_seconds{` + where + `} 0+60x60`, 20 * time.Minute, map[string]string{"instance": "a"}},
		{"DevicebridgeVersionsDiffer", `devicebridge_build_info{revision="unknown",instance="a"} 1x1000
			devicebridge_build_info{instance="b"} 1x1000`, 7 * time.Hour, nil},
		{"DevicebridgePostbacksRefused", `devicebridge_postback_duration_seconds_count{` + where + `,result="unavailable"} 0+1x40`, 15 * time.Minute,
			map[string]string{"instance": "a"}},
		{"DevicebridgePostbacksRefused", `devicebridge_postback_duration_seconds_count{` + where + `,result="panicked"} 0+1x40`, 15 * time.Minute, nil},
		{"DevicebridgePostbacksSlow", `devicebridge_postback_duration_seconds_bucket{` + where + `,result="accepted",le="1.0"} 0x60
			devicebridge_postback_duration_seconds_bucket{` + where + `,result="accepted",le="2.5"} 0+9x60
			devicebridge_postback_duration_seconds_bucket{` + where + `,result="accepted",le="+Inf"} 0+9x60`, 20 * time.Minute, nil},
		{"DevicebridgePostbacksForged", `devicebridge_postback_duration_seconds_count{` + where + `,result="badToken"} 0+60x60`, 25 * time.Minute, nil},
		{"DevicebridgePostbacksMissing", `devicebridge_commands_total{` + where + `,source="poll",outcome="completed"} 0+3x100
			devicebridge_commands_total{` + where + `,source="postback",outcome="completed"} 0+1x100`, 45 * time.Minute, nil},
		{"DevicebridgeOutcomesUnknown", `devicebridge_events_total{` + where + `,kind="outcomeUnknown"} 0x20 1x20`, 20 * time.Minute, nil},
		{"DevicebridgeCommandsFail", `devicebridge_commands_total{` + where + `,source="timer",outcome="timedOut"} 0+1x100
			devicebridge_commands_total{` + where + `,source="postback",outcome="completed"} 0+1x100`, 45 * time.Minute, nil},
		{"DevicebridgeCommandStuck", `devicebridge_commands_oldest_timestamp_seconds{` + where + `} 60x9400`, 77 * time.Hour, nil},
		{"DevicebridgeTimersLate", `devicebridge_timer_lateness_seconds_bucket{` + where + `,le="30.0"} 0x60
			devicebridge_timer_lateness_seconds_bucket{` + where + `,le="60.0"} 0+2x60
			devicebridge_timer_lateness_seconds_bucket{` + where + `,le="+Inf"} 0+2x60`, 25 * time.Minute, nil},
		{"DevicebridgeTimersLost", `devicebridge_sweep_armed_total{` + where + `} 0x20 3x20`, 20 * time.Minute, nil},
		{"DevicebridgeSweepOverdue", `devicebridge_sweep_finished_timestamp_seconds{` + where + `} 60x200`, 90 * time.Minute, map[string]string{"instance": "a"}},
		{"DevicebridgeDefect", `devicebridge_poisoned_messages_total{` + where + `,consumer="dispatch"} 0x20 1x20
			devicebridge_unreadable_events_total{` + where + `} 0x40`, 20 * time.Minute, map[string]string{"instance": "a"}},
		{"DevicebridgeDefect", `devicebridge_poisoned_messages_total{` + where + `,consumer="timers"} 0x40
			devicebridge_unreadable_events_total{` + where + `} 0x20 1x20`, 20 * time.Minute, nil},
		{"DevicebridgeSignedOut", `devicebridge_degraded{` + where + `,condition="signIn"} 1x40`, 10 * time.Minute, map[string]string{"severity": "critical"}},
		{"DevicebridgeGraphLeftAlone", `devicebridge_degraded{` + where + `,condition="directoryCircuitOpen"} 1x40`, 10 * time.Minute, nil},
		{"DevicebridgeGraphErrors", `devicebridge_graph_requests_total{` + where + `,operation="send command",code="503"} 0+1x60
			devicebridge_graph_requests_total{` + where + `,operation="send command",code="201"} 0+3x60`, 25 * time.Minute,
			map[string]string{"operation": "send command"}},
		{"DevicebridgeGraphThrottled", `devicebridge_graph_throttled_seconds_total{` + where + `} 0+10x80`, 35 * time.Minute, nil},
		{"DevicebridgeInventoryStale", `devicebridge_inventory_current_timestamp_seconds{` + where + `} 60x200`, 60 * time.Minute, nil},
		{"DevicebridgeNATSDisconnected", `devicebridge_nats_connected{` + where + `} 1x10 0x10`, 10 * time.Minute,
			map[string]string{"instance": "a", "severity": "critical"}},
		{"DevicebridgeNATSTrouble", `devicebridge_nats_trouble{` + where + `,trouble="noAnswer"} 1x20`, 5 * time.Minute, map[string]string{"trouble": "noAnswer"}},
		{"DevicebridgeStorageFull", `devicebridge_nats_trouble{` + where + `,trouble="storageFull"} 1x40`, 10 * time.Minute, nil},
		{"DevicebridgeStorageFilling", `devicebridge_stream_used_ratio{` + where + `,stream="DEVICEBRIDGE_V1_EVENTS"} 0.7x100`, 40 * time.Minute,
			map[string]string{"stream": "DEVICEBRIDGE_V1_EVENTS"}},
		{"DevicebridgeNATSFlapping", `devicebridge_nats_reconnects_total{` + where + `} 0+1x40`, 20 * time.Minute, map[string]string{"instance": "a"}},
		{"DevicebridgeAppendsFail", `devicebridge_append_duration_seconds_count{` + where + `,result="unavailable"} 0+1x40`, 15 * time.Minute, nil},
		{"DevicebridgeAppendsSlow", `devicebridge_append_duration_seconds_bucket{` + where + `,result="stored",le="0.5"} 0x60
			devicebridge_append_duration_seconds_bucket{` + where + `,result="stored",le="1.0"} 0+9x60
			devicebridge_append_duration_seconds_bucket{` + where + `,result="stored",le="+Inf"} 0+9x60`, 20 * time.Minute, nil},
	}
}
