// Package policy decides what may be asked of a bridge, before a command is
// accepted: which URIs a launchUri command may open, which app services may be
// called, which devices may be commanded, and how fast. It promises that a URI it
// lets pass is of an allowed scheme, has no part that two readers read
// differently, and is given on in the one form in which it was understood; and
// that a refusal names the member, the rule and the setting.
//
// It reads no file and no environment, and knows no clock but the time it is
// given. It does not judge what a URI leads to, and not the payload of an
// appService command, which belongs to the app.
package policy
