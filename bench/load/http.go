package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"
)

var hc *http.Client

func client(n int) *http.Client {
	return &http.Client{Timeout: 60 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{MaxIdleConnsPerHost: n + 4, MaxConnsPerHost: 0, DisableCompression: true, DialContext: (&net.Dialer{Timeout: 10 * time.Second}).DialContext}}
}
func die(f string, a ...any) { fmt.Fprintf(os.Stderr, f+"\n", a...); os.Exit(1) }
func b64(b []byte) string    { return base64.RawURLEncoding.EncodeToString(b) }

func adminToken() string {
	m := form(*base+"/realms/master/protocol/openid-connect/token", url.Values{"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {*admin}, "password": {*adminPw}})
	return m["access_token"].(string)
}
func form(u string, v url.Values) map[string]any {
	r, err := hc.PostForm(u, v)
	if err != nil {
		die("%v", err)
	}
	defer r.Body.Close()
	b, _ := io.ReadAll(r.Body)
	var m map[string]any
	json.Unmarshal(b, &m)
	if r.StatusCode != 200 {
		die("%s -> %d %s", u, r.StatusCode, b)
	}
	return m
}
func api(tok, method, path string, body any) (int, []byte, string) {
	var rd io.Reader
	if body != nil {
		b, _ := json.Marshal(body)
		rd = bytes.NewReader(b)
	}
	q, _ := http.NewRequest(method, *base+path, rd)
	q.Header.Set("Authorization", "Bearer "+tok)
	q.Header.Set("Content-Type", "application/json")
	r, err := hc.Do(q)
	if err != nil {
		die("%v", err)
	}
	defer r.Body.Close()
	b, _ := io.ReadAll(r.Body)
	return r.StatusCode, b, r.Header.Get("Location")
}

type M = map[string]any
