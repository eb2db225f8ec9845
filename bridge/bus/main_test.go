package bus_test

import (
	"flag"
	"fmt"
	"os"
	"testing"
)

// sideBySide is how many tests run side by side unless the command line says
// otherwise: they mostly wait for servers, on any number of processors.
const sideBySide = "8"

func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", sideBySide); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	m.Run()
}
