package main

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

func tokURL(realm string) string {
	return *base + "/realms/" + realm + "/protocol/openid-connect/token"
}
func post(c *http.Client, u string, v url.Values) ([]byte, error) {
	q, _ := http.NewRequest("POST", u, strings.NewReader(v.Encode()))
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return do(c, q, 200)
}
func do(c *http.Client, q *http.Request, want int) ([]byte, error) {
	r, err := c.Do(q)
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err == nil && r.StatusCode != want {
		err = fmt.Errorf("%d %.120s", r.StatusCode, b)
	}
	return b, err
}

var actionRe = regexp.MustCompile(`(?s)<form[^>]*action="([^"]+)"`)

func jar(h http.Header, m map[string]string) {
	for _, c := range h.Values("Set-Cookie") {
		p := strings.SplitN(strings.SplitN(c, ";", 2)[0], "=", 2)
		if len(p) == 2 {
			if p[1] == "" {
				delete(m, p[0])
			} else {
				m[p[0]] = p[1]
			}
		}
	}
}
func cookie(m map[string]string) string {
	var l []string
	for k, v := range m {
		l = append(l, k+"="+v)
	}
	return strings.Join(l, "; ")
}

var nUser atomic.Int64

func nextUser() string { return sub(int(nUser.Add(1)) % *users) }

func login(c *http.Client, user string) error {
	m := map[string]string{}
	ch := sha256.Sum256([]byte(strings.Repeat("v", 50)))
	q, _ := http.NewRequest("GET", *base+"/realms/bench/protocol/openid-connect/auth?"+url.Values{"client_id": {"app"}, "redirect_uri": {cb}, "response_type": {"code"}, "scope": {"openid"}, "state": {"s"}, "nonce": {"n"}, "code_challenge": {b64(ch[:])}, "code_challenge_method": {"S256"}}.Encode(), nil)
	r, err := c.Do(q)
	if err != nil {
		return err
	}
	b, _ := io.ReadAll(r.Body)
	r.Body.Close()
	jar(r.Header, m)
	f := actionRe.FindSubmatch(b)
	if r.StatusCode != 200 || f == nil {
		return fmt.Errorf("auth page %d %.80s", r.StatusCode, b)
	}
	act, err := q.URL.Parse(html.UnescapeString(string(f[1])))
	if err != nil {
		return err
	}
	q, _ = http.NewRequest("POST", act.String(), strings.NewReader(url.Values{"username": {user}, "password": {pass}, "credentialId": {""}}.Encode()))
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	q.Header.Set("Cookie", cookie(m))
	r, err = c.Do(q)
	if err != nil {
		return err
	}
	b, _ = io.ReadAll(r.Body)
	r.Body.Close()
	l, _ := url.Parse(r.Header.Get("Location"))
	if r.StatusCode/100 != 3 || l == nil || l.Query().Get("code") == "" {
		return fmt.Errorf("login %d %s %.80s", r.StatusCode, r.Header.Get("Location"), b)
	}
	_, err = post(c, tokURL("bench"), url.Values{"grant_type": {"authorization_code"}, "code": {l.Query().Get("code")}, "redirect_uri": {cb}, "client_id": {"app"}, "client_secret": {"app-secret"}, "code_verifier": {strings.Repeat("v", 50)}})
	return err
}

var seq atomic.Int64

var (
	fedOnce sync.Once
	fedTok  atomic.Value
)

// a fake Kubernetes issuer on loopback and one service account token that is used again and again, as a projected token is
func fed() string {
	fedOnce.Do(func() {
		k, _ := rsa.GenerateKey(rand.Reader, 2048)
		iss := fmt.Sprintf("http://127.0.0.1:%d", *fakePort)
		kid := fmt.Sprintf("k%d", time.Now().UnixNano())
		mux := http.NewServeMux()
		js := func(w http.ResponseWriter, v any) {
			w.Header().Set("Content-Type", "application/json")
			json.NewEncoder(w).Encode(v)
		}
		mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) { js(w, M{"issuer": iss, "jwks_uri": iss + "/jwks"}) })
		mux.HandleFunc("/jwks", func(w http.ResponseWriter, _ *http.Request) {
			js(w, M{"keys": []M{{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, "n": b64(k.N.Bytes()), "e": "AQAB"}}})
		})
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", *fakePort))
		if err != nil {
			die("%v", err)
		}
		go http.Serve(l, mux)
		mk := func() {
			n := time.Now().Unix()
			h := b64([]byte(`{"alg":"RS256","typ":"JWT","kid":"` + kid + `"}`))
			p, _ := json.Marshal(M{"iss": iss, "sub": "system:serviceaccount:bench:sa", "aud": []string{*base + "/realms/bench"}, "iat": n, "nbf": n, "exp": n + 3000, "jti": fmt.Sprint(n)})
			in := h + "." + b64(p)
			d := sha256.Sum256([]byte(in))
			s, _ := rsa.SignPKCS1v15(rand.Reader, k, crypto.SHA256, d[:])
			fedTok.Store(in + "." + b64(s))
		}
		mk()
		go func() {
			for range time.Tick(10 * time.Minute) {
				mk()
			}
		}()
	})
	return fedTok.Load().(string)
}

const jwtBearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

type unit func() error

