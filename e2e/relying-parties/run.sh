#!/usr/bin/env bash
# Applications' libraries, which log a person in and out, against our server, which this
# starts and stops. Ends with 'N passed, M failed'; with a line 'left out: ...' before it for
# what cannot be had.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
cache=${XDG_CACHE_HOME:-$HOME/.cache}/realmkeep/relying-parties
. "$root/e2e/server.sh"
. "$root/e2e/libraries.sh"
# By itself: another lock file, and no part of the workspace's target folder.
rust_client() {
	CARGO_TARGET_DIR=$cache/target cargo run --quiet --locked --manifest-path "$here/rust/Cargo.toml"
}

# The proxy is built from its Go module, which go.sum holds to the byte; it is kept.
oauth2_proxy() {
	local stamp program=$cache/oauth2-proxy
	if ! command -v go >/dev/null && [ -x /usr/local/go/bin/go ]; then
		PATH=$PATH:/usr/local/go/bin
	fi
	if ! command -v go >/dev/null; then
		echo 'left out: oauth2-proxy (no go: install Go 1.26, https://go.dev/dl)'
		return
	fi
	stamp=$({ go version; cat "$here"/oauth2-proxy/go.*; } | sha256sum)
	if [ "$(cat "$program.stamp" 2>/dev/null)" != "$stamp" ]; then
		go_module download || { echo 'left out: oauth2-proxy (its Go module cannot be fetched)'; return; }
		go_module build || { failed=$((failed + 1)); echo 'FAIL: oauth2-proxy: it does not build'; return; }
		echo "$stamp" >"$program.stamp"
	fi
	OAUTH2_PROXY=$program library node "$cache/oauth2_proxy.mjs"
}

go_module() (
	cd "$here/oauth2-proxy"
	export CGO_ENABLED=0 GOWORK=off GOFLAGS='-trimpath -buildvcs=false -mod=readonly'
	case $1 in
	# What is compiled, which is a part of what go.mod lists; once more after a hiccup.
	download) go list -deps tool >/dev/null || go list -deps tool >/dev/null ;;
	build) go build -ldflags '-s -w' -o "$cache/oauth2-proxy" tool ;;
	esac
)

server_build
npm_libraries "$here" "$cache"
python_libraries "$here" "$cache"
server_up
export_server
library node "$cache/openid_client.mjs"
library node "$cache/oauth4webapi.mjs"
library node "$cache/keycloak_js.mjs"
library "$cache/venv/bin/python" "$here/authlib_client.py"
library rust_client
library "$here/mod_auth_openidc.sh"
oauth2_proxy
libraries_end
