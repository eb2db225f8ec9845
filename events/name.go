package events

import "strings"

// nameCharacters are what the ids and names of Graph and Windows are made of: those
// that a segment of a URL's path takes as they are (RFC 3986, pchar), but for the
// percent sign and the semicolon, which servers read in different ways.
const nameCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,=:@"

// NameWords say what PlainName demands.
func NameWords() string {
	return "takes letters, digits and - . _ ~ ! $ & ' ( ) * + , = : @ and is more than dots: no space, no slash, and nothing that is not ASCII"
}

// PlainName reports whether a text can be a device id, a package family name or the
// name of an app service, or a pattern of one: every server, file system and reader
// sees the same in it.
func PlainName(text string) bool {
	return strings.Trim(text, nameCharacters) == "" && strings.Trim(text, ".") != ""
}
