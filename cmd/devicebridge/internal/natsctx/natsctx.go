// Package natsctx reads the contexts of the nats command line: a server and how to sign
// in there, under a name. They are JSON files, nats/context/<name>.json in the user's
// configuration directory; nats/context.txt beside them names the selected one.
package natsctx

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Context is how to reach a NATS server. Its members have the names of the files'.
type Context struct {
	Name string `json:"-"`
	// URL is one or more addresses, comma separated; empty: that of the machine.
	URL string `json:"url"`

	User     string `json:"user"`
	Password string `json:"password"`
	Token    string `json:"token"`
	// Creds, NKey, CA, Cert and Key name files.
	Creds string `json:"creds"`
	NKey  string `json:"nkey"`
	CA    string `json:"ca"`
	Cert  string `json:"cert"`
	Key   string `json:"key"`
	// InboxPrefix is where answers are expected, where permissions ask for another than
	// _INBOX. TLSFirst begins with TLS before the server says a word.
	InboxPrefix string `json:"inbox_prefix"`
	TLSFirst    bool   `json:"tls_first"`
}

// unused are the members without which a context would lead elsewhere, and which this
// package does not give.
type unused struct {
	NSC         string `json:"nsc"`
	UserJWT     string `json:"user_jwt"`
	UserSeed    string `json:"user_seed"`
	SocksProxy  string `json:"socks_proxy"`
	CertStore   string `json:"windows_cert_store"`
	CertMatch   string `json:"windows_cert_match"`
	CertMatchBy string `json:"windows_cert_match_by"`
}

func (u unused) names() []string {
	var names []string
	for name, value := range map[string]string{
		"nsc": u.NSC, "user_jwt": u.UserJWT, "user_seed": u.UserSeed, "socks_proxy": u.SocksProxy,
		"windows_cert_store": u.CertStore, "windows_cert_match": u.CertMatch, "windows_cert_match_by": u.CertMatchBy,
	} {
		if value != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Dir gives the user's configuration directory by the XDG base directory
// specification, from the environment variables vars; empty without a home.
func Dir(vars map[string]string) string {
	if dir := vars["XDG_CONFIG_HOME"]; filepath.IsAbs(dir) {
		return dir
	}
	if home := vars["HOME"]; home != "" {
		return filepath.Join(home, ".config")
	}
	return ""
}

// Load reads the context of a name below the configuration directory dir. A leading
// "~/" of a file's name is home. The error names the context and quotes nothing of it.
func Load(dir, home, name string) (Context, error) {
	c := Context{Name: name}
	if name == "" || strings.ContainsAny(name, `/\`) || strings.HasPrefix(name, ".") {
		return c, fmt.Errorf("%q is no name of a NATS context", name)
	}
	text, err := os.ReadFile(filepath.Join(dir, "nats", "context", name+".json"))
	if errors.Is(err, fs.ErrNotExist) {
		known := "there are none in " + filepath.Join(dir, "nats", "context")
		if names := Names(dir); len(names) > 0 {
			known = "there are " + strings.Join(names, ", ")
		}
		return c, fmt.Errorf("there is no NATS context %q; %s", name, known)
	}
	if err != nil {
		return c, fmt.Errorf("NATS context %q: %w", name, err)
	}
	var more unused
	if err := errors.Join(json.Unmarshal(text, &c), json.Unmarshal(text, &more)); err != nil {
		return c, fmt.Errorf("the file of the NATS context %q is not as the nats command writes it", name)
	}
	if names := more.names(); len(names) > 0 {
		return c, fmt.Errorf("the NATS context %q has %s, which only the nats command knows to use; name the server and the credentials by themselves",
			name, strings.Join(names, ", "))
	}
	for _, file := range []*string{&c.Creds, &c.NKey, &c.CA, &c.Cert, &c.Key} {
		if rest, found := strings.CutPrefix(*file, "~/"); found && home != "" {
			*file = filepath.Join(home, rest)
		}
	}
	return c, nil
}

// Selected gives the name of the selected context, empty where none is.
func Selected(dir string) string {
	text, err := os.ReadFile(filepath.Join(dir, "nats", "context.txt"))
	if err != nil {
		return "" // as a rule there is none
	}
	return strings.TrimSpace(string(text))
}

// Names gives the names of all contexts, sorted.
func Names(dir string) []string {
	files, err := filepath.Glob(filepath.Join(dir, "nats", "context", "*.json"))
	if err != nil {
		return nil // a directory whose name is a pattern
	}
	names := make([]string, 0, len(files))
	for _, file := range files {
		names = append(names, strings.TrimSuffix(filepath.Base(file), ".json"))
	}
	slices.Sort(names)
	return names
}
