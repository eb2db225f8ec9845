// Package wire is what the parts of the emulated Graph have in common on HTTP: the headers of every answer, Graph's
// error object, the reading of request bodies, bearer tokens and paths, and who may use a control surface.
//
// It knows no operation and keeps no state.
package wire
