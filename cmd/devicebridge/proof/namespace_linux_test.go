package proof

import (
	"errors"
	"flag"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// mounting is given to the child of a test that mounts file systems.
var mounting = flag.Bool("proof.mounting", false, "set by a test for its own child: it may mount file systems")

// notAllowed is in the words of a child that may not mount.
const notAllowed = "operation not permitted"

// mayMount reports whether this process may mount file systems. If not it runs the
// test in a child that may, and shows what that says. The child has user and mount
// namespaces of its own, which need no privileges where user namespaces are allowed,
// as they are on Linux unless somebody forbids them. Where that is so, or where
// there is no /dev/fuse, as in some containers, the test cannot be run at all.
func mayMount(t *testing.T) bool {
	t.Helper()
	if *mounting {
		return true
	}
	if _, err := os.Stat("/dev/fuse"); err != nil {
		t.Skipf("this machine has no file systems in user space: %v", err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"-test.run=^" + t.Name() + "$", "-test.v", "-test.timeout=60m", "-test.parallel=8", "-proof.mounting"}
	flag.Visit(func(f *flag.Flag) {
		if strings.HasPrefix(f.Name, "power.") || strings.HasPrefix(f.Name, "proof.") {
			args = append(args, "-"+f.Name+"="+f.Value.String())
		}
	})
	child := exec.CommandContext(t.Context(), self, args...)
	child.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
	}
	out, err := child.CombinedOutput()
	// Forbidden by a security module or a seccomp filter, or by their limit of 0.
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC) || strings.Contains(string(out), "mount: "+notAllowed) {
		t.Skipf("this machine forbids user namespaces, so that no file system can be mounted: %v\n%s", err, out)
	}
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("%v\n%s", err, out)
	} else {
		t.Logf("%s", out)
	}
	return false
}
