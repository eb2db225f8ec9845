package signin

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// rotating is the credential of a mode whose secret, certificate or token stands in a
// file. The libraries read it once; this one reads it again when the authority, or
// Graph, did not take what it says.
type rotating struct {
	o Options

	mu    sync.Mutex
	inner azcore.TokenCredential
	// read tells the files' contents apart from others.
	read [sha256.Size]byte
}

// newRotating makes the credential of a mode; it is read again where it has a file.
func newRotating(o Options) (azcore.TokenCredential, error) {
	if len(o.files()) == 0 {
		return newCredential(o)
	}
	sum, err := o.readFiles()
	if err != nil {
		sum = [sha256.Size]byte{} // whoever uses the file says what is wrong, and when it is there it is news
	}
	inner, err := newCredential(o)
	if err != nil {
		return nil, err
	}
	return &rotating{o: o, inner: inner, read: sum}, nil
}

// files are those that the mode's credential is made of.
func (o Options) files() []string {
	var files []string
	add := func(mode Mode, names ...string) {
		for _, name := range names {
			if o.Mode == mode && name != "" {
				files = append(files, name)
			}
		}
	}
	add(ClientSecret, o.ClientSecretFile)
	add(ClientCertificate, o.CertificateFile, o.CertificatePasswordFile)
	add(WorkloadIdentity, o.FederatedTokenFile)
	add(Static, o.TokenFile)
	return files
}

// readFiles reads what the files say into o, and returns the sum of their contents.
// The certificate and the federated token are read by those that use them.
func (o *Options) readFiles() ([sha256.Size]byte, error) {
	all := sha256.New()
	for _, file := range o.files() {
		text, err := os.ReadFile(file)
		if err != nil {
			return [sha256.Size]byte{}, fmt.Errorf("sign-in: %w", err)
		}
		sum := sha256.Sum256(text)
		_, _ = all.Write(sum[:]) // a hash takes everything
		secret := string(bytes.TrimSpace(text))
		switch file {
		case o.ClientSecretFile:
			o.ClientSecret = secret
		case o.CertificatePasswordFile:
			o.CertificatePassword = secret
		case o.TokenFile:
			o.Token = secret
		}
	}
	return [sha256.Size]byte(all.Sum(nil)), nil
}

// GetToken implements azcore.TokenCredential.
func (r *rotating) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	if r.o.Mode == Static {
		r.renew() // it is never refused here, but by Graph
	}
	token, err := r.credential().GetToken(ctx, o)
	if err == nil || ctx.Err() != nil || !r.renew() {
		return token, err
	}
	return r.credential().GetToken(ctx, o)
}

func (r *rotating) credential() azcore.TokenCredential {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.inner
}

// changed reports whether the files say something else than what is used.
func (r *rotating) changed() bool {
	o := r.o
	sum, err := o.readFiles()
	r.mu.Lock()
	defer r.mu.Unlock()
	return err == nil && sum != r.read
}

// renew reads the files again, and reports whether they say something else that can
// be used. What cannot be read, as while a file is written, leaves what was used.
func (r *rotating) renew() bool {
	o := r.o
	sum, err := o.readFiles()
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil || sum == r.read {
		return false
	}
	inner, err := newCredential(o)
	if err != nil {
		r.o.Log.Warn("the file of a credential was replaced, and what it says now cannot be used; what it said before is", "error", err)
		return false
	}
	r.inner, r.read = inner, sum
	r.o.Log.Info("the file of a credential was replaced; what it says now is used", "mode", r.o.Mode)
	return true
}
