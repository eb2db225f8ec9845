package authority

import (
	"encoding/base64"
	"math/big"
)

// configuration is the discovery document of OpenID Connect Discovery 1.0, section 3, in the shape of Microsoft's.
func (a *Authority) configuration(x *exchange) (any, error) {
	tenant := x.base() + "/" + x.realm.name
	return map[string]any{
		"issuer":                                x.base() + "/" + x.realm.issuer() + "/v2.0",
		"authorization_endpoint":                tenant + "/oauth2/v2.0/authorize",
		"device_authorization_endpoint":         tenant + "/oauth2/v2.0/devicecode",
		"token_endpoint":                        tenant + "/oauth2/v2.0/token",
		"jwks_uri":                              tenant + "/discovery/v2.0/keys",
		"token_endpoint_auth_methods_supported": []string{"client_secret_post", "private_key_jwt"},
		"response_modes_supported":              []string{"query", "fragment", "form_post"},
		"response_types_supported":              []string{"code"},
		"subject_types_supported":               []string{"pairwise"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"code_challenge_methods_supported":      []string{"plain", "S256"},
		"scopes_supported":                      []string{"openid", "profile", "email", "offline_access"},
		"claims_supported":                      []string{"sub", "iss", "aud", "exp", "iat", "nbf", "nonce", "preferred_username", "name", "tid", "ver", "oid"},
	}, nil
}

// keys is the key set of RFC 7517 that every token of this authority is signed with, in every tenant.
func (a *Authority) keys(*exchange) (any, error) {
	encode := base64.RawURLEncoding.EncodeToString
	return map[string]any{"keys": []map[string]string{{
		"kty": "RSA", "use": "sig", "alg": "RS256", "kid": a.keyID,
		"n": encode(a.key.N.Bytes()), "e": encode(big.NewInt(int64(a.key.E)).Bytes()),
	}}}, nil
}
