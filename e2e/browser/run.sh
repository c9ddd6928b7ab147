#!/usr/bin/env bash
# The pages in Chromium against our server, which this starts and stops. Ends with
# 'N passed, M failed'.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
cache=${XDG_CACHE_HOME:-$HOME/.cache}/realmkeep/browser
. "$root/e2e/server.sh"
. "$root/e2e/libraries.sh"
server_build
npm_libraries "$here" "$cache"
# Keys are for a domain: an address is none.
server_host=localhost
server_up
export_server
library node "$cache/login.mjs"
library node "$cache/webauthn.mjs"
libraries_end
