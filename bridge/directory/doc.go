// Package directory answers requests about the devices registered in an
// organization's directory: what a requester may ask, what becomes of it, and
// with which words it is refused. It promises that
//
//   - a request is read strictly, and a member at fault is named;
//   - nothing in the directory is changed unless that was switched on, and what
//     was asked for once is asked of Graph once;
//   - a page token, whoever made it up, leads nowhere but to the directory's
//     devices;
//   - a refusal of Graph comes with Graph's own words and request id, with the
//     permission where one is missing, and with the time to wait where it asks
//     for that.
//
// It leaves out the HTTP, which is that of package graph, and NATS.
package directory
