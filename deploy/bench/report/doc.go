// Package report makes tables of medians from the rounds of a run.
//
// A ratio between two variants is the median of the ratios of each round, since
// what slows the machine for a while slows both in the same round.
package report