func scenario(name string, c *http.Client) func(worker int) unit {
	cc := func(realm string) func(int) unit {
		v := url.Values{"grant_type": {"client_credentials"}, "client_id": {"svc"}, "client_secret": {"svc-secret"}}
		return func(int) unit { return func() error { _, e := post(c, tokURL(realm), v); return e } }
	}
	pw := func(user string) M {
		return form(tokURL("bench"), url.Values{"grant_type": {"password"}, "client_id": {"app"}, "client_secret": {"app-secret"}, "username": {user}, "password": {pass}, "scope": {"openid"}})
	}
	switch name {
	case "token-client-credentials":
		return cc("bench")
	case "token-client-credentials-es256":
		return cc("bench-es256")
	case "token-client-credentials-eddsa":
		return cc("bench-eddsa")
	case "token-refresh":
		return func(w int) unit {
			rt := pw(sub(w % *users))["refresh_token"].(string)
			return func() error {
				b, e := post(c, tokURL("bench"), url.Values{"grant_type": {"refresh_token"}, "client_id": {"app"}, "client_secret": {"app-secret"}, "refresh_token": {rt}})
				if e == nil {
					var m struct{ Refresh_token string }
					json.Unmarshal(b, &m)
					rt = m.Refresh_token
				}
				return e
			}
		}
	case "token-password":
		return func(int) unit {
			return func() error {
				_, e := post(c, tokURL("bench"), url.Values{"grant_type": {"password"}, "client_id": {"app"}, "client_secret": {"app-secret"}, "username": {nextUser()}, "password": {pass}, "scope": {"openid"}})
				return e
			}
		}
	case "login-code-flow":
		return func(int) unit { return func() error { return login(c, nextUser()) } }
	case "introspection":
		at := pw(sub(0))["access_token"].(string)
		v := url.Values{"token": {at}, "client_id": {"app"}, "client_secret": {"app-secret"}}
		return func(int) unit {
			return func() error {
				b, e := post(c, tokURL("bench")+"/introspect", v)
				if e == nil && !bytes.Contains(b, []byte(`"active":true`)) {
					e = fmt.Errorf("not active")
				}
				return e
			}
		}
	case "userinfo":
		at := pw(sub(0))["access_token"].(string)
		return func(int) unit {
			return func() error {
				q, _ := http.NewRequest("GET", *base+"/realms/bench/protocol/openid-connect/userinfo", nil)
				q.Header.Set("Authorization", "Bearer "+at)
				_, e := do(c, q, 200)
				return e
			}
		}
	case "jwks":
		return func(int) unit {
			return func() error {
				q, _ := http.NewRequest("GET", *base+"/realms/bench/protocol/openid-connect/certs", nil)
				_, e := do(c, q, 200)
				return e
			}
		}
	case "discovery":
		return func(int) unit {
			return func() error {
				q, _ := http.NewRequest("GET", *base+"/realms/bench/.well-known/openid-configuration", nil)
				_, e := do(c, q, 200)
				return e
			}
		}
	case "token-private-key-jwt-es256", "token-private-key-jwt-rs256":
		client, s := "jwt-es256", es256()
		if name == "token-private-key-jwt-rs256" {
			client = "jwt-rs256"
			s = rs256(client)
		}
		return func(int) unit {
			return func() error {
				_, e := post(c, tokURL("bench"), url.Values{"grant_type": {"client_credentials"}, "client_assertion_type": {jwtBearer}, "client_assertion": {s.assertion(client)}})
				return e
			}
		}
	case "token-refresh-dpop":
		s := es256()
		bound := func(v url.Values) (string, error) {
			q, _ := http.NewRequest("POST", tokURL("bench"), strings.NewReader(v.Encode()))
			q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			q.Header.Set("DPoP", dpop(s, "POST", tokURL("bench")))
			b, e := do(c, q, 200)
			var m struct {
				Refresh string `json:"refresh_token"`
				Type    string `json:"token_type"`
			}
			if e == nil {
				e = json.Unmarshal(b, &m)
			}
			if e == nil && m.Type != "DPoP" {
				e = fmt.Errorf("not bound: %s", m.Type)
			}
			return m.Refresh, e
		}
		return func(w int) unit {
			rt, err := bound(url.Values{"grant_type": {"password"}, "client_id": {"bound"}, "username": {sub(w % *users)}, "password": {pass}})
			if err != nil {
				die("a bound token: %v", err)
			}
			return func() error {
				next, e := bound(url.Values{"grant_type": {"refresh_token"}, "client_id": {"bound"}, "refresh_token": {rt}})
				if e == nil {
					rt = next
				}
				return e
			}
		}
	case "device-grant":
		return func(w int) unit {
			cookies := map[string]string{}
			// The first one signs in.
			if err := device(c, cookies, sub(w%*users)); err != nil {
				die("a device's grant: %v", err)
			}
			return func() error { return device(c, cookies, sub(w%*users)) }
		}
	case "token-federated-jwt":
		return func(int) unit {
			fed()
			return func() error {
				_, e := post(c, tokURL("bench"), url.Values{"grant_type": {"client_credentials"}, "client_assertion_type": {jwtBearer}, "client_assertion": {fed()}})
				return e
			}
		}
	}
	die("unknown scenario %s", name)
	return nil
}
