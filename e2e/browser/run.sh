#!/usr/bin/env bash
# The login page and every other page for end users in Chromium against our server, which this
# starts and stops. Ends with 'N passed, M failed'.
#
#   e2e/browser/run.sh             all of it
#   SCREENS=folder e2e/browser/run.sh   the same, and keeps a picture of each page (needs pngquant)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
cache=${XDG_CACHE_HOME:-$HOME/.cache}/realmkeep/browser
. "$root/e2e/server.sh"
. "$root/e2e/libraries.sh"
server_build
npm_libraries "$here" "$cache"
server_up --themes-dir="$here/themes"
export_server
TEMPLATES=$(sed -n 's/^ *[a-z0-9_]*: [A-Za-z0-9]* = "\([a-z0-9-]*\)".*/\1/p' "$root/server/pages/src/page/mod.rs" | tr '\n' ' ' | sed 's/ $//')
export TEMPLATES
library node "$cache/login.mjs"
library node "$cache/pages.mjs"
server_down
server_without_admin=yes
server_up
server_without_admin=
export_server
library node "$cache/welcome.mjs"
# Keys are for a domain: an address is none.
server_down
server_host=localhost
server_up
export_server
library node "$cache/webauthn.mjs"
libraries_end
