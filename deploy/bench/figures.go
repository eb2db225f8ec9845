package main

import "devicebridge/deploy/bench/report"

// figures are the numbers that the bridge is held to, and some that explain them.
func figures() []report.Figure {
	return []report.Figure{
		{Title: "postback, interval: requests/s, share of the bare floor", Part: partPostback, Variant: intervalName,
			Measure: rate, Against: floorName, AtLeast: .25, Aim: .30, Verb: "%.2f"},
		{Title: "postback, interval: requests/s against watermill, NATS server beside it", Part: partPostback, Variant: intervalName,
			Measure: rate, Against: besideName, AtLeast: 1.3, Aim: 1.6, Verb: "%.2fx"},
		{Title: "postback, interval: CPU per 1,000 against watermill, NATS server beside it", Part: partPostback, Variant: intervalName,
			Measure: cpuPer1000, Against: besideName, AtLeast: .8, Aim: .65, Less: true, Verb: "%.2fx"},
		{Title: "postback, interval: requests/s against watermill, NATS server inside", Part: partPostback, Variant: intervalName,
			Measure: rate, Against: insideName, AtLeast: 1.3, Aim: 1.6, Verb: "%.2fx"},
		{Title: "postback, interval: CPU per 1,000 against watermill, NATS server inside", Part: partPostback, Variant: intervalName,
			Measure: cpuPer1000, Against: insideName, AtLeast: .8, Aim: .65, Less: true, Verb: "%.2fx"},
		{Title: "postback, always: requests/s against one fsync per append", Part: partPostback, Variant: alwaysName,
			Measure: rate, Against: eachName, AtLeast: 2.5, Aim: 3.5, Verb: "%.2fx"},
		{Title: "postback, always: p50 at the constant rate against one fsync per append", Part: partPostback, Variant: alwaysName,
			Measure: fixedP50, Against: eachName, AtLeast: 1, Aim: .95, Less: true, Verb: "%.2fx"},
		{Title: "postback, always: requests/s, share of interval", Part: partPostback, Variant: alwaysName,
			Measure: rate, Against: intervalName, Verb: "%.2f"},
		{Title: "floor + token + parse: requests/s, share of the bare floor", Part: partPostback, Variant: parseName,
			Measure: rate, Against: floorName, Verb: "%.2f"},
		{Title: "command, interval: commands/s, share of the bare forwarder", Part: partCommand, Variant: intervalName,
			Measure: rate, Against: forwardName, AtLeast: .35, Aim: .50, Verb: "%.2f"},
		{Title: "command, always: commands/s, share of the bare forwarder", Part: partCommand, Variant: alwaysName,
			Measure: rate, Against: forwardName, AtLeast: .35, Aim: .50, Verb: "%.2f"},
		{Title: "idle: resident memory", Part: partIdle, Variant: alwaysName, Measure: memoryEnd, AtLeast: 35, Aim: 25, Less: true, Verb: "%.1f MB"},
		{Title: "idle: start to ready, empty store", Part: partIdle, Variant: alwaysName, Measure: ready, AtLeast: 150, Aim: 60, Less: true, Verb: "%.0f ms"},
		{Title: "stripped binary", Part: partIdle, Variant: alwaysName, Measure: binarySize, AtLeast: 32, Aim: 25, Less: true, Verb: "%.1f MB"},
	}
}
