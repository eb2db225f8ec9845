package proof

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

var (
	raceChildren = flag.Bool("proof.race", false, "build the bridge with the race detector")
	verbose      = flag.Bool("proof.verbose", false, "show the logs of the processes also when the test passes")
)

// binaries is where the programs are built; TestMain makes and removes it.
var binaries string

func TestMain(m *testing.M) {
	flag.Parse()
	var err error
	if binaries, err = os.MkdirTemp("", "devicebridge-proof-"); err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(binaries) }()
	m.Run()
}

const bridgePackage = "devicebridge/cmd/devicebridge"

// The programs, each built when it is first asked for: the bridge as it is
// delivered, the bridge with crash points, and the NATS server of go.mod.
var (
	plainBridge = sync.OnceValues(func() (string, error) { return build("devicebridge", bridgePackage, "") })
	crashBridge = sync.OnceValues(func() (string, error) { return build("devicebridge-crash", bridgePackage, "crash") })
	natsServer  = sync.OnceValues(func() (string, error) { return build("nats-server", "github.com/nats-io/nats-server/v2", "") })
)

func build(name, pkg, tags string) (string, error) {
	file := filepath.Join(binaries, name)
	args := []string{"build", "-buildvcs=false", "-o", file, "-tags", tags}
	if *raceChildren && pkg == bridgePackage {
		args = append(args, "-race")
	}
	if out, err := exec.Command("go", append(args, pkg)...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build %s: %w: %s", pkg, err, out)
	}
	return file, nil
}
