// Package odata reads the part of OData's $filter language that Microsoft Graph takes for directory objects, and
// matches objects with it: eq, ne, ge, le and in; startsWith and endsWith; not, and, or and parentheses; null; the
// lambda collection/any(x:…) and collection/$count. Operators and functions are read in any casing, as Graph's pages
// write them in several; names of properties exactly.
//
// Strings are compared without regard to case, as the directory does: Graph's page on transitive memberships answers
// startswith(displayName,'a') with "AAD Contoso Users".
//
// It knows no resource: which property takes which operator is for the caller to say, with Walk.
package odata
