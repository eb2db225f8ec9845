//go:build crash

package crash

import (
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// hits counts how often each point was passed.
var hits struct {
	mu    sync.Mutex
	count map[Point]int
}

// At kills this process with SIGKILL when CRASH_AT is this point, or
// "<point>:<k>" when the point is passed for the k-th time.
func At(p Point) {
	name, text, counted := strings.Cut(os.Getenv("CRASH_AT"), ":")
	if Point(name) != p {
		return
	}
	if counted {
		k, err := strconv.Atoi(text)
		if err != nil {
			panic("CRASH_AT: " + err.Error())
		}
		hits.mu.Lock()
		if hits.count == nil {
			hits.count = make(map[Point]int)
		}
		hits.count[p]++
		passed := hits.count[p]
		hits.mu.Unlock()
		if passed != k {
			return
		}
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // until the signal is delivered
}

// Without reports whether CRASH_WITHOUT names the law.
func Without(l Law) bool { return Law(os.Getenv("CRASH_WITHOUT")) == l }
