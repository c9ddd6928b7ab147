package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/url"
	"time"
)

// signer makes the signature of a JWT and names its algorithm.
type signer struct {
	alg  string
	sign func(digest []byte) []byte
}

// es256 signs with the key of clientKey, which the clients have registered.
func es256() signer {
	k := clientKey()
	return signer{"ES256", func(digest []byte) []byte {
		r, s, _ := ecdsa.Sign(rand.Reader, k, digest)
		out := make([]byte, 64)
		r.FillBytes(out[:32])
		s.FillBytes(out[32:])
		return out
	}}
}

// rs256 makes a key and registers it with the client: no RSA key can be had from a fixed number.
func rs256(client string) signer {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		die("%v", err)
	}
	jwks, _ := json.Marshal(M{"keys": []M{{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "k1", "n": b64(k.N.Bytes()), "e": "AQAB"}}})
	t := adminToken()
	_, b, _ := api(t, "GET", "/admin/realms/bench/clients?clientId="+url.QueryEscape(client), nil)
	var found []M
	if json.Unmarshal(b, &found) != nil || len(found) != 1 {
		die("client %s: %s", client, b)
	}
	found[0]["attributes"].(map[string]any)["jwks.string"] = string(jwks)
	if c, b, _ := api(t, "PUT", fmt.Sprintf("/admin/realms/bench/clients/%s", found[0]["id"]), found[0]); c/100 != 2 {
		die("keys of client %s: %d %s", client, c, b)
	}
	return signer{"RS256", func(digest []byte) []byte {
		s, _ := rsa.SignPKCS1v15(rand.Reader, k, crypto.SHA256, digest)
		return s
	}}
}

// jwt signs claims; more adds to the header.
func (s signer) jwt(claims, more M) string {
	header := M{"alg": s.alg, "typ": "JWT", "kid": "k1"}
	for k, v := range more {
		header[k] = v
	}
	h, _ := json.Marshal(header)
	p, _ := json.Marshal(claims)
	in := b64(h) + "." + b64(p)
	d := sha256.Sum256([]byte(in))
	return in + "." + b64(s.sign(d[:]))
}

// id is used once.
func id() string { return fmt.Sprintf("%d-%d", time.Now().UnixNano(), seq.Add(1)) }

// assertion proves who the client is (RFC 7523).
func (s signer) assertion(client string) string {
	n := time.Now().Unix()
	return s.jwt(M{"iss": client, "sub": client, "aud": *base + "/realms/bench", "iat": n, "exp": n + 50, "jti": id()}, nil)
}

// dpop proves the possession of the key for one request (RFC 9449).
func dpop(s signer, method, address string) string {
	return s.jwt(M{"htm": method, "htu": address, "iat": time.Now().Unix(), "jti": id()}, M{"typ": "dpop+jwt", "jwk": publicJWK()})
}
