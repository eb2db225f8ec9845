package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// alwaysRefused are schemes that no setting allows: they run a script, read the
// device's files, carry the document in the URI, wrap another URI, or start a
// handler that was used to take over a machine.
func alwaysRefused() []string {
	return []string{
		// Scripts, and documents inside the URI.
		"javascript", "vbscript", "livescript", "mocha", "jscript", "x-javascript", "data", "blob", "filesystem", "about",
		// Files and shares; on Windows a share is also sent proof of the user's password.
		"file", "local", "smb", "cifs", "nfs", "afp", "disk", "disks", "content", "knownfolder", "shell", "search", "search-ms",
		// Parts of programs and archives, and what wraps another URI.
		"res", "resource", "mk", "its", "mhtml", "jar", "view-source", "wyciwyg", "feed", "read", "ie.http", "iehistory", "ierss",
		"chrome", "edge", "moz-icon", "moz-extension", "chrome-extension", "devtools",
		// Help, terminals and other handlers that turned a URI into a command line.
		"hcp", "vnd.ms.radio", "telnet", "rlogin", "tn3270", "ssh", "rdp", "ldap", "ldaps", "nntp", "news", "snews",
		"x-man-page", "applescript", "onenote", "onenote-cmd",
		// What installs a program or a profile, or starts any part of another app.
		"itms-services", "intent", "android-app", "x-apple.systempreferences",
	}
}

// systemPrefixes begin the schemes of Windows' and Office's own handlers, such as
// ms-msdt, ms-settings, ms-officecmd, ms-appinstaller, ms-word and microsoft-edge.
// Several of them were abused, and every release brings new ones, so all of them
// are refused.
func systemPrefixes() []string { return []string{"ms-", "microsoft-", "microsoft.", "com.microsoft."} }

// isAlwaysRefused says whether no setting allows a scheme, given in lower case.
func isAlwaysRefused(scheme string) bool {
	begins := func(prefix string) bool { return strings.HasPrefix(scheme, prefix) }
	return slices.Contains(alwaysRefused(), scheme) || slices.ContainsFunc(systemPrefixes(), begins)
}

// defaultSchemes are allowed where nothing else is set.
func defaultSchemes() []string { return []string{"https", "http"} }

// checkScheme says what is wrong with a scheme as a setting.
func checkScheme(word string) error {
	switch {
	case !regexp.MustCompile(`^[a-z][a-z0-9+.-]*$`).MatchString(word):
		return fmt.Errorf("%q is not a scheme in lower case, such as https or tel; name each that is wanted", word)
	case isAlwaysRefused(word):
		return fmt.Errorf("%q is refused always and cannot be allowed; take it out", word)
	}
	return nil
}
