package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"strings"
)

// clientKey is the key of private_key_jwt: from a fixed scalar, so that setup and run
// agree without a file.
func clientKey() *ecdsa.PrivateKey {
	d := sha256.Sum256([]byte("realmkeep load client key"))
	k := &ecdsa.PrivateKey{D: new(big.Int).SetBytes(d[:])}
	k.Curve = elliptic.P256()
	k.X, k.Y = k.Curve.ScalarBaseMult(d[:])
	return k
}

func sub(n int) string { return fmt.Sprintf("user%04d", n) }

// setup makes one realm for each signature algorithm; only "bench" has many users.
func setup() {
	for _, r := range []struct{ name, alg, provider string }{
		{"bench", "RS256", "rsa-generated"},
		{"bench-es256", "ES256", "ecdsa-generated"},
		{"bench-eddsa", "EdDSA", "eddsa-generated"},
	} {
		t := adminToken()
		api(t, "DELETE", "/admin/realms/"+r.name, nil)
		must(t, "/admin/realms", M{"realm": r.name, "enabled": true, "accessTokenLifespan": 3600, "ssoSessionIdleTimeout": 36000, "ssoSessionMaxLifespan": 36000})
		// The administrator has rights in a realm only with a token that is newer.
		t = adminToken()
		realm := "/admin/realms/" + r.name
		if !signs(r.name, r.alg) {
			must(t, realm+"/components", M{"name": r.provider, "providerId": r.provider, "providerType": "org.keycloak.keys.KeyProvider", "config": M{"priority": []string{"200"}, "enabled": []string{"true"}, "active": []string{"true"}}})
		}
		if c, b, _ := api(t, "PUT", realm, M{"realm": r.name, "defaultSignatureAlgorithm": r.alg}); c/100 != 2 {
			die("signature algorithm of %s: %d %s", r.name, c, b)
		}
		if c, b, _ := api(t, "POST", realm+"/identity-provider/instances", M{"alias": "k8s", "providerId": "kubernetes", "enabled": true, "config": M{"issuer": fmt.Sprintf("http://127.0.0.1:%d", *fakePort)}}); c != 201 {
			fmt.Fprintf(os.Stderr, "no kubernetes identity provider: %d %s\n", c, b)
		}
		for _, client := range clients() {
			must(t, realm+"/clients", client)
		}
		n := 1
		if r.name == "bench" {
			n = *users
		}
		for i := range n {
			if i%50 == 49 {
				t = adminToken() // an administrator's token lives for a minute
			}
			must(t, realm+"/users", M{"username": sub(i), "enabled": true, "email": sub(i) + "@example.test", "emailVerified": true, "firstName": "F", "lastName": "L", "credentials": []M{{"type": "password", "value": pass, "temporary": false}}})
		}
		m := form(tokURL(r.name), url.Values{"grant_type": {"client_credentials"}, "client_id": {"svc"}, "client_secret": {"svc-secret"}})
		h, _ := base64.RawURLEncoding.DecodeString(strings.Split(m["access_token"].(string), ".")[0])
		if !bytes.Contains(h, []byte(`"`+r.alg+`"`)) {
			die("realm %s signs with %s, not with %s", r.name, h, r.alg)
		}
	}
	if *argonNote {
		t := adminToken()
		_, b, _ := api(t, "GET", "/admin/realms/bench/users?username="+sub(0)+"&exact=true", nil)
		var l []M
		json.Unmarshal(b, &l)
		_, b, _ = api(t, "GET", "/admin/realms/bench/users/"+l[0]["id"].(string)+"/credentials", nil)
		fmt.Println(string(b))
	}
	fmt.Println("ready")
}

// publicJWK is the public part of clientKey.
func publicJWK() M {
	k := clientKey()
	coordinate := func(i *big.Int) string { b := make([]byte, 32); i.FillBytes(b); return b64(b) }
	return M{"kty": "EC", "crv": "P-256", "x": coordinate(k.X), "y": coordinate(k.Y)}
}

func clients() []M {
	key := publicJWK()
	key["use"], key["alg"], key["kid"] = "sig", "ES256", "k1"
	jwks, _ := json.Marshal(M{"keys": []M{key}})
	signs := func(alg, jwks string) M {
		return M{"use.jwks.string": "true", "jwks.string": jwks, "token.endpoint.auth.signing.alg": alg}
	}
	return []M{
		{"clientId": "svc", "secret": "svc-secret", "publicClient": false, "serviceAccountsEnabled": true, "standardFlowEnabled": false},
		{"clientId": "app", "secret": "app-secret", "publicClient": false, "standardFlowEnabled": true, "directAccessGrantsEnabled": true, "redirectUris": []string{cb},
			// introspection answers only a client that is in the token's audience
			"protocolMappers": []M{{"name": "aud", "protocol": "openid-connect", "protocolMapper": "oidc-audience-mapper", "config": M{"included.client.audience": "app", "access.token.claim": "true", "introspection.token.claim": "true"}}}},
		{"clientId": "jwt-es256", "publicClient": false, "serviceAccountsEnabled": true, "clientAuthenticatorType": "client-jwt", "attributes": signs("ES256", string(jwks))},
		// Its key comes with the scenario.
		{"clientId": "jwt-rs256", "publicClient": false, "serviceAccountsEnabled": true, "clientAuthenticatorType": "client-jwt", "attributes": signs("RS256", `{"keys":[]}`)},
		{"clientId": "bound", "publicClient": true, "directAccessGrantsEnabled": true, "attributes": M{"dpop.bound.access.tokens": "true"}},
		{"clientId": "device", "publicClient": true, "redirectUris": []string{cb}, "attributes": M{"oauth2.device.authorization.grant.enabled": "true"}},
		{"clientId": "fed", "publicClient": false, "serviceAccountsEnabled": true, "clientAuthenticatorType": "federated-jwt", "attributes": M{"jwt.credential.issuer": "k8s", "jwt.credential.sub": "system:serviceaccount:bench:sa"}},
	}
}

// signs says whether the realm has a key for the algorithm.
func signs(realm, alg string) bool {
	r, err := hc.Get(*base + "/realms/" + realm + "/protocol/openid-connect/certs")
	if err != nil {
		die("%v", err)
	}
	defer r.Body.Close()
	var set struct{ Keys []struct{ Alg string } }
	if r.StatusCode != http.StatusOK || json.NewDecoder(r.Body).Decode(&set) != nil {
		die("no keys of realm %s: %s", realm, r.Status)
	}
	for _, key := range set.Keys {
		if key.Alg == alg {
			return true
		}
	}
	return false
}

// must creates something.
func must(token, path string, body M) {
	if c, b, _ := api(token, "POST", path, body); c != 201 {
		die("POST %s: %d %s", path, c, b)
	}
}
