package main

import (
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

var fieldRe = regexp.MustCompile(`<input[^>]*>`)

func attr(tag, name string) string {
	m := regexp.MustCompile(`\s` + name + `="([^"]*)"`).FindStringSubmatch(tag)
	if m == nil {
		return ""
	}
	return html.UnescapeString(m[1])
}

// walk opens an address in a browser with these cookies and fills in what it meets: a login
// page, and consent, until a page has no form.
func walk(c *http.Client, cookies map[string]string, address, user string) error {
	method, body := "GET", ""
	for range 12 {
		q, err := http.NewRequest(method, address, strings.NewReader(body))
		if err != nil {
			return err
		}
		if method == "POST" {
			q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		q.Header.Set("Cookie", cookie(cookies))
		r, err := c.Do(q)
		if err != nil {
			return err
		}
		b, _ := io.ReadAll(r.Body)
		r.Body.Close()
		jar(r.Header, cookies)
		if l := r.Header.Get("Location"); r.StatusCode/100 == 3 && l != "" {
			to, err := q.URL.Parse(l)
			if err != nil {
				return err
			}
			method, body, address = "GET", "", to.String()
			continue
		}
		f := actionRe.FindSubmatch(b)
		if r.StatusCode != 200 {
			return fmt.Errorf("%s: %d", q.URL.Path, r.StatusCode)
		}
		if f == nil {
			return nil
		}
		fields := url.Values{}
		for _, tag := range fieldRe.FindAllString(string(b), -1) {
			if attr(tag, "type") == "hidden" && attr(tag, "name") != "" {
				fields.Set(attr(tag, "name"), attr(tag, "value"))
			}
		}
		if strings.Contains(string(b), `name="password"`) {
			fields.Set("username", user)
			fields.Set("password", pass)
		} else {
			fields.Set("accept", "Yes")
		}
		to, err := q.URL.Parse(html.UnescapeString(string(f[1])))
		if err != nil {
			return err
		}
		method, body, address = "POST", fields.Encode(), to.String()
	}
	return fmt.Errorf("pages without end at %s", address)
}

// device is one grant of a device (RFC 8628) that a person who is signed in confirms.
func device(c *http.Client, cookies map[string]string, user string) error {
	b, err := post(c, *base+"/realms/bench/protocol/openid-connect/auth/device", url.Values{"client_id": {"device"}, "scope": {"openid"}})
	if err != nil {
		return err
	}
	var d struct {
		DeviceCode string `json:"device_code"`
		Complete   string `json:"verification_uri_complete"`
	}
	if err := json.Unmarshal(b, &d); err != nil {
		return err
	}
	if err := walk(c, cookies, d.Complete, user); err != nil {
		return err
	}
	_, err = post(c, tokURL("bench"), url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}, "client_id": {"device"}, "device_code": {d.DeviceCode}})
	return err
}
