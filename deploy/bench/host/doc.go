// Package host is what the benchmark knows of the machine it runs on: which cores
// there are, what a process used of them, what the rest of the machine took, and
// how fast the disk is.
//
// It promises that a process started with Start runs on the given core from its
// first instruction, and that it ends with the benchmark, whatever ends that. It
// reads /proc, so it is for Linux; elsewhere Cores gives an error that says so.
package host
