package signin

import (
	"net/url"
	"strings"
)

// PublicAuthority is the host of the public cloud's authority, where
// AZURE_AUTHORITY_HOST names no other.
const PublicAuthority = "https://login.microsoftonline.com"

// PersonalTenant is the tenant name under which only personal Microsoft accounts
// sign in; it is the default where a person does.
const PersonalTenant = "consumers"

// graphOf gives the Graph of each national cloud by the host of its authority, as
// Graph's page on national clouds lists them. The US government's second Graph,
// for the Department of Defense, has the same authority as the first; it is known
// by its own host.
func graphOf() map[string]string {
	return map[string]string{
		"login.microsoftonline.com":        "graph.microsoft.com",
		"login.microsoftonline.us":         "graph.microsoft.us",
		"login.partner.microsoftonline.cn": "microsoftgraph.chinacloudapi.cn",
		"login.chinacloudapi.cn":           "microsoftgraph.chinacloudapi.cn",
	}
}

const dodGraph = "dod-graph.microsoft.us"

// Resource gives the Graph that tokens are asked for, as the first part of a
// scope: the one that graphURL names if it is Microsoft's own, and for any other
// host, a gateway or an emulator, the Graph of the authority's cloud.
func Resource(graphURL, authorityHost string) string {
	host := hostname(graphURL)
	if host == dodGraph {
		return "https://" + dodGraph
	}
	for _, graph := range graphOf() {
		if host == graph {
			return "https://" + graph
		}
	}
	if graph := graphOf()[hostname(authorityHost)]; graph != "" {
		return "https://" + graph
	}
	return "https://graph.microsoft.com"
}

// Trusted reports whether an authority's URL is one of Microsoft's, which the
// libraries may look up in its instance discovery. Any other is the operator's
// own choice.
func Trusted(authorityHost string) bool { return graphOf()[hostname(authorityHost)] != "" }

func hostname(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Hostname())
}

// Needs says what the tokens are for.
type Needs struct {
	// Commands: device commands and the account's own devices.
	Commands bool
	// Directory: reading the directory's devices; DirectoryWrite: changing them too.
	Directory, DirectoryWrite bool
}

// Scopes gives what is asked for: the delegated permissions that Graph's pages
// list as the least for what is needed, or, for an application, what it was
// granted beforehand, which is all it can ask for.
func Scopes(m Mode, resource string, n Needs) []string {
	if !m.Personal() {
		return []string{resource + "/.default"}
	}
	var names []string
	if n.Commands {
		names = append(names, "Device.Command", "Device.Read")
	}
	if n.Directory || n.DirectoryWrite {
		names = append(names, "Device.Read.All", "Directory.Read.All")
	}
	if n.DirectoryWrite {
		names = append(names, "Directory.AccessAsUser.All", "Directory.ReadWrite.All")
	}
	scopes := make([]string, len(names))
	for i, name := range names {
		scopes[i] = resource + "/" + name
	}
	return scopes
}
