package graph

import "cmp"

// DefaultDirectoryURL is Graph's v1.0 endpoint, where the directory's devices are.
const DefaultDirectoryURL = "https://graph.microsoft.com/v1.0"

// Directory asks Graph about the devices registered in an organization's
// directory: the resource device of v1.0. Personal Microsoft accounts have none.
// It may be used by many goroutines at once.
type Directory struct{ client *Client }

// NewDirectory makes a client and sends nothing. BaseURL is the URL in front of
// "/devices", DefaultDirectoryURL where it is empty; nil Scopes mean
// DirectoryScopes. PostTimeout bounds every request that is no GET. The error is
// that of New.
func NewDirectory(options Options) (*Directory, error) {
	options.BaseURL = cmp.Or(options.BaseURL, DefaultDirectoryURL)
	if options.Scopes == nil {
		options.Scopes = DirectoryScopes()
	}
	client, err := New(options)
	if err != nil {
		return nil, err
	}
	return &Directory{client: client}, nil
}

// DirectoryScopes gives the scope that stands for every permission granted to
// the application: the only one that an app-only sign-in takes, and good for a
// delegated one too.
func DirectoryScopes() []string { return []string{"https://graph.microsoft.com/.default"} }

// Circuit says whether Graph is being left alone by this client.
func (d *Directory) Circuit() CircuitState { return d.client.Circuit() }

// CloseIdleConnections closes connections that no request uses, see
// Client.CloseIdleConnections.
func (d *Directory) CloseIdleConnections() { d.client.CloseIdleConnections() }
