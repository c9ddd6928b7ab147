// The application of the cluster test: a server that says what it was told about its
// caller, and a client that says what it was answered. It knows nothing of tokens.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

func main() {
	if len(os.Args) < 2 {
		fail("usage: app serve|call ...")
	}
	switch os.Args[1] {
	case "serve":
		serve(os.Args[2:])
	case "call":
		call(os.Args[2:])
	default:
		fail("usage: app serve|call ...")
	}
}

func fail(format string, values ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", values...)
	os.Exit(1)
}

// serve answers every path with the request's headers, as JSON.
func serve(args []string) {
	flags := flag.NewFlagSet("serve", flag.ExitOnError)
	listen := flags.String("listen", "127.0.0.1:8080", "address to listen on")
	flags.Parse(args)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(map[string]any{"path": r.URL.Path, "headers": r.Header})
	})
	fail("%v", http.ListenAndServe(*listen, handler))
}

type headers []string

func (h *headers) String() string { return strings.Join(*h, ", ") }
func (h *headers) Set(value string) error {
	*h = append(*h, value)
	return nil
}

// call prints the answer's status and body in one line; it fails only when there is
// no answer.
func call(args []string) {
	flags := flag.NewFlagSet("call", flag.ExitOnError)
	via := flags.String("via", "", "HTTP proxy to go through")
	method := flags.String("method", "GET", "HTTP method")
	body := flags.String("body", "", "form body")
	var extra headers
	flags.Var(&extra, "header", "Name: value (may be repeated)")
	flags.Parse(args)

	transport := &http.Transport{}
	if *via != "" {
		proxy, err := url.Parse(*via)
		if err != nil {
			fail("-via: %v", err)
		}
		transport.Proxy = http.ProxyURL(proxy)
	}
	request, err := http.NewRequest(*method, flags.Arg(0), strings.NewReader(*body))
	if err != nil {
		fail("%v", err)
	}
	if *body != "" {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, header := range extra {
		name, value, ok := strings.Cut(header, ":")
		if !ok {
			fail("-header %q: no colon", header)
		}
		request.Header.Add(name, strings.TrimSpace(value))
	}
	client := http.Client{Timeout: 15 * time.Second, Transport: transport}
	response, err := client.Do(request)
	if err != nil {
		fail("%v", err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		fail("%v", err)
	}
	fmt.Printf("%d %s\n", response.StatusCode, strings.TrimSpace(string(content)))
}
