#!/usr/bin/env bash
# Applications' libraries, which log a person in and out, against our server, which this
# starts and stops. Ends with 'N passed, M failed'.
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
libraries_end
