package proof

import "syscall"

// childAttributes make a child end with the test process, whatever ends that.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
