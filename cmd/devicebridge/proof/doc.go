// Package proof holds no code: its tests show with real processes that no command
// is lost and none is sent twice.
//
// They build the bridge and nats-server, start them as child processes, kill and
// pause them, and keep a ledger outside: what callers were told, what Graph saw
// and what Graph was told. Graph (the emulator) and the ingress in front of the
// replicas run in the test's own process and so survive every kill. At the end
// the ledger is held against the event stream:
//
//   - lost: a command or a queued request that was acknowledged is missing;
//   - multiplied: one request became more than one command;
//   - doubled: Graph saw a second POST of a command that it had not answered with
//     401, 429 or 503 with Retry-After;
//   - unclaimed: Graph saw more POSTs of a command than it has claims;
//   - gap, repeated: the numbers of a command's events have a gap, an event id
//     comes twice;
//   - unreflected: a postback was answered with 2xx and its command does not show
//     it;
//   - open: a command has not ended.
//
// What it leaves out: the loss of a disk, or of what it said to have kept, and clocks
// that jump.
//
// # The soak
//
//	go test ./cmd/devicebridge/proof -run Soak -v
//
// Three replicas on a cluster of three NATS servers, the emulator with faults on,
// and kill -9, SIGSTOP and restarts of either by chance. It prints its seed and
// one line of figures, and on a violation the history of each command concerned.
//
//	-soak.for=10m     how long the faults go on; default 15s
//	-soak.seed=N      what happens by chance, to the extent that the machine
//	                  allows: the schedule of faults, not its interleaving.
//	                  Default: another one each time
//	-proof.race       builds the bridge with the race detector
//	-proof.verbose    shows the processes' logs also when the test passes
//
// # The crash points, the timers, many in flight
//
//	go test ./cmd/devicebridge/proof -run 'Crash|Timers|Postback' -v
//	go test ./cmd/devicebridge/proof -run '^$' -bench InFlight -benchtime 1x -timeout 30m
//
// The bridge kills itself at each point of package crash; timers are lost by kill
// -9 and deleted. The benchmark has 100,000 commands under way at once.
//
//	-crash.passes=1,3 at which passes of each point, one life of the bridge for each
//	-inflight.commands, -inflight.life, -inflight.rest
//
// # The power is cut, and the disk fails
//
//	go test ./cmd/devicebridge/proof -run PowerCut -v -power.cuts 30 -power.faults 20 -timeout 60m
//
// A kill -9 takes a process and leaves what it wrote to the system. Here the data
// directory is on a file system of package lossy, which forgets at a cut what was not
// synced and tears pages. For about a second its syncs fail, or writes, or reads too, in
// turn by an input/output error, for want of space, and since it may only be read; what a
// failed sync should have written counts as written from then on. A cut comes under load;
// during such a fault; after one, up to 1.2 s after the bridge promised something again;
// after one, a kill -9 and a new start; and a fault comes without a cut. As a control the bridge
// runs with BRIDGE_NATS_SYNC=interval, and the check has to find the loss. It needs
// Linux, /dev/fuse and user namespaces.
//
//	-power.cuts, -power.faults, -power.seed
//
// # A million events stored
//
//	go test ./cmd/devicebridge/proof -run '^$' -bench Stored -benchtime 1x -timeout 30m
//
// A bridge on a filled store is held against one on an empty store: start to ready
// after a clean stop and after kill -9, memory for each stored event, requests, and a
// sweep with 100,000 commands under way, with the postbacks meanwhile.
//
//	-stored.events, -stored.open, -stored.asks
//	-stored.keep=DIR  keeps the filled store, and takes it from there the next time
package proof
